"""What is verified before it goes live: each damage is found and named; only what passed is swapped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from commands.store.event_reader import StoredRow
from consumers.rebuild import verify as rebuild_verify
from consumers.rebuild.rebuild import RebuildRefused, RebuildStopped, begin, wait_ready
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import Verification, verify
from projections.control import versions
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.release import catch_up as level
from projections.release import lock_retry as attempts
from projections.release import swap as swapping
from projections.release import views
from projections.release.lock_retry import SwapRefused
from projections.release.schema import grant
from projections.runtime.projection import Projection
from tests.support.database import migrated
from tests.support.histories import long_history
from tests.support.pipeline_v2 import CHANGED_V2, PIPELINE_V2
from tests.support.rebuilding import Rebuilding
from tests.support.relaying import Relays
from tests.support.sealed_store import append_sealed
from tests.support.store import execute

HISTORY = long_history(400, spread=20).rows
OPPORTUNITY = "pipeline_v2.opportunity"


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """Version 2 of `pipeline`, filled and not verified yet, beside version 1; no relay and no worker runs."""
    urls = migrated(fresh_database)
    made = Rebuilding(urls, clean_topics, Relays(urls, clean_topics, tmp_path))
    append_sealed(urls, HISTORY)
    made.install(PIPELINE_V1)
    made.install(PIPELINE_V1, PIPELINE_V2)
    begin(PIPELINE_V2, made.places, by="tester")
    carry_on(PIPELINE_V2, made.places, workers=1)
    wait_ready(PIPELINE_V2, made.places)
    yield made
    made.close()


def verified(world: Rebuilding, projection: Projection = PIPELINE_V2, **how: Any) -> Verification:
    """What a verification says; the shares go on afterwards."""
    found = verify(projection, world.places, by="tester", **how)
    assert {share["state"] for share in world.shares(projection)} == {"running"}
    assert world.state(projection) == ("verified" if found.passed else "failed")
    return found


def swap(world: Rebuilding, plan: str | None = None) -> None:
    """To version 2, where it stands: nothing keeps version 1 up to date here."""
    execute(world.urls.admin, "UPDATE control.share SET position = 0 WHERE version = 1")
    swapping.swap(world.urls.owner, PIPELINE_V2, world.known, by="tester", why=None, plan=plan)


def test_sound_it_passes_and_every_damage_is_named(world: Rebuilding) -> None:
    sound = verified(world)
    assert sound.passed
    assert sound.rows == execute(
        world.urls.admin,
        "SELECT (SELECT count(*) FROM pipeline_v2.opportunity)"
        " + (SELECT count(*) FROM pipeline_v2.opportunity_version)",
    )[0][0]  # fmt: skip
    id, reopened = execute(
        world.urls.admin, f"SELECT id::text, reopened FROM {OPPORTUNITY} ORDER BY reopened DESC, id LIMIT 1"
    )[0]
    assert reopened > 0

    def damaged(statement: str) -> list[str]:
        """What is found after the statement, which is undone again."""
        execute(world.urls.admin, f"CREATE TABLE kept AS SELECT * FROM {OPPORTUNITY}")
        execute(world.urls.admin, f"CREATE TABLE kept_versions AS SELECT * FROM {OPPORTUNITY}_version")
        execute(world.urls.admin, statement)
        found = verified(world)
        assert not found.passed
        with pytest.raises(SwapRefused, match="has not passed its verification"):
            swap(world)
        execute(
            world.urls.admin,
            f"TRUNCATE {OPPORTUNITY}, {OPPORTUNITY}_version; INSERT INTO {OPPORTUNITY} SELECT * FROM kept; "
            f"INSERT INTO {OPPORTUNITY}_version SELECT * FROM kept_versions; DROP TABLE kept, kept_versions",
        )
        return [str(each) for each in found.differences]

    # A row damaged in the candidate.
    assert damaged(f"UPDATE {OPPORTUNITY} SET reopened = reopened + 1 WHERE id = '{id}'") == [
        f"{OPPORTUNITY}, id {id}, column reopened: found {reopened + 1}, expected {reopened}"
    ]
    # A record missing, and one too many; of the history as well.
    assert damaged(f"DELETE FROM {OPPORTUNITY} WHERE id = '{id}'") == [
        f"{OPPORTUNITY}, id {id}: the row is missing"
    ]
    assert damaged(f"DELETE FROM {OPPORTUNITY}_version WHERE id = '{id}' AND version = 2") == [
        f"{OPPORTUNITY}_version, id {id}/2: the row is missing"
    ]
    stranger = "00000000-0000-4000-8000-000000000001"
    columns = ", ".join(f"'{stranger}'::uuid" if name == "id" else name for name in _columns())
    assert damaged(f"INSERT INTO {OPPORTUNITY} SELECT {columns} FROM {OPPORTUNITY} LIMIT 1") == [
        f"{OPPORTUNITY}, id {stranger}: the row should not be there"
    ]
    assert verified(world, sample=1_000).passed
    swap(world)


def _columns() -> list[str]:
    return list(PIPELINE_V2.tables[0].columns)


def test_a_fold_that_changed_without_a_version_is_found(world: Rebuilding) -> None:
    found = verified(world, CHANGED_V2)
    assert not found.passed
    assert {each.column for each in found.differences} == {"reopened"}
    assert {each.table for each in found.differences} == {OPPORTUNITY, f"{OPPORTUNITY}_version"}
    # Each is named by its key: one that was reopened, and for the history the version from which on.
    reopened = {
        (id, version, str(count))
        for id, version, count in execute(
            world.urls.admin,
            f"SELECT id::text, version, reopened FROM {OPPORTUNITY}_version WHERE reopened > 0",
        )
    }
    for each in found.differences:
        id, _, version = each.key.removeprefix("id ").partition("/")
        assert each.found in {
            count for key, at, count in reopened if key == id and version in ("", str(at))
        }, each


def test_an_event_that_the_candidate_alone_holds_is_found(world: Rebuilding) -> None:
    ((aggregate, first),) = execute(
        world.urls.admin,
        "SELECT aggregate_id::text, position FROM store.event WHERE type = 'crm.opportunity.opened' LIMIT 1",
    )
    execute(
        world.urls.admin,
        "INSERT INTO control.held "
        "(projection, version, position, aggregate_id, party, category, error, event) "
        "SELECT 'pipeline', 2, position, aggregate_id, party, 'apply', 'as if', event"
        " FROM store.event WHERE aggregate_id = %s",
        (aggregate,),
    )
    execute(world.urls.admin, f"DELETE FROM {OPPORTUNITY} WHERE id = %s", (aggregate,))
    execute(world.urls.admin, f"DELETE FROM {OPPORTUNITY}_version WHERE id = %s", (aggregate,))
    found = verified(world)
    assert str(found.differences[0]) == (
        f"control.held, position {first}, column category: found apply, "
        "expected an applied event, as in the active version"
    )
    assert {each.table for each in found.differences} == {"control.held"}


def test_a_plan_says_what_a_swap_does_and_holds_only_while_nothing_moved(world: Rebuilding) -> None:
    first = swapping.plan(world.urls.owner, PIPELINE_V2, world.known)
    added = {change.view: change.added for change in first.views}
    assert added == dict.fromkeys(PIPELINE_V1.views, ()) | dict.fromkeys(
        ("opportunity", "opportunity_version"), ("reopened",)
    )
    assert {change.view: change.empty for change in first.back} == added
    assert swapping.plan(world.urls.owner, PIPELINE_V2, world.known).id == first.id
    verified(world)
    with pytest.raises(SwapRefused, match=f"The plan {first.id} is not what a swap .* would do now"):
        swap(world, first.id)
    assert execute(world.urls.admin, "SELECT version FROM control.active") == [(1,)]
    swap(world, swapping.plan(world.urls.owner, PIPELINE_V2, world.known).id)
    with pytest.raises(SwapRefused, match="is the active one, from which readers read"):
        swapping.drop(world.urls.owner, "pipeline", 2, by="tester", why=None)


def test_one_verification_at_a_time_is_at_it(world: Rebuilding, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever came second would let the shares go that the first compares."""
    compared = rebuild_verify._compare

    def comparing(*arguments: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(RebuildRefused, match="Another process verifies pipeline version 2"):
            verify(PIPELINE_V2, world.places, by="somebody else")
        assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"verifying"}
        assert world.state(PIPELINE_V2) == "verifying"
        return compared(*arguments)

    monkeypatch.setattr(rebuild_verify, "_compare", comparing)
    assert verified(world).passed


