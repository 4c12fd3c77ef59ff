"""Filling a candidate from the store: the rows of an independent fold, whatever is killed or bad."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import psutil
import psycopg2
import pytest

from commands.store.event_reader import StoredRow
from consumers.rebuild import (
    source as rebuild_source,
)
from consumers.rebuild import (
    spill_file as rebuild_aside,
)
from consumers.rebuild import (
    verify as rebuild_verify,
)
from consumers.rebuild.rebuild import (
    RebuildProgress,
    RebuildRefused,
    RebuildStopped,
    abort,
    begin,
    pause,
    resume,
)
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import verify
from domain.events.catalogue import CATALOGUE
from projections.control import operations, rebuilds, versions
from projections.customer_360.v1.fold import CUSTOMER_360_V1
from projections.pipeline.v1.fold import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.release.schema import install
from projections.runtime import bulk_load as filling
from projections.runtime import indexes as bare
from projections.runtime.projection import Projection
from projections.runtime.replay import fold_all
from tests.support.database import PARTITIONS, migrated
from tests.support.histories import long_history, opened
from tests.support.killing import killed_in
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.read_side import normal, table_rows
from tests.support.rebuilding import Rebuilding
from tests.support.relaying import CHECKOUT, Relays, until
from tests.support.sealed_store import append_sealed
from tests.support.store import execute


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """A store and a broker; no relay and no worker runs."""
    urls = migrated(fresh_database)
    made = Rebuilding(urls, clean_topics, Relays(urls, clean_topics, tmp_path))
    yield made
    made.close()


def as_candidates(world: Rebuilding, *projections: Projection) -> None:
    """Installs them beside a version that is active and not theirs."""
    with closing(psycopg2.connect(world.urls.owner)) as connection, connection, connection.cursor() as c:
        install(world.urls.owner, [], partitions=PARTITIONS)
        for projection in projections:
            versions.activate(c, projection.name, 99)
    world.install(*projections)


def filled(world: Rebuilding, projection: Projection, **how: Any) -> None:
    """The candidate, rebuilt up to the hand-over."""
    begin(projection, world.places, by="tester", **how)
    carry_on(projection, world.places, workers=1)


def rows_of(world: Rebuilding, projection: Projection) -> Any:
    """What its tables hold."""
    with closing(psycopg2.connect(world.urls.admin)) as connection:
        return normal(table_rows(connection, projection))


def indexes(world: Rebuilding, projection: Projection) -> list[tuple[Any, ...]]:
    """Every key and index of the version."""
    return execute(
        world.urls.admin,
        "SELECT indexdef FROM pg_indexes WHERE schemaname = %s UNION ALL "
        "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = %s::regnamespace ORDER BY 1",
        (projection.schema, projection.schema),
    )


def test_every_read_model_is_filled_as_an_independent_fold_says(world: Rebuilding) -> None:
    """And its verification says so too, in processes that open private values for themselves."""
    stored = append_sealed(world.urls, long_history(1_200, every_family=True, spread=40).rows)
    as_candidates(world, *PROJECTIONS)
    for projection in PROJECTIONS:
        before = indexes(world, projection)
        filled(world, projection, events_per_slice=300)
        rows = rows_of(world, projection)
        assert rows == normal(fold_all(projection, stored, CATALOGUE, opened))
        assert indexes(world, projection) == before, "keys or indexes are not as they were"
        shares = world.shares(projection)
        assert {(share["state"], share["position"]) for share in shares} == {("running", stored[-1].position)}
        wanted = sum(row.type.split(".")[1] in projection.families for row in stored)
        assert sum(share["received"] for share in shares) == wanted
        found = verify(projection, world.places, by="tester", workers=2 if projection.private else 1)
        assert found.passed, found.differences
        assert (found.events, found.rows) == (wanted, sum(map(len, rows.values())))

    ((id, key),) = execute(
        world.urls.admin,
        "UPDATE customer_360_v1.person SET name = 'Somebody Else' WHERE id = (SELECT id FROM "
        "customer_360_v1.person WHERE name IS NOT NULL LIMIT 1) RETURNING id::text, party::text",
    )
    ((consent,),) = execute(
        world.urls.admin,
        "DELETE FROM customer_360_v1.consent WHERE id = (SELECT max(id) FROM customer_360_v1.consent) "
        "RETURNING id",
    )
    found = verify(CUSTOMER_360_V1, world.places, by="tester")
    untold = "a value (not told, since this model shows private values)"
    assert sorted(map(str, found.differences)) == [
        f"customer_360_v1.consent, id {consent}: the row is missing",
        f"customer_360_v1.person, id {id}, column name: found {untold}, expected {untold}",
    ]
    assert key in {each.party for each in found.differences}


def edited(row: StoredRow, **members: Any) -> StoredRow:
    """The event with other members in its envelope."""
    return row._replace(event=orjson.dumps(orjson.loads(row.event) | members))


def spoilt(history: Sequence[StoredRow]) -> tuple[list[StoredRow], dict[str, StoredRow]]:
    """The history with a bad event of each category, each of another aggregate; and which they are."""
    rows = list(history)
    bad: dict[str, StoredRow] = {}
    ways: dict[str, Callable[[StoredRow], StoredRow]] = {
        "decode": lambda row: row._replace(event=b"no JSON"),
        "unknown_type": lambda row: edited(row, dataschema="urn:rapport:crm.opportunity.won:99"),
        "apply": lambda row: edited(
            row, data={**orjson.loads(row.event)["data"], "competitor": "\x00", "reason": "\x00"}
        ),
    }
    kinds = {"decode": "stage_changed", "unknown_type": "won", "apply": "lost"}
    for category, way in ways.items():
        taken = {row.party for row in bad.values()}
        number = next(
            n for n, row in enumerate(rows)
            if row.type == f"crm.opportunity.{kinds[category]}" and row.party not in taken
        )  # fmt: skip
        rows[number] = way(rows[number])
        bad[category] = rows[number]
    return rows, bad


@pytest.mark.parametrize(
    ("portion", "flush", "events_per_slice"),
    [(rebuild_source.PORTION_EVENTS, filling.FLUSH_BYTES, 100), (5, 1_000, 1_000)],
)
def test_bad_events_are_parked_and_the_rest_is_filled(
    world: Rebuilding, portion: int, flush: int, events_per_slice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is no JSON, one of an unknown version, one with a value that PostgreSQL refuses, seen at the
    end of its slice or in its middle; its slice spilled, or too few to do so. All are received."""
    monkeypatch.setattr(filling, "FLUSH_BYTES", flush)
    monkeypatch.setattr(rebuild_source, "PORTION_EVENTS", portion)
    rows, bad = spoilt(long_history(400, spread=10).rows)
    stored = append_sealed(world.urls, rows)
    as_candidates(world, PIPELINE_V1)
    filled(world, PIPELINE_V1, events_per_slice=events_per_slice)
    found = execute(world.urls.admin, "SELECT position, category FROM control.held ORDER BY position")
    parked = {position for position, _ in found}
    first = {
        category: next(row.position for row in stored if row.event == event.event)
        for category, event in bad.items()
    }
    assert {(first[category], category) for category in bad} <= set(found)
    # What waits is later, and of the same aggregates; where the envelope can't be read, of the same party.
    spoiled_party = bad["decode"].party
    for row in stored:
        if row.position in parked and row.position not in first.values():
            assert row.party == spoiled_party or row.aggregate_id in {b.aggregate_id for b in bad.values()}
    applied = [row for row in stored if row.position not in parked]
    assert rows_of(world, PIPELINE_V1) == normal(fold_all(PIPELINE_V1, applied, CATALOGUE, opened))
    received = sum(share["received"] for share in world.shares(PIPELINE_V1))
    assert received == sum(row.type.startswith("crm.opportunity.") for row in stored)


