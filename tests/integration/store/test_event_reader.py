"""The follower: exact bytes, pages bounded by rows and bytes, parties, settled positions, healing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from uuid import UUID, uuid4

import psycopg2
import pytest

from commands.store.event_reader import EventReader, StoredRow, _RowSink
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from tests.support.database import Urls, migrated
from tests.support.store import execute, run, session, stored_event

AWKWARD = (
    b'{"a":"tab\\t, line\\n, \\\\, \\"\\\\\\""}',
    '{"a":"żółć €"}'.encode(),
    b"\xff\x00\t\n\\N\\.",
    b"",
)


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def recorder(urls: Urls) -> Iterator[PostgresApplicationRecorder]:
    pool = Pool(urls.app, 2)
    yield PostgresApplicationRecorder(pool)
    pool.close()


@pytest.fixture
def follower(urls: Urls) -> Iterator[EventReader]:
    with EventReader(urls.relay) as follower:
        yield follower


def test_an_empty_store_is_settled_at_0(follower: EventReader) -> None:
    """Given no event, then head and settled position are 0, and reading gives nothing."""
    assert (follower.head(), follower.high_water_mark(), follower.read(0, 100)) == (0, 0, [])
    assert list(follower.stream(0, 100)) == []


def test_rows_are_what_was_stored(recorder: PostgresApplicationRecorder, follower: EventReader) -> None:
    """Given bytes that text formats stumble over, when they are read, then they are the same, with their
    columns; single appends and COPY alike."""
    events = [
        stored_event(event=event, type=f"crm.test.n{n}", party=uuid4()) for n, event in enumerate(AWKWARD)
    ]
    again = [stored_event(event=event, party=uuid4()) for event in AWKWARD]
    recorder.insert_events(events)
    recorder.insert_bulk(again)
    rows = {row.aggregate_id: row for row in follower.read(0, follower.high_water_mark())}
    for event in events + again:
        row = rows[UUID(str(event.originator_id))]
        assert (row.version, row.type, row.party, row.event) == (1, event.topic, event.party, event.state)
    assert sorted(row.position for row in rows.values()) == list(range(1, 9))


def test_a_page_ends_at_its_rows_or_bytes(
    recorder: PostgresApplicationRecorder, follower: EventReader
) -> None:
    """Given events of 100 bytes, when a page is bounded by rows, by bytes or by a position, then it is as
    long as that, never empty while there is more, and the next goes on behind it."""
    recorder.insert_events([stored_event(event=b"x" * 100) for _ in range(10)])

    def page(after: int, upto: int, limit: int, max_bytes: int) -> list[int]:
        return [row.position for row in follower.read(after, upto, limit=limit, max_bytes=max_bytes)]

    assert page(0, 10, 3, 10_000) == [1, 2, 3]
    assert page(3, 10, 100, 250) == [4, 5, 6]  # it may pass the bound by one event
    assert page(6, 10, 100, 1) == [7]
    assert page(7, 9, 100, 10_000) == [8, 9]


def test_a_stream_gives_all_once_over_many_pages(
    recorder: PostgresApplicationRecorder, follower: EventReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more events than a page holds, when they are streamed, then all come once, in order."""
    recorder.insert_bulk([stored_event() for _ in range(1000)])
    pages: list[int] = []
    read = follower.read

    def small(after: int, upto: int) -> list[StoredRow]:
        pages.append(after)
        return read(after, upto, limit=300)

    monkeypatch.setattr(follower, "read", small)
    positions = [row.position for row in follower.stream(10, 990)]
    assert positions == list(range(11, 991))
    assert len(pages) == 5


def test_a_page_is_read_from_the_index_alone(urls: Urls, follower: EventReader) -> None:
    """Given a store that was filled since it was last analysed, when a page is read, then PostgreSQL has
    read no more than the page: never, for each page, all the rest of the store."""
    execute(
        urls.admin,
        "INSERT INTO store.event (aggregate_id, version, type, party, event)"
        " SELECT gen_random_uuid(), 1, 't', gen_random_uuid(), 'x' FROM generate_series(1, 20000)",
    )
    assert len(follower.read(0, 20_000, limit=100)) == 100
    follower.close()  # a session reports what it read when it ends, at the latest
    read = "SELECT idx_tup_fetch, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'event'"
    for _ in range(200):
        fetched, scanned = execute(urls.admin, read)[0]
        if fetched:
            break
        time.sleep(0.02)
    assert 100 <= fetched <= 102
    assert scanned == 0