def test_without_a_worker_nobody_is_waited_for_long(world: Rebuilding) -> None:
    """Given a candidate that is behind, when none of its workers lives, then it says so within seconds, and
    names what starts one."""
    append_sealed(world.urls, long_history(3, spread=2, seed=8).rows)
    begun = time.monotonic()
    with pytest.raises(RebuildStopped, match="`rapport projection run pipeline --version 2`"):
        verify(PIPELINE_V2, world.places, by="tester")
    assert time.monotonic() - begun < 40
    assert world.state(PIPELINE_V2) == "ready"


def test_what_is_parked_since_the_verification_keeps_the_swap_back(world: Rebuilding) -> None:
    verified(world)
    ((at,),) = execute(
        world.urls.admin,
        "INSERT INTO control.held (projection, version, position, party, category, error, event) "
        "SELECT 'pipeline', 2, max(position) + 1, gen_random_uuid(), 'apply', 'as if', '' FROM store.event "
        "RETURNING position",
    )
    said = rf"events that the active version has applied, 1 of them, the first at position {at:,} \(apply\)"
    with pytest.raises(SwapRefused, match=said):
        swap(world)
    execute(
        world.urls.admin, "UPDATE control.held SET version = 1"
    )  # the active one has not applied it either
    execute(world.urls.admin, "INSERT INTO control.held SELECT projection, 2, position, aggregate_id, party, "
                            "category, error, event FROM control.held")  # fmt: skip
    swap(world)