@pytest.mark.parametrize("room", [True, False], ids=["no folder", "no room, seen while they are read"])
def test_where_events_cannot_be_put_aside_it_is_said_and_they_are_read_one_stretch_at_a_time(
    world: Rebuilding,
    tmp_path: Path,
    room: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "taken"
    why = f"No file can be made in {folder} (File exists)."
    if room:
        folder.write_text("")
    else:
        monkeypatch.setattr(rebuild_aside, "BUFFER_BYTES", 0)
        monkeypatch.setattr(rebuild_aside, "SPARE_BYTES", 1 << 60)
        why = f"Less than {1 << 30} GiB are free in {folder}."
    stored = append_sealed(world.urls, long_history(400).rows)
    as_candidates(world, PIPELINE_V1)
    begin(PIPELINE_V1, world.places, by="tester", events_per_slice=50)
    carry_on(PIPELINE_V1, replace(world.places, folder=folder), workers=1)
    assert rows_of(world, PIPELINE_V1) == normal(fold_all(PIPELINE_V1, stored, CATALOGUE, opened))
    assert [record.getMessage() for record in caplog.records if record.name == "consumers.rebuild.fill"] == [
        f"{why} Events are read slice by slice, which takes longer."
    ]


def runner(world: Rebuilding, log: Path) -> subprocess.Popen[bytes]:
    """A process that carries on with the rebuild."""
    told = {
        "owner": world.urls.owner, "store": world.urls.store, "bootstrap": world.bootstrap, "workers": 2
    }  # fmt: skip
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.support.rebuild_runner", json.dumps(told)],
            cwd=CHECKOUT, stdout=out, stderr=out,
        )  # fmt: skip


