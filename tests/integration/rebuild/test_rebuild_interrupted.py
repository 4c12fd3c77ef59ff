"""Filling a candidate that is killed, paused, aborted or failed: it goes on, or says why it does not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg2
import pytest

from consumers.rebuild import verify as rebuild_verify
from consumers.rebuild.operate import abort, pause, resume
from consumers.rebuild.rebuild import RebuildProgress, RebuildRefused, RebuildStopped, begin
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import verify
from domain.events.catalogue import CATALOGUE
from projections.control import operations, rebuilds
from projections.runtime import indexes as bare
from projections.runtime.replay import fold_all
from tests.support.candidates import as_candidates, filled, indexes, rows_of
from tests.support.database import migrated
from tests.support.histories import long_history, opened
from tests.support.killing import killed_in
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.read_side import normal
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
