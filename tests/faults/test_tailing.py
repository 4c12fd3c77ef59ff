"""A follower beside writers that commit late, abort, stall, are killed: nothing missed, nothing twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Event

import pytest

from commands.store.follower import Follower, NotSettled, StoredRow
from tests.support.database import Urls, migrated
from tests.support.store import execute, run, session, stored_event

WRITERS = 12
SECONDS = 5.0
REMOVE_TRIGGER = "DROP TRIGGER hold_append_lock ON store.event"


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@contextmanager
def settling(url: str) -> Iterator[Future[int]]:
    """A follower that finds out, on a thread, up to where the store is settled."""

    def settle() -> int:
        with Follower(url) as follower:
            return follower.settled(timeout=20)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(settle)


def lost_by_a_follower(urls: Urls) -> set[int]:
    """Positions a follower never sees when a lower one commits after a higher one: drawn in A, held; drawn in
    B, committed; the follower goes on; A commits; the follower goes on."""
    with session(urls.app) as a, session(urls.app) as b, Follower(urls.relay) as follower:
        low = run(a, stored_event())
        high = run(b, stored_event())
        b.commit()
        try:
            first = follower.settled(timeout=0.3)
        except NotSettled:
            first = 0
        seen = follower.read(0, first)
        a.commit()
        seen += follower.read(seen[-1].position if seen else 0, follower.settled(timeout=5))
    assert low < high
    return {low, high} - {row.position for row in seen}


def test_a_lower_position_that_commits_late_is_not_lost(urls: Urls) -> None:
    """Given a held append, when a later one commits first, then the follower waits and sees both."""
    assert lost_by_a_follower(urls) == set()


def test_without_the_trigger_a_lower_position_that_commits_late_is_lost(urls: Urls) -> None:
    """Given the same without the trigger, then the held event is lost: it is the trigger that keeps it."""
    execute(urls.owner, REMOVE_TRIGGER)
    assert lost_by_a_follower(urls) == {1}


def test_the_follower_waits_for_who_drew_positions_and_no_longer(urls: Urls) -> None:
    """Given an append held open, when a follower asks, then it gets no answer until that one has ended, and
    then at once, although the same session already appends in its next transaction."""
    with session(urls.app) as a:
        first = run(a, stored_event())
        with settling(urls.relay) as settled:
            with pytest.raises(TimeoutError):
                settled.result(0.3)
            a.commit()
            run(a, stored_event())  # the same process, another transaction
            assert settled.result(5) == first


@pytest.mark.parametrize("before", [True, False], ids=["append-before", "nothing-before"])
def test_a_savepoint_rolled_back_gives_no_way_past_the_lock(urls: Urls, before: bool) -> None:
    """Given an append rolled back to a savepoint and another after it, held open, when a later one commits,
    then the follower waits for the one that is held."""
    with session(urls.app) as a, a.cursor() as cursor, Follower(urls.relay) as follower:
        kept = [run(a, stored_event())] if before else []
        cursor.execute("SAVEPOINT here")
        run(a, stored_event())
        cursor.execute("ROLLBACK TO SAVEPOINT here")
        kept.append(run(a, stored_event()))
        with session(urls.app) as b:
            kept.append(run(b, stored_event()))
            b.commit()
        with pytest.raises(NotSettled):
            follower.settled(timeout=0.2)
        a.commit()
        assert [row.position for row in follower.read(0, follower.settled(timeout=5))] == kept


def test_long_transactions_elsewhere_hold_nobody_up(urls: Urls, postgres_url_elsewhere: str) -> None:
    """Given long transactions with snapshots and numbers of their own, here and in another database, when an
    event is appended, then it settles at once."""
    with session(urls.admin) as here, session(postgres_url_elsewhere) as there:
        for opened in (here, there):
            opened.set_session("REPEATABLE READ")
            with opened.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id()")
                # The same lock in another database, and another lock in this one.
                cursor.execute(
                    "SELECT pg_advisory_xact_lock_shared(1380012112, %s)", (1 if opened is there else 9,)
                )
        with session(urls.app) as writer:
            position = run(writer, stored_event())
            writer.commit()
        with Follower(urls.relay) as follower:
            started = time.monotonic()
            assert follower.settled(timeout=5) == position
            assert time.monotonic() - started < 1


@pytest.fixture
def postgres_url_elsewhere(urls: Urls) -> str:
    return urls.admin.rpartition("/")[0] + "/postgres"


def start_writer(url: str, seed: int) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.support.tailing_writer", str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    writer.stdin.write(url + "\n")
    writer.stdin.flush()
    return writer


def follow(url: str, ended: Event) -> list[StoredRow]:
    """All rows a follower sees, from the start until it has seen all there was when `ended` was set."""
    seen: list[StoredRow] = []
    with Follower(url) as follower:
        while True:
            last_round = ended.is_set()
            after = seen[-1].position if seen else 0
            seen += follower.read(after, follower.settled(timeout=20), limit=500)
            if last_round and follower.settled() == (seen[-1].position if seen else 0):
                return seen


def test_a_follower_misses_nothing_beside_writers_of_all_kinds(urls: Urls) -> None:
    """Given writers that commit, abort, hold open, roll back to savepoints, copy and are killed with -9, when
    a follower reads from the start, then it sees each committed event once, in order, and no other."""
    chance, ended, killed = Random(3), Event(), 0
    writers = [start_writer(urls.app, seed) for seed in range(WRITERS)]
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, urls.relay, ended)
        try:
            for writer in writers:
                assert writer.stdout is not None
                assert writer.stdout.readline() == "writing\n"
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                time.sleep(chance.uniform(0.2, 0.4))
                victim = chance.randrange(WRITERS)
                end(writers[victim], kill=True)
                writers[victim] = start_writer(urls.app, 100 + killed)
                killed += 1
        finally:
            for writer in writers:
                end(writer, kill=False)
            ended.set()
        seen = following.result(30)
    committed = execute(urls.admin, "SELECT position FROM store.event ORDER BY position")
    burnt = execute(urls.admin, "SELECT last_value FROM store.event_position_seq")[0][0]
    assert [(row.position,) for row in seen] == committed
    assert {row.type for row in seen} == {"kept"}
    assert killed > 10
    assert burnt > len(seen) > 1000  # many committed, and positions were burnt


def end(writer: subprocess.Popen[str], *, kill: bool) -> None:
    """Kills with -9, or closes its standard input and waits."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    if kill:
        writer.kill()
    writer.stdin.close()
    writer.wait(20)
    writer.stdout.close()
