"""What reading promises: selections, notifications, the high-water mark, subscriptions; PostgreSQL 15 and 18.

The follower and the subscription miss nothing that commits late; `tests/faults/store/test_tailing.py` proves
the same beside 16 writers.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from commands.store.event_reader import EventReader, HighWaterMarkTimeout
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from commands.store.subscription import SettledSubscription
from tests.support.database import Urls
from tests.support.store import REMOVE_TRIGGER, execute, run, session, stored_event


@pytest.fixture
def urls(each_store: Urls) -> Urls:
    return each_store


@pytest.fixture
def recorder(urls: Urls) -> Iterator[PostgresApplicationRecorder]:
    pool = Pool(urls.app, 4)
    yield PostgresApplicationRecorder(pool)
    pool.close()


def test_a_selection_is_ordered_and_bounded(recorder: PostgresApplicationRecorder) -> None:
    """Given versions that were appended in another order, beside another aggregate's, when they are selected
    from, to, backwards and with a limit, then just those come, by version."""
    id = uuid4()
    for version in (3, 1, 5, 2, 4):
        recorder.insert_events([stored_event(id, version), stored_event(version=version)])

    def versions(**bounds: int | bool) -> list[int]:
        return [event.originator_version for event in recorder.select_events(id, **bounds)]  # type: ignore[arg-type]

    assert versions() == [1, 2, 3, 4, 5]
    assert versions(gt=2) == [3, 4, 5]
    assert versions(lte=2) == [1, 2]
    assert versions(gt=1, lte=4, limit=2) == [2, 3]
    assert versions(desc=True) == [5, 4, 3, 2, 1]
    assert versions(gt=1, lte=4, desc=True, limit=1) == [4]
    assert versions(gt=5) == versions(lte=0) == versions(limit=0) == []
    assert list(recorder.select_events(uuid4())) == []


def test_notifications_are_ordered_and_bounded(recorder: PostgresApplicationRecorder) -> None:
    """Given events of two types, with a gap, when notifications are selected from, to, by type and with a
    limit, then just those come, by position, with the event's columns."""
    events = [stored_event(type=f"crm.test.{n % 2}", event=b"%d" % n) for n in range(6)]
    at = list(recorder.insert_events(events[:3]))
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored_event(version=-1)])
    at += recorder.insert_events(events[3:])

    def found(start: int | None, limit: int = 100, stop: int | None = None, **more: object) -> list[int]:
        return [n.id for n in recorder.select_notifications(start, limit, stop, **more)]  # type: ignore[arg-type]

    assert found(None) == found(0) == at
    assert found(at[2]) == at[2:]
    assert found(at[2], inclusive_of_start=False) == at[3:]
    assert found(None, 2) == at[:2]
    assert found(at[1], 100, at[3]) == at[1:4]
    assert found(None, topics=["crm.test.1"]) == [at[1], at[3], at[5]]
    assert found(None, 1, at[4], topics=["crm.test.1", "other"], inclusive_of_start=False) == [at[1]]
    assert found(at[5] + 1) == []
    one = recorder.select_notifications(at[4], 1)[0]
    expected = events[4]
    assert (one.originator_id, one.originator_version, one.topic, one.state) == (
        (expected.originator_id, expected.originator_version, expected.topic, expected.state)
    )


@contextmanager
def reading_mark(url: str) -> Iterator[Future[int]]:
    """A follower that finds out, on a thread, the high-water mark."""

    def read_mark() -> int:
        with EventReader(url) as follower:
            return follower.high_water_mark(timeout=60)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(read_mark)