def done(world: Rebuilding) -> int:
    """Slices filled so far."""
    return int(execute(world.urls.admin, "SELECT count(*) FROM control.slice WHERE done")[0][0])


def test_killed_at_any_moment_it_goes_on_where_it_was(world: Rebuilding, tmp_path: Path) -> None:
    """The whole family killed, the process that started the others alone, and a pause in between."""
    stored = append_sealed(world.urls, long_history(1_000, spread=30).rows)
    as_candidates(world, PIPELINE_V2)
    begin(PIPELINE_V2, world.places, by="tester", events_per_slice=8)
    log = tmp_path / "runner.log"
    for whole_family in (True, False):
        before = done(world)
        process = runner(world, log)
        children = psutil.Process(process.pid)
        until(lambda b=before: done(world) > b, f"a slice filled\n{log.read_text()}", 100)  # type: ignore[misc]
        family = children.children(recursive=True) if whole_family else []
        process.kill()
        for child in family:
            child.kill()
        process.wait(10)
        psutil.wait_procs(family, 10)
    pause(PIPELINE_V2, world.places, by="tester", why="the night shift")
    assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"paused"}
    with pytest.raises(RebuildRefused, match="resume pipeline --version 2"):
        carry_on(PIPELINE_V2, world.places, workers=1)
    resume(PIPELINE_V2, world.places, by="tester")
    carry_on(PIPELINE_V2, world.places, workers=1)
    assert rows_of(world, PIPELINE_V2) == normal(fold_all(PIPELINE_V2, stored, CATALOGUE, opened))
    received = sum(share["received"] for share in world.shares(PIPELINE_V2))
    assert received == sum(row.type.startswith("crm.opportunity.") for row in stored)


