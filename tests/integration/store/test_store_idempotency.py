"""Claims and idempotency keys: one winner, one answer, whoever comes at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from psycopg2.extensions import connection

from commands.store.application import Crm
from commands.store.claims import Claim, ClaimTable
from commands.store.idempotency import Answer, Idempotency, IdempotencyRow
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from domain.events.event import SYSTEM, Event
from domain.events.private import PrivateParts
from domain.events.registry import EventType, Registry
from domain.kernel.errors import AlreadyClaimed, ConcurrentChange, KeyReused, RequestInProgress
from tests.support.database import Urls, migrated
from tests.support.store import execute, session

PRINCIPAL, OTHER = uuid4(), uuid4()
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"k" * 32


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A payload without private fields."""

    text: str


class NoCipher:
    """Never asked: nothing here is private."""

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, object]:
        raise AssertionError("nothing here is private")

    def decrypt(self, event_id: str, private: object) -> dict[str, object]:
        raise AssertionError("nothing here is private")


REGISTRY = Registry([EventType("crm.test.noted", Noted)])


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def pool(urls: Urls) -> Iterator[Pool]:
    pool = Pool(urls.app, 8)
    yield pool
    pool.close()


@pytest.fixture
def crm(pool: Pool) -> Crm:
    return Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(REGISTRY, NoCipher()))


def noted(id: UUID | None = None, version: int = 1) -> Event:
    id = id or uuid4()
    return Event(
        originator_id=id, originator_version=version, party=id, time=NOW, recorded=NOW, correlation=id,
        cause=None, actor=SYSTEM, payload=Noted(text="x"),
    )  # fmt: skip


def answer_to(event: Event) -> Answer:
    return Answer(201, (event.originator_id,), (event.originator_version,))


def test_the_answer_to_a_key_is_found_again_with_its_positions(crm: Crm, pool: Pool) -> None:
    """Given a request recorded with its key, when the same key and request come again, then the first answer
    is there with ids, versions and positions; to another principal the key is unknown."""
    idempotency = Idempotency(pool, KEY)
    first, second = noted(), noted()
    given = Answer(201, (second.originator_id, first.originator_id), (1, 1))
    crm.record([noted()])
    positions = crm.record([first, second], idempotency=idempotency.row(PRINCIPAL, "k1", b"body", given))
    found = idempotency.find(PRINCIPAL, "k1", b"body")
    assert found == Answer(201, given.ids, given.versions, (positions[1], positions[0]))
    assert idempotency.find(OTHER, "k1", b"body") is None
    assert idempotency.find(PRINCIPAL, "k2", b"body") is None


def test_an_answer_that_changed_nothing_has_no_positions(crm: Crm, pool: Pool) -> None:
    """Given a request that found nothing to change, when it comes again, then the answer has no position
    either, although the version it names has one."""
    idempotency = Idempotency(pool, KEY)
    event = noted()
    crm.record([event])
    given = Answer(200, (event.originator_id,), (1,), recorded=False)
    crm.record([], idempotency=idempotency.row(PRINCIPAL, "k", b"body", given))
    assert idempotency.find(PRINCIPAL, "k", b"body") == given


def test_a_refusal_is_an_answer_too(crm: Crm, pool: Pool) -> None:
    """Given a request that was refused, when only its key is recorded, then the refusal is found again."""
    idempotency = Idempotency(pool, KEY)
    given = Answer(409, problem="move-refused")
    crm.record([], idempotency=idempotency.row(PRINCIPAL, "k", b"body", given))
    assert idempotency.find(PRINCIPAL, "k", b"body") == given


def test_a_key_with_another_request_is_refused(crm: Crm, pool: Pool) -> None:
    """Given a key in use, when it comes with another request, then looking and recording both refuse it."""
    idempotency = Idempotency(pool, KEY)
    event, other = noted(), noted()
    crm.record([event], idempotency=idempotency.row(PRINCIPAL, "k", b"body", answer_to(event)))
    with pytest.raises(KeyReused):
        idempotency.find(PRINCIPAL, "k", b"another body")
    with pytest.raises(KeyReused):
        crm.record([other], idempotency=idempotency.row(PRINCIPAL, "k", b"another", answer_to(other)))


def test_neither_key_nor_request_stands_in_the_table(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given a recorded key, when one reads its row, then neither key nor request is in it."""
    row = Idempotency(pool, KEY).row(PRINCIPAL, "jane@example.org", b"jane's body", Answer(201))
    crm.record([noted()], idempotency=row)
    stored = execute(urls.admin, "SELECT i::text FROM store.idempotency i")[0][0]
    for secret in ("jane", b"jane".hex()):
        assert secret not in stored
        assert secret not in repr(row)


@contextmanager
def under_way(urls: Urls, row: IdempotencyRow) -> Iterator[connection]:
    """Another request with the key of `row`, whose transaction is open."""
    with session(urls.app) as first, first.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store.idempotency VALUES (%s, %s, %s, 201, %s, now() + interval '1 hour')",
            (str(row.principal), row.key_hmac, row.request_hmac, row.answer),
        )
        yield first


@contextmanager
def later(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Lets `act` happen while the block waits."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_second_request_waits_for_the_first_one(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given the same request under way, when it comes again, then it waits until the first one has ended, and
    finds its answer."""
    idempotency = Idempotency(pool, KEY)
    event = noted()
    row = idempotency.row(PRINCIPAL, "k", b"body", answer_to(event))
    started = time.monotonic()
    with under_way(urls, row) as first, later(0.5, first.commit), pytest.raises(RequestInProgress):
        crm.record([event], idempotency=row)
    assert time.monotonic() - started > 0.4
    assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(0,)]
    assert idempotency.find(PRINCIPAL, "k", b"body") is not None