def test_what_is_read_never_goes_back_in_time(world: Rebuilding, monkeypatch: pytest.MonkeyPatch) -> None:
    """The active version moves on after the candidate was level, as it does under load: the swap waits for
    the candidate while it holds the active one, and refuses where it does not come. So does a rollback."""
    verified(world)

    def move(version: int, timeout: str = "0") -> None:
        execute(
            world.urls.admin,
            f"SET lock_timeout = '{timeout}'; UPDATE control.share SET position = 9000 WHERE version = %s "
            "AND partition > 0",
            (version,),
        )

    execute(world.urls.admin, "UPDATE control.share SET position = 8000")
    for before, after in ((1, 2), (2, 1)):

        def change(to: int = after) -> object:
            if to == 2:
                return swapping.swap(
                    world.urls.owner, PIPELINE_V2, world.known, by="tester", why=None, plan=None
                )
            return swapping.rollback(world.urls.owner, "pipeline", world.known, by="tester", why=None)

        execute(world.urls.admin, "UPDATE control.share SET position = 8000")
        monkeypatch.setattr(swapping, "wait_level", lambda *_, b=before: move(b))
        monkeypatch.setattr(attempts, "RETRY_SECONDS", 0.1)
        monkeypatch.setattr(level, "HOLD_SECONDS", 0.1)
        with pytest.raises(SwapRefused, match=rf"version {after} is at position 8,000, .* at 9,000: readers"):
            change()
        assert execute(world.urls.admin, "SELECT version FROM control.active") == [(before,)]

        monkeypatch.setattr(level, "HOLD_SECONDS", 10.0)
        at_once: list[bool] = []

        def its_workers(b: int = before, a: int = after, met: list[bool] = at_once) -> None:
            """The active one's can't go on, the others' can."""
            try:
                move(b, "100ms")
            except psycopg2.errors.LockNotAvailable:
                met.append(True)
            move(a)

        later = threading.Timer(0.3, its_workers)
        later.start()
        change()
        later.join()
        assert at_once == [True]
        assert execute(world.urls.admin, "SELECT version FROM control.active") == [(after,)]