def test_killed_in_every_step_it_goes_on_where_it_was(world: Rebuilding) -> None:
    """In the beginning, in indexing, in the hand-over and in the verification: the same command again ends
    what it began, and what came out is what would have come out."""
    stored = append_sealed(world.urls, long_history(300, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    before = indexes(world, PIPELINE_V2)

    def killed(module: ModuleType, name: str, work: Callable[[], Any], call: int = 1) -> None:
        killed_in(module, name, work, call=call)
        until(  # its sessions end a moment later
            lambda: execute(world.urls.admin, "SELECT count(*) FROM pg_stat_activity "
                          "WHERE application_name LIKE 'rapport %%'") == [(0,)],
            "its sessions end", 20,
        )  # fmt: skip

    def beginning() -> None:
        begin(PIPELINE_V2, world.places, by="tester", events_per_slice=50)

    def going_on() -> None:
        carry_on(PIPELINE_V2, world.places, workers=1)

    killed(operations, "note", beginning)
    assert world.state(PIPELINE_V2) is None
    assert indexes(world, PIPELINE_V2) == before, "what it took away came back with its transaction"
    beginning()
    killed(bare, "bring_back", going_on, call=2)
    assert done(world) > 1
    killed(rebuilds, "change", going_on)  # in the hand-over, before it commits
    assert world.state(PIPELINE_V2) == "filling"
    assert indexes(world, PIPELINE_V2) == before
    going_on()
    killed(rebuild_verify, "_compare", lambda: verify(PIPELINE_V2, world.places, by="tester"))
    assert world.state(PIPELINE_V2) == "verifying"
    assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"verifying"}
    with pytest.raises(RebuildRefused, match="is not paused but verifying"):
        resume(PIPELINE_V2, world.places, by="tester")
    assert verify(PIPELINE_V2, world.places, by="tester").passed
    assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"running"}
    assert rows_of(world, PIPELINE_V2) == normal(fold_all(PIPELINE_V2, stored, CATALOGUE, opened))
    received = sum(share["received"] for share in world.shares(PIPELINE_V2))
    assert received == sum(row.type.startswith("crm.opportunity.") for row in stored)


