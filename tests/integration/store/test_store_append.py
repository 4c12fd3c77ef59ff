"""Appending: one round trip, all or nothing, in bulk with positions, refusals as domain errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg2
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from commands.store.claims import Claim, ClaimTable
from commands.store.idempotency import Answer, Idempotency
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from tests.support.database import Urls, migrated
from tests.support.store import execute, run, session, stored_event
from tests.support.wire import counted

PRINCIPAL = uuid4()


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def pool(urls: Urls) -> Iterator[Pool]:
    pool = Pool(urls.app, 8)
    yield pool
    pool.close()


@pytest.fixture
def recorder(pool: Pool) -> PostgresApplicationRecorder:
    return PostgresApplicationRecorder(pool)


def positions_of(urls: Urls) -> dict[tuple[UUID, int], int]:
    rows = execute(urls.admin, "SELECT aggregate_id::text, version, position FROM store.event")
    return {(UUID(id), version): position for id, version, position in rows}


def test_events_with_claims_and_key_take_one_round_trip(urls: Urls) -> None:
    """Given an open connection, when events, claims and an idempotency row are appended, then the client
    sends one bundle and has the positions."""
    with counted(urls.app) as wire:
        pool = Pool(wire.url, 1)
        recorder = PostgresApplicationRecorder(pool)
        recorder.insert_events([stored_event()])
        before = wire.sent
        event, id = stored_event(), uuid4()
        row = Idempotency(pool, b"k" * 32).row(PRINCIPAL, "key", b"request", Answer(201))
        positions = recorder.insert_events(
            [event, stored_event(id), stored_event(id, 2)],
            claims=[Claim("crm", "4711", id)],
            idempotency=row,
        )
        sent = wire.sent - before
        pool.close()
    assert sent == 1
    assert list(positions) == [2, 3, 4]


def test_positions_come_in_the_order_of_the_events(urls: Urls, recorder: PostgresApplicationRecorder) -> None:
    """Given events of several aggregates, when they are appended, then each has the position answered for
    it, and its bytes, type and party are the ones given."""
    events = [stored_event(event=b'{"n":%d}' % n, party=uuid4()) for n in range(5)]
    answered = recorder.insert_events(events)
    found = positions_of(urls)
    assert [found[UUID(str(e.originator_id)), 1] for e in events] == list(answered)
    rows = execute(urls.admin, "SELECT type, party::text, event FROM store.event ORDER BY position")
    assert [(t, p, bytes(e)) for t, p, e in rows] == [(e.topic, str(e.party), e.state) for e in events]


@pytest.mark.parametrize("conflict", ["version", "claim", "key"])
def test_a_conflict_leaves_nothing_behind(
    urls: Urls, pool: Pool, recorder: PostgresApplicationRecorder, conflict: str
) -> None:
    """Given a version, a claim or a key that is taken, when an append meets it, then no event, no claim and
    no key of that append is there."""
    idempotency = Idempotency(pool, b"k" * 32)
    taken = stored_event()
    recorder.insert_events(
        [taken],
        claims=[Claim("crm", "taken", uuid4())],
        idempotency=idempotency.row(PRINCIPAL, "taken", b"r", Answer(200)),
    )
    kept = {"version": "free", "claim": "free", "key": "free"} | {conflict: "taken"}
    event = taken if conflict == "version" else stored_event()
    with pytest.raises(IntegrityError):
        recorder.insert_events(
            [stored_event(), event],
            claims=[Claim("crm", "also free", uuid4()), Claim("crm", kept["claim"], uuid4())],
            idempotency=idempotency.row(PRINCIPAL, kept["key"], b"r", Answer(200)),
        )
    assert set(positions_of(urls)) == {(taken.originator_id, 1)}
    assert set(ClaimTable(pool).find("crm", ["free", "also free", "taken"])) == {"taken"}
    assert idempotency.find(PRINCIPAL, "free", b"r") is None


def test_the_error_quotes_no_values(recorder: PostgresApplicationRecorder) -> None:
    """Given a claim that is taken, when it is met again, then the error's text does not quote the external
    id, which may be somebody's address."""
    claim = Claim("crm", "jane@example.org", uuid4())
    recorder.insert_events([stored_event()], claims=[claim])
    with pytest.raises(IntegrityError) as refused:
        recorder.insert_events([stored_event()], claims=[claim])
    assert "jane" not in str(refused.value)
    assert "jane" not in repr(claim)