def test_a_reader_in_a_long_transaction_holds_up_the_swap_and_no_other_reader(
    world: Rebuilding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own version is what it goes on seeing; the others wait for a small part of the time, and for a
    plan, which changes nothing, once."""
    verified(world)
    waits: list[float] = []
    stop = threading.Event()

    def others() -> None:
        with closing(psycopg2.connect(world.urls.reader)) as connection, connection.cursor() as other:
            while not stop.is_set():
                began = time.monotonic()
                other.execute("SELECT count(*) FROM read.opportunity WHERE false")
                connection.rollback()
                waits.append(time.monotonic() - began)
                stop.wait(0.005)

    reading = threading.Thread(target=others)
    with closing(psycopg2.connect(world.urls.reader)) as reader, reader.cursor() as c:
        c.execute("SELECT count(*) FROM read.opportunity")
        reading.start()
        try:
            session = reader.info.backend_pid
            with pytest.raises(SwapRefused, match=rf"Readers hold the views .*\b{session}\b.* was changed"):
                swapping.plan(world.urls.owner, PIPELINE_V2, world.known)
            assert len([wait for wait in waits if wait > 0.2]) <= 1
            waits.clear()
            monkeypatch.setattr(attempts, "RETRY_SECONDS", 4.0)
            began = time.monotonic()
            with pytest.raises(SwapRefused, match="Readers held the views for 4 seconds"):
                swap(world)
            took = time.monotonic() - began
        finally:
            stop.set()
            reading.join()
        monkeypatch.undo()
        assert sum(wait for wait in waits if wait > 0.1) < took / 2, waits
        assert max(waits) < 2, "another reader was held up"
        c.execute("SET lock_timeout = '20s'; SELECT * FROM read.opportunity_version LIMIT 1")
        assert "reopened" not in [column.name for column in c.description or ()]
        reader.rollback()
    # A worker that has written rows and not committed yet is no reader of the views: it holds nothing up.
    with closing(psycopg2.connect(world.urls.worker)) as worker, worker.cursor() as c:
        c.execute("UPDATE pipeline_v1.opportunity SET stage = stage")
        monkeypatch.setattr(attempts, "RETRY_SECONDS", 1.0)
        swap(world)
        worker.rollback()


def test_a_column_that_changes_its_type_is_refused(world: Rebuilding, tmp_path: Path) -> None:
    folder = tmp_path / "v3"
    folder.mkdir()
    text = (PIPELINE_V2.folder / "views.sql").read_text()
    (folder / "views.sql").write_text(text.replace("probability,", "probability::text AS probability,", 1))
    changed = replace(PIPELINE_V2, folder=folder)
    with pytest.raises(
        views.ViewsDiffer, match=r"probability of read\.opportunity is integer, and version 2"
    ):
        swapping.plan(world.urls.owner, changed, [PIPELINE_V1, changed])
    (folder / "views.sql").write_text(text.split("CREATE OR REPLACE VIEW read.opportunity_version")[0])
    fewer = replace(changed, views=("opportunity",))
    with pytest.raises(views.ViewsDiffer, match=r"has no view read\.board, .*read\.opportunity_version"):
        swapping.plan(world.urls.owner, fewer, [PIPELINE_V1, fewer])


def test_what_is_closed_stays_closed_when_others_are_swapped(world: Rebuilding) -> None:
    world.install(*PROJECTIONS, PIPELINE_V2)
    with closing(psycopg2.connect(world.urls.owner)) as connection, connection, connection.cursor() as c:
        grant(c, [PIPELINE_V2])
        versions.activate(c, CUSTOMER_360_V1.name, 1)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(world.urls.reader, "SELECT count(*) FROM read.person")


def test_rows_of_the_store_are_what_was_appended() -> None:
    """The history reopens something, or the column that needs it would prove nothing."""
    reopened: list[StoredRow] = [row for row in HISTORY if row.type == "crm.opportunity.reopened"]
    assert len(reopened) > 5