def test_an_aborted_one_is_begun_anew(world: Rebuilding) -> None:
    """Aborted in the middle of the fill. Its keys and indexes come back, and what it had filled does not come
    twice."""
    stored = append_sealed(world.urls, long_history(300, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    before = indexes(world, PIPELINE_V2)
    begin(PIPELINE_V2, world.places, by="tester", events_per_slice=1)
    with pytest.raises(RebuildRefused, match="is there already"):
        begin(PIPELINE_V2, world.places, by="tester")

    def given_up(progress: RebuildProgress) -> None:
        if world.state(PIPELINE_V2) and progress.done:
            abort(PIPELINE_V2, world.places, by="tester", why="a typo in the fold")

    with pytest.raises(RebuildStopped, match="was aborted"):
        carry_on(PIPELINE_V2, world.places, workers=1, tell=given_up)
    slices = int(execute(world.urls.admin, "SELECT count(*) FROM control.slice")[0][0])
    assert 0 < done(world) < slices, "it was in the middle"
    assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"aborted"}
    assert indexes(world, PIPELINE_V2) != before
    with pytest.raises(RebuildRefused, match="No rebuild"):
        carry_on(PIPELINE_V2, world.places)
    filled(world, PIPELINE_V2)
    assert indexes(world, PIPELINE_V2) == before
    assert rows_of(world, PIPELINE_V2) == normal(fold_all(PIPELINE_V2, stored, CATALOGUE, opened))


def test_of_indexing_it_tells_how_many_keys_and_indexes_are_there_again(world: Rebuilding) -> None:
    append_sealed(world.urls, long_history(20, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    there = "SELECT count(*) FROM pg_indexes WHERE schemaname = %s"  # a key has one, too
    whole = int(execute(world.urls.admin, there, (PIPELINE_V2.schema,))[0][0])
    begin(PIPELINE_V2, world.places, by="tester")
    told: list[RebuildProgress] = []
    carry_on(PIPELINE_V2, world.places, workers=2, tell=told.append)
    indexing = [progress for progress in told if progress.state == "indexing"]
    assert [(progress.done, progress.whole) for progress in indexing] == [
        (number, whole) for number in range(1, whole + 1)
    ]
    assert {progress.unit for progress in indexing} == {"keys and indexes"}


@pytest.mark.parametrize("share_first", [True, False], ids=["share first", "rows first"])
def test_a_failed_one_is_begun_anew_beside_its_workers(world: Rebuilding, share_first: bool) -> None:
    """They go on with a candidate that failed. Whatever one of them has locked when it is built anew, neither
    waits for the other in a circle, and what it writes then is not kept."""
    append_sealed(world.urls, long_history(40, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    filled(world, PIPELINE_V2)
    execute(world.urls.admin, "UPDATE control.rebuild SET state = 'failed'")
    write = (
        "UPDATE pipeline_v2.opportunity SET stage = 'of the old worker' WHERE id = "
        "(SELECT id FROM pipeline_v2.opportunity LIMIT 1)"
    )
    advance = "UPDATE control.share SET position = position + 1 WHERE version = 2 AND epoch = %s"
    epoch = world.shares(PIPELINE_V2)[0]["epoch"]
    failed: list[BaseException] = []

    def anew() -> None:
        try:
            begin(PIPELINE_V2, world.places, by="tester")
        except BaseException as error:
            failed.append(error)

    beginning = threading.Thread(target=anew)
    with closing(psycopg2.connect(world.urls.worker)) as worker, worker.cursor() as c:
        steps = [(advance, (epoch,)), (write, ())]
        first, second = steps if share_first else reversed(steps)
        c.execute(*first)
        beginning.start()
        until(
            lambda: execute(world.urls.admin, "SELECT count(*) FROM pg_stat_activity WHERE "
                          "wait_event_type = 'Lock' AND application_name = 'rapport rebuild'") == [(1,)],
            "the beginning waits", 20,
        )  # fmt: skip
        c.execute(*second)
        mine = c.rowcount
        worker.rollback() if not share_first and not mine else worker.commit()
    beginning.join()
    assert failed == []
    met = execute(
        world.urls.admin, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert met == [(0,)], "they waited for each other"
    assert share_first or mine == 0, "a worker that was fenced may not commit"
    carry_on(PIPELINE_V2, world.places, workers=1)
    assert verify(PIPELINE_V2, world.places, by="tester").passed


def test_paused_or_aborted_in_the_middle_it_stops_and_says_so(
    world: Rebuilding, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_sealed(world.urls, long_history(100, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    begin(PIPELINE_V2, world.places, by="tester")
    bring_back = bare.bring_back

    def paused_meanwhile(c: Any, part: Any) -> bool:
        monkeypatch.undo()
        pause(PIPELINE_V2, world.places, by="somebody else")
        return bring_back(c, part)

    monkeypatch.setattr(bare, "bring_back", paused_meanwhile)
    with pytest.raises(RebuildStopped, match="was paused; what is filled is kept"):
        carry_on(PIPELINE_V2, world.places, workers=1)
    assert world.state(PIPELINE_V2) == "paused"


def test_candidates_past_a_restored_store_are_aborted(world: Rebuilding) -> None:
    stored = append_sealed(world.urls, long_history(100, spread=10).rows)
    as_candidates(world, PIPELINE_V2)
    filled(world, PIPELINE_V2)
    last = stored[-1].position
    with closing(psycopg2.connect(world.urls.owner)) as connection, connection, connection.cursor() as c:
        assert rebuilds.abort_past(c, last) == []
        assert rebuilds.abort_past(c, last - 1) == ["pipeline v2"]
        assert rebuilds.abort_past(c, last - 1) == []
    assert {share["state"] for share in world.shares(PIPELINE_V2)} == {"aborted"}


def test_the_active_version_is_not_rebuilt(world: Rebuilding) -> None:
    append_sealed(world.urls, long_history(20, spread=10).rows)
    world.install(PIPELINE_V1)
    with pytest.raises(RebuildRefused, match="version 1 is the active one"):
        begin(PIPELINE_V1, world.places, by="tester")


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
def test_every_read_model_can_be_sent_to_the_processes_that_fill_it(projection: Projection) -> None:
    """Its functions are ones of a module, not made within another."""
    sent = pickle.loads(pickle.dumps(projection))
    assert sent.title == projection.title
    assert [table.columns for table in sent.tables] == [table.columns for table in projection.tables]