def lost_by_a_follower(urls: Urls) -> set[int]:
    """Positions a follower never sees when a lower one commits after a higher one: drawn in A, held; drawn in
    B, committed; the follower goes on; A commits; the follower goes on."""
    with session(urls.app) as a, session(urls.app) as b, EventReader(urls.relay) as follower:
        low = run(a, stored_event())
        high = run(b, stored_event())
        b.commit()
        try:
            first = follower.high_water_mark(timeout=0.3)
        except HighWaterMarkTimeout:
            first = 0
        seen = follower.read(0, first)
        a.commit()
        seen += follower.read(seen[-1].position if seen else 0, follower.high_water_mark())
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
    then has one, although the same session already appends in its next transaction."""
    with session(urls.app) as a:
        first = run(a, stored_event())
        with reading_mark(urls.relay) as mark:
            with pytest.raises(TimeoutError):
                mark.result(0.3)
            a.commit()
            run(a, stored_event())  # the same process, another transaction
            assert mark.result(60) == first


def test_writers_that_relieve_one_another_hold_no_follower_up(urls: Urls) -> None:
    """Given writers that hold on for longer than the follower waits, each beginning before the one before
    has ended, when the follower asks again and again, then it comes past each as soon as that has ended."""
    with session(urls.app) as a, session(urls.app) as b, EventReader(urls.relay) as follower:
        holding, next_one = a, b
        held = run(holding, stored_event())
        for _ in range(4):
            with pytest.raises(HighWaterMarkTimeout, match=r"^1 transaction.*high-water mark is not known"):
                follower.high_water_mark(timeout=0.05)
            begun = run(next_one, stored_event())
            holding.commit()
            assert follower.high_water_mark(timeout=60) == held
            holding, next_one, held = next_one, holding, begun
        holding.commit()
        assert follower.high_water_mark() == held


@pytest.mark.parametrize("before", [True, False], ids=["append-before", "nothing-before"])
def test_a_savepoint_rolled_back_gives_no_way_past_the_lock(urls: Urls, before: bool) -> None:
    """Given an append rolled back to a savepoint and another after it, held open, when a later one commits,
    then the follower waits for the one that is held."""
    with session(urls.app) as a, a.cursor() as cursor, EventReader(urls.relay) as follower:
        kept = [run(a, stored_event())] if before else []
        cursor.execute("SAVEPOINT here")
        run(a, stored_event())
        cursor.execute("ROLLBACK TO SAVEPOINT here")
        kept.append(run(a, stored_event()))
        with session(urls.app) as b:
            kept.append(run(b, stored_event()))
            b.commit()
        with pytest.raises(HighWaterMarkTimeout):
            follower.high_water_mark(timeout=0.2)
        a.commit()
        assert [row.position for row in follower.read(0, follower.high_water_mark())] == kept


def test_long_transactions_elsewhere_hold_nobody_up(urls: Urls) -> None:
    """Given long transactions with snapshots and numbers of their own, here and in another database of the
    cluster, with locks that look alike, when an event is appended, then the first look finds it settled."""
    with session(urls.admin) as here, session(urls.admin.rpartition("/")[0] + "/postgres") as there:
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
        with EventReader(urls.relay) as follower:
            assert follower.high_water_mark(timeout=0) == position


def test_a_subscription_misses_nothing_that_commits_late(
    urls: Urls, recorder: PostgresApplicationRecorder
) -> None:
    """Given an append held open, when a later one commits, then a subscription yields neither until the held
    one has ended, then both in order, then what comes next of the types asked for."""
    with recorder.subscribe(gt=0, topics=["crm.test.happened"]) as notes, ThreadPoolExecutor(1) as threads:
        with session(urls.app) as late:
            low = run(late, stored_event())
            (high,) = recorder.insert_events([stored_event()])
            waiting = threads.submit(lambda: [next(notes).id, next(notes).id])
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            late.commit()
        assert waiting.result(60) == [low, high]
        recorder.insert_events([stored_event(type="crm.test.other")])
        (last,) = recorder.insert_events([stored_event()])
        assert next(notes).id == last


def test_a_subscription_can_be_stopped_while_a_writer_holds_on(
    urls: Urls, recorder: PostgresApplicationRecorder
) -> None:
    """Given a subscription that waits for a held append, when it is stopped, then its iteration ends, before
    that append does, and its connection is free again."""
    subscription = recorder.subscribe(gt=0)
    assert isinstance(subscription, SettledSubscription)
    with session(urls.app) as open_session, ThreadPoolExecutor(1) as threads:
        run(open_session, stored_event())
        collecting = threads.submit(lambda: [note.id for note in subscription])
        with pytest.raises(TimeoutError):
            collecting.result(0.3)
        subscription.stop()
        assert collecting.result(60) == []
        open_session.rollback()
    assert recorder.max_notification_id() is None