def test_bulk_answers_positions_while_others_append(
    urls: Urls, recorder: PostgresApplicationRecorder
) -> None:
    """Given single appends at the same time, when thousands go in at once, then each has the position that
    is answered for it, in the order given, and versions of an aggregate ascend."""
    ended = threading.Event()

    def others() -> int:
        count = 0
        while not ended.is_set():
            recorder.insert_events([stored_event()])
            count += 1
        return count

    ids = [uuid4() for _ in range(500)]
    events = [stored_event(id, version) for version in (1, 2, 3, 4) for id in ids]
    claims = [Claim("crm", str(id), id, b"digest") for id in ids]
    with ThreadPoolExecutor(2) as threads:
        counting = [threads.submit(others) for _ in range(2)]
        try:
            answered = recorder.insert_bulk(events, claims)
        finally:
            ended.set()
        assert sum(count.result() for count in counting) > 0
    found = positions_of(urls)
    assert [found[UUID(str(e.originator_id)), e.originator_version] for e in events] == answered
    assert all(found[id, v] < found[id, v + 1] for id in ids for v in (1, 2, 3))
    assert len(ClaimTable(recorder.pool).find("crm", [str(id) for id in ids])) == 500


@pytest.mark.parametrize("conflict", ["version", "claim"])
def test_bulk_is_all_or_nothing(urls: Urls, recorder: PostgresApplicationRecorder, conflict: str) -> None:
    """Given a version or a claim that is taken, when a bulk meets it, then nothing of the bulk is there."""
    taken = stored_event()
    recorder.insert_bulk([taken], [Claim("crm", "taken", uuid4())])
    events = [stored_event() for _ in range(100)] + ([taken] if conflict == "version" else [])
    claims = [Claim("crm", "free", uuid4())]
    if conflict == "claim":
        claims.append(Claim("crm", "taken", uuid4()))
    with pytest.raises(IntegrityError):
        recorder.insert_bulk(events, claims)
    assert set(positions_of(urls)) == {(taken.originator_id, 1)}
    assert set(ClaimTable(recorder.pool).find("crm", ["free", "taken"])) == {"taken"}


def test_bulk_has_a_limit(recorder: PostgresApplicationRecorder) -> None:
    """Given more than 10,000 events, when they are to go in at once, then that is refused before anything."""
    with pytest.raises(ValueError, match="10,000"):
        recorder.insert_bulk([stored_event()] * 10_001)
    assert recorder.insert_bulk([]) == []


@pytest.mark.parametrize("way", ["insert_events", "insert_bulk"])
def test_an_append_that_dies_in_a_deadlock_is_done_again(
    urls: Urls, recorder: PostgresApplicationRecorder, way: str
) -> None:
    """Given another transaction that meets an append in the other order, when PostgreSQL ends the append,
    then it is done again behind the other one, and answers right positions."""
    low, high, last = (stored_event(UUID(int=n)) for n in (1, 2, 3))
    # Each session looks for a deadlock once, so long after it began to wait: the append has to be the one
    # that finds it, on a busy machine too.
    execute(
        urls.admin,
        "DO $$ BEGIN EXECUTE format('ALTER ROLE rapport_app IN DATABASE %I SET deadlock_timeout TO %L',"
        " current_database(), '2s'); END $$",
    )
    with session(urls.admin) as other, ThreadPoolExecutor(1) as threads:
        with other.cursor() as cursor:
            cursor.execute("SET deadlock_timeout TO '60s'")
        run(other, high)  # the append will wait for this one, holding `low`
        appending = threads.submit(getattr(recorder, way), [low, high, last])
        wait_until_blocked(urls)
        run(other, low)  # waits for the append: a deadlock, which the append notices
        other.rollback()
        answered = appending.result(60)
    found = positions_of(urls)
    assert [found[UUID(int=n), 1] for n in (1, 2, 3)] == answered
    deadlocks = execute(
        urls.admin, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks[0][0] >= 1, "there was none"


def wait_until_blocked(urls: Urls) -> None:
    """Until a session waits for another's transaction."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        waiting = execute(
            urls.admin, "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        )
        if waiting:
            return
        threading.Event().wait(0.01)
    pytest.fail("nobody waits")


def test_a_database_that_is_away_is_an_operational_error(urls: Urls) -> None:
    """Given no server at the address, when something is appended, then the library's error says so."""
    nowhere = urls.app.rpartition(":")[0] + ":1/none"
    with pytest.raises(OperationalError) as refused:
        PostgresApplicationRecorder(Pool(nowhere, 1)).insert_events([stored_event()])
    assert isinstance(refused.value.__cause__, psycopg2.OperationalError)
