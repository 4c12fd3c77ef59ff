"""Claims and idempotency keys: one winner, one answer, whoever comes at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from commands.store.application import Crm
from commands.store.claims import Claim, ClaimTable
from commands.store.idempotency import Answer, Idempotency, IdempotencyRow
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from domain.errors import AlreadyClaimed, ConcurrentChange, KeyReused, RequestInProgress
from domain.events.event import SYSTEM, Event
from domain.events.private import PrivateParts
from domain.events.registry import EventType, Registry
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

    def close(self, event: Event, parts: PrivateParts) -> dict[str, object]:
        raise AssertionError("nothing here is private")

    def open(self, event_id: str, private: object) -> dict[str, object]:
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


def slow_first_request(urls: Urls, row: IdempotencyRow, seconds: float, *, commit: bool) -> None:
    """Another request with the key of `row`, whose transaction takes `seconds`."""
    with session(urls.app) as first, first.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store.idempotency VALUES (%s, %s, %s, 201, %s, now() + interval '1 hour')",
            (str(row.principal), row.key_hmac, row.request_hmac, row.answer),
        )
        time.sleep(seconds)
        if commit:
            first.commit()


@pytest.mark.parametrize(
    ("seconds", "commit", "least", "most"),
    [(0.5, True, 0.3, 1.9), (4.0, True, 1.9, 3.3)],
    ids=["ends-in-time", "takes-too-long"],
)
def test_a_second_request_waits_two_seconds_at_most(
    urls: Urls, crm: Crm, pool: Pool, seconds: float, commit: bool, least: float, most: float
) -> None:
    """Given the same request under way, when it comes again, then it waits for the first, two seconds at
    most, and is told that it runs; when the first has ended, its answer is found."""
    idempotency = Idempotency(pool, KEY)
    event = noted()
    row = idempotency.row(PRINCIPAL, "k", b"body", answer_to(event))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(slow_first_request, urls, row, seconds, commit=commit)
        time.sleep(0.1)
        started = time.monotonic()
        with pytest.raises(RequestInProgress):
            crm.record([event], idempotency=row)
        assert least < time.monotonic() - started < most
        assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(0,)]
        first.result()
    assert idempotency.find(PRINCIPAL, "k", b"body") is not None


def test_a_second_request_goes_through_when_the_first_gave_up(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given the same request under way, when that one is rolled back, then the second is recorded."""
    idempotency = Idempotency(pool, KEY)
    event = noted()
    row = idempotency.row(PRINCIPAL, "k", b"body", answer_to(event))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(slow_first_request, urls, row, 0.5, commit=False)
        time.sleep(0.1)
        assert len(crm.record([event], idempotency=row)) == 1
        first.result()


def test_the_two_seconds_are_for_the_key_alone(urls: Urls, crm: Crm, pool: Pool) -> None:
    """Given a key that is free and an aggregate that another transaction holds for longer than two seconds,
    when that one commits, then the answer is that somebody changed the record, not that a request runs."""
    event = noted()
    row = Idempotency(pool, KEY).row(PRINCIPAL, "k", b"body", answer_to(event))

    def hold() -> None:
        with session(urls.app) as other, other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO store.event (aggregate_id, version, type, party, event)"
                " VALUES (%(id)s, 1, 't', %(id)s, '')",
                {"id": str(event.originator_id)},
            )
            time.sleep(2.6)
            other.commit()

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        time.sleep(0.1)
        with pytest.raises(ConcurrentChange):
            crm.record([event], idempotency=row)
        holding.result()


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
    the others are told which."""

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
