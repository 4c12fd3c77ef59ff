"""Readers beside 16 writers that commit late, abort, stall, are killed: nothing missed, nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from statistics import median
from uuid import UUID, uuid4

import pytest

from tests.support.database import Urls, migrated
from tests.support.store import REMOVE_TRIGGER, execute, run, session, stored_event
from tests.support.tailing import Facts, Following, Reader, Writers, lags, missed, reading, wrongs
from tests.support.tailing_writer import TOGETHER

WRITERS = 16
END_READERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE usename = 'rapport_worker' AND datname = current_database()"
)


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@contextmanager
def long_transactions_elsewhere(urls: Urls) -> Iterator[None]:
    """Open all the time, with a snapshot, a number and a written row each: one in another database of the
    cluster, which also holds the same lock there, and one that wrote another table of this database."""
    elsewhere = urls.admin.rpartition("/")[0] + "/postgres"
    execute(urls.admin, "CREATE TABLE public.elsewhere (n integer)")
    with session(urls.admin) as here, session(elsewhere) as there:
        for opened, acts in (
            (
                here,
                "INSERT INTO public.elsewhere VALUES (1); SELECT pg_advisory_xact_lock_shared(1380012112, 9)",
            ),
            (
                there,
                "CREATE TEMPORARY TABLE mine (n integer); SELECT pg_advisory_xact_lock_shared(1380012112, 1)",
            ),
        ):
            opened.set_session("REPEATABLE READ")
            with opened.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id(); " + acts)
        yield
        assert [opened.info.transaction_status for opened in (here, there)] == [2, 2]  # still in it
    execute(urls.admin, "DROP TABLE public.elsewhere")


def wait_until(reached: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"after {seconds:g} s there was no end to waiting until {what}"
        time.sleep(0.02)


def late(urls: Urls, readers: list[Reader], seconds: float) -> tuple[UUID, Callable[[Facts], None]]:
    """An event whose position is drawn first and committed last: not before each reader has passed it, or,
    where none does, `seconds` seconds later. Which one it is, and what notes it and the other."""
    low, high = uuid4(), uuid4()
    with session(urls.app) as a, session(urls.app) as b:
        late_appends, passed = run(a, stored_event(low)), run(b, stored_event(high))
        b.commit()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(reader.position < passed for reader in readers):
            time.sleep(0.02)
        committing = time.monotonic_ns()
        a.commit()

    def note(facts: Facts) -> None:
        facts.note("plans", committing, {low: late_appends})
        facts.note("plans", 0, {high: passed})
        facts.note("done", time.monotonic_ns(), {low: late_appends, high: passed})

    return low, note


def tail(
    urls: Urls, folder: Path, seed: int, *, kills: int, guarded: bool = True
) -> tuple[list[Reader], Facts, UUID]:
    """Writers and readers side by side, until `kills` processes of writers were killed and an event came
    late. What both noted, and which event that was.

    The long transactions elsewhere end when the readers have seen everything. Not `guarded` by the trigger's
    lock a reader may be at its end before the writers are at theirs; there it is enough that each has passed
    the event that comes late.
    """
    chance = Random(seed)
    folder.mkdir()
    with ExitStack() as stack:
        stack.enter_context(long_transactions_elsewhere(urls))
        readers = stack.enter_context(reading(urls, chance))
        writers = stack.enter_context(Writers(urls.app, folder))
        writers.start(WRITERS)
        wait_until(writers.all_wrote, "all writers write")
        for number in range(kills):
            time.sleep(chance.uniform(0.1, 0.5))
            writers.kill(chance)
            writers.start(TOGETHER)
            if number % 2:  # not each time: a wait for who holds on for seconds begins anew with a session
                execute(urls.admin, END_READERS)
        came_late, note = late(urls, readers, seconds=2 if guarded else 60)
        writers.end()
        head = execute(urls.admin, "SELECT max(position) FROM store.event")[0][0] if guarded else 0
        wait_until(lambda: all(r.failed or r.position >= head for r in readers), "all readers are at the end")
    facts = Facts(folder)
    note(facts)
    return readers, facts, came_late


def test_readers_miss_nothing_beside_writers_of_all_kinds(
    urls: Urls, tmp_path: Path, faults: int | None, fault_seed: int
) -> None:
    """Given 16 writers that append one, several, many, abort, hold for seconds, roll back to savepoints,
    share connections and are killed with -9, and long transactions elsewhere, when readers follow from the
    start, one of them over ever new connections, then each sees each committed event once, in order, not
    before its commit, and nothing else, while those long transactions are still open."""
    print(f"--fault-seed={fault_seed}")  # noqa: T201  # shown when the test fails
    readers, facts, _ = tail(urls, tmp_path / "facts", fault_seed, kills=faults or 12)
    assert [wrong for reader in readers for wrong in wrongs(reader, facts)] == []
    assert facts.broken == 0
    stored = {UUID(id) for (id,) in execute(urls.admin, "SELECT aggregate_id::text FROM store.event")}
    for reader in readers:
        assert {read.aggregate for read in reader.seen} == stored
    # Nobody waited for anything but appends, the longest of which were held for two seconds.
    assert median(lags(readers[0], facts)) < 30
    # It was what it says: many events, positions burnt, a reader over ever new connections.
    burnt = execute(urls.admin, "SELECT last_value FROM store.event_position_seq")[0][0] - len(stored)
    assert len(stored) > 200
    assert burnt > 10
    assert isinstance(readers[1], Following)
    assert readers[1].connections > 3


def test_without_the_triggers_lock_the_same_readers_miss_events(
    urls: Urls, tmp_path: Path, fault_seed: int
) -> None:
    """Given the same without the trigger, then each reader has missed the event that came late, every time:
    it is the trigger's lock that keeps them from that."""
    print(f"--fault-seed={fault_seed}")  # noqa: T201  # shown when the test fails
    execute(urls.owner, REMOVE_TRIGGER)
    readers, facts, came_late = tail(urls, tmp_path / "facts", fault_seed, kills=2, guarded=False)
    for reader in readers:
        assert came_late in missed(reader, facts), reader.name
        assert wrongs(reader, facts) != []