def test_a_party_has_its_events_alone_in_order(
    recorder: PostgresApplicationRecorder, follower: EventReader
) -> None:
    """Given events of two parties, when one is read, up to a position or not, then only its own come."""
    party = uuid4()
    mine = [stored_event(party=party) for _ in range(4)]
    for event in mine:
        recorder.insert_events([event, stored_event()])
    rows = follower.party(party)
    assert [row.aggregate_id for row in rows] == [event.originator_id for event in mine]
    assert all(a.position < b.position for a, b in pairwise(rows))
    assert follower.party(party, rows[1].position) == rows[:2]
    assert follower.party(uuid4()) == []


def test_burnt_positions_alone_do_not_move_the_settled_position(urls: Urls, follower: EventReader) -> None:
    """Given positions that only aborted transactions drew, then the store is settled at its last event: after
    a crash those positions may be drawn again, so nobody may go on behind them."""
    with session(urls.app) as writer:
        kept = run(writer, stored_event())
        writer.commit()
        burnt = run(writer, stored_event())
        writer.rollback()
    assert execute(urls.admin, "SELECT last_value FROM store.event_position_seq") == [(burnt,)]
    assert follower.high_water_mark() == kept


def test_an_idle_look_is_one_query(urls: Urls, follower: EventReader) -> None:
    """Given nothing new, when the follower looks again, then it asks for the sequence's value alone; an event
    appended afterwards is seen all the same."""
    with session(urls.app, autocommit=True) as writer:
        run(writer, stored_event())
        assert follower.high_water_mark() == 1
        pid, asked = last_query(urls)
        assert "max(position)" in asked
        assert follower.high_water_mark() == 1
        assert last_query(urls) == (pid, last_query(urls)[1])
        assert "event_position_seq" in last_query(urls)[1]
        run(writer, stored_event())
        assert follower.high_water_mark() == 2


def last_query(urls: Urls) -> tuple[int, str]:
    pid, query = execute(
        urls.admin, "SELECT pid, query FROM pg_stat_activity WHERE usename = 'rapport_relay'"
    )[0]
    return pid, query


@pytest.mark.parametrize(
    "act",
    [EventReader.high_water_mark, EventReader.head, lambda follower: follower.read(0, 2)],
    ids=["settled", "head", "read"],
)
def test_a_follower_heals(
    urls: Urls,
    recorder: PostgresApplicationRecorder,
    follower: EventReader,
    act: Callable[[EventReader], object],
) -> None:
    """Given a follower whose session the server ended, when it reads again, then it fails once with the
    driver's error for that, and works again afterwards."""
    recorder.insert_events([stored_event()])
    assert follower.high_water_mark() == 1
    execute(
        urls.admin,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'rapport_relay'",
    )
    recorder.insert_events([stored_event()])
    with pytest.raises(psycopg2.OperationalError):
        act(follower)
    assert follower.high_water_mark() == 2
    assert [row.position for row in follower.read(0, 2)] == [1, 2]


def test_a_session_that_ends_within_a_page_is_the_same_error(
    urls: Urls,
    recorder: PostgresApplicationRecorder,
    follower: EventReader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a page of many bytes, when the server ends the session while it is sent, then that is the
    driver's error for a database that is away, which is waited out, and the next call has the page."""
    recorder.insert_bulk([stored_event(event=b"x" * 20_000) for _ in range(1000)])
    write, ended = _RowSink.write, False

    def end_session_first(sink: _RowSink, data: bytes) -> None:
        nonlocal ended
        if not ended:
            ended = True
            execute(
                urls.admin,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE usename = 'rapport_relay' AND datname = current_database()",
            )
        write(sink, data)

    monkeypatch.setattr(_RowSink, "write", end_session_first)
    with pytest.raises(psycopg2.OperationalError):
        follower.read(0, 1000)
    assert len(follower.read(0, 1000)) == 1000