@pytest.mark.parametrize("way", ["record", "record_bulk"])
def test_a_second_request_waits_two_seconds_at_most(urls: Urls, crm: Crm, pool: Pool, way: str) -> None:
    """Given the same request under way, when it comes again and the first one does not end, then it learns
    after two seconds that it runs."""
    event = noted()
    row = Idempotency(pool, KEY).row(PRINCIPAL, "k", b"body", answer_to(event))
    ways = {
        "record": partial(crm.record, [event], idempotency=row),
        "record_bulk": partial(crm.record_bulk, [event], idempotency=[row]),
    }
    started = time.monotonic()
    with under_way(urls, row), pytest.raises(RequestInProgress):
        ways[way]()
    assert time.monotonic() - started > 1.9
    assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(0,)]


def test_a_second_request_goes_through_when_the_first_gave_up(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given the same request under way, when that one is rolled back, then the second is recorded."""
    event = noted()
    row = Idempotency(pool, KEY).row(PRINCIPAL, "k", b"body", answer_to(event))
    with under_way(urls, row) as first, later(0.5, first.rollback):
        assert len(crm.record([event], idempotency=row)) == 1


def test_the_two_seconds_are_for_the_key_alone(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given a key that is free and an aggregate that another transaction holds for longer than two seconds,
    when that one commits, then the answer is that somebody changed the record, not that a request runs."""
    event = noted()
    row = Idempotency(pool, KEY).row(PRINCIPAL, "k", b"body", answer_to(event))
    with session(urls.app) as other, other.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store.event (aggregate_id, version, type, party, event)"
            " VALUES (%(id)s, 1, 't', %(id)s, '')",
            {"id": str(event.originator_id)},
        )
        with later(2.6, other.commit), pytest.raises(ConcurrentChange):
            crm.record([event], idempotency=row)


def test_an_expired_key_counts_for_nothing(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given a key whose time is over, when it comes again with another request, then it is as if new."""
    short, idempotency = Idempotency(pool, KEY, expiry=timedelta(0)), Idempotency(pool, KEY)
    first, second = noted(), noted()
    crm.record([first], idempotency=short.row(PRINCIPAL, "k", b"body", answer_to(first)))
    assert idempotency.find(PRINCIPAL, "k", b"body") is None
    crm.record([second], idempotency=idempotency.row(PRINCIPAL, "k", b"another", answer_to(second)))
    found = idempotency.find(PRINCIPAL, "k", b"another")
    assert found is not None
    assert found.ids == (second.originator_id,)


def test_expired_rows_are_removed_and_no_others(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given expired rows and one that is not, when they are purged, then that one stays."""
    short, idempotency = Idempotency(pool, KEY, expiry=timedelta(0)), Idempotency(pool, KEY)
    for number in range(3):
        crm.record([noted()], idempotency=short.row(PRINCIPAL, str(number), b"", Answer(200)))
    crm.record([noted()], idempotency=idempotency.row(PRINCIPAL, "kept", b"", Answer(200)))
    assert idempotency.purge(2) == 2
    assert idempotency.purge() == 1
    assert idempotency.find(PRINCIPAL, "kept", b"") == Answer(200)


def test_of_two_claims_at_once_one_wins(crm: Crm, pool: Pool) -> None:
    """Given many who register the same external id at once, when all are done, then one record has it, and
    the others learn which."""

    def register(_: int) -> UUID:
        event = noted()
        claim = Claim("maven", "A-1", event.originator_id, b"digest")
        try:
            crm.record([event], claims=[claim])
        except AlreadyClaimed as taken:
            return UUID(str(taken.id))
        return event.originator_id

    with ThreadPoolExecutor(6) as threads:
        told = set(threads.map(register, range(12)))
    assert len(told) == 1
    assert crm.recorder.max_notification_id() is not None
    assert ClaimTable(pool).find("maven", ["A-1", "A-2"]) == {
        "A-1": Claim("maven", "A-1", told.pop(), b"digest")
    }


def test_a_bulk_meets_a_claim_that_is_taken(crm: Crm) -> None:
    """Given a claim, when a bulk brings it again, then the answer names the record that has it."""
    first, second = noted(), noted()
    crm.record_bulk([first], [Claim("maven", "A-1", first.originator_id)])
    with pytest.raises(AlreadyClaimed) as refused:
        crm.record_bulk([second], [Claim("maven", "A-1", second.originator_id)])
    assert refused.value.id == first.originator_id
