"""What the project's own recorder promises, beyond the library's cases, on PostgreSQL 15 and 18.

Whoever writes another recorder, or changes this one, has to keep each of these sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import IntegrityError

from commands.store.claims import Claim, ClaimTable
from commands.store.contact_index import ContactIndex, ContactPoint
from commands.store.idempotency import Answer, Idempotency
from commands.store.mapper import StoredCrmEvent
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from tests.support.database import Urls
from tests.support.store import execute, run, session, stored_event

PRINCIPAL = uuid4()
HMAC_KEY = b"k" * 32
BYTES = (b"", b"\x00\xff\\N\\.\t\r\n", '{"a":"żółć €"}'.encode(), b"x" * 512 * 1024)
WAYS = ["insert_events", "insert_bulk"]


@pytest.fixture
def urls(each_store: Urls) -> Urls:
    return each_store


@pytest.fixture
def pool(urls: Urls) -> Iterator[Pool]:
    pool = Pool(urls.app, 12, wait=60)
    yield pool
    pool.close()


@pytest.fixture
def recorder(pool: Pool) -> PostgresApplicationRecorder:
    return PostgresApplicationRecorder(pool)


@pytest.fixture(params=WAYS)
def append(request: pytest.FixtureRequest, recorder: PostgresApplicationRecorder) -> Callable[..., list[int]]:
    """Both ways to append: in one round trip, and in bulk."""

    def appended(events: list[StoredCrmEvent], **more: Any) -> list[int]:
        return list(getattr(recorder, request.param)(events, **more))

    return appended


def stored(urls: Urls) -> list[tuple[int, UUID, int]]:
    """Position, aggregate, version of all events, as they stand in the table."""
    rows = execute(urls.admin, "SELECT position, aggregate_id::text, version FROM store.event ORDER BY 1")
    return [(position, UUID(id), version) for position, id, version in rows]


def test_what_goes_in_comes_out(
    recorder: PostgresApplicationRecorder, append: Callable[..., list[int]]
) -> None:
    """Given bytes that formats stumble over, up to the largest event, when they are appended and selected,
    then type and bytes are those given, as the library's own class."""
    id = uuid4()
    events = [stored_event(id, n, type=f"crm.test.n{n}", event=text) for n, text in enumerate(BYTES, 1)]
    append(events)
    found = recorder.select_events(id)
    assert [(e.originator_id, e.originator_version, e.topic, e.state) for e in found] == [
        (e.originator_id, e.originator_version, e.topic, e.state) for e in events
    ]
    assert {type(event).__name__ for event in found} == {"StoredEvent"}


def test_positions_answered_are_those_stored_and_ascend_per_aggregate(
    urls: Urls, append: Callable[..., list[int]]
) -> None:
    """Given events of several aggregates, in turns, when they are appended together, then the answer has the
    position of each, in the order given, and each aggregate's versions stand in ascending positions."""
    ids = [uuid4() for _ in range(7)]
    events = [stored_event(id, version) for version in (1, 2, 3) for id in ids]
    answered = append(events)
    assert {(p, e.originator_id, e.originator_version) for p, e in zip(answered, events, strict=True)} == set(
        stored(urls)
    )
    for id in ids:
        own = [
            (e.originator_version, p) for p, e in zip(answered, events, strict=True) if e.originator_id == id
        ]
        assert own == sorted(own)
        assert all(low < high for (_, low), (_, high) in pairwise(own))


def test_a_single_append_has_ascending_positions(urls: Urls, recorder: PostgresApplicationRecorder) -> None:
    """Given events of several aggregates, when they are appended in one round trip, then their positions
    ascend in the order given."""
    answered = recorder.insert_events([stored_event() for _ in range(20)])
    assert list(answered) == sorted(answered)
    assert [position for position, _, _ in stored(urls)] == list(answered)


def test_positions_burn_and_are_never_given_twice(
    urls: Urls, recorder: PostgresApplicationRecorder, append: Callable[..., list[int]]
) -> None:
    """Given appends that are refused or rolled back after they drew positions, when the next one comes, then
    it stands behind them: there is a gap, and no position comes again."""
    taken = stored_event()
    first = append([taken])
    with pytest.raises(IntegrityError):
        append([stored_event(), taken])
    with session(urls.app) as given_up:
        burnt = run(given_up, stored_event())
        given_up.rollback()
    second = append([stored_event()])
    assert first[0] < burnt < second[0]
    assert second[0] - first[0] > 1
    assert [position for position, _, _ in stored(urls)] == first + second
    assert recorder.max_notification_id() == second[0]


def test_nothing_appended_draws_no_position(
    urls: Urls, recorder: PostgresApplicationRecorder, append: Callable[..., list[int]]
) -> None:
    """Given an empty store, when nothing is appended, then nothing is answered and nothing is drawn."""
    assert append([]) == []
    assert recorder.max_notification_id() is None
    assert execute(urls.admin, "SELECT is_called FROM store.event_position_seq") == [(False,)]


def test_each_refusal_leaves_nothing_behind(urls: Urls, pool: Pool, append: Callable[..., list[int]]) -> None:
    """Given a version, a claim that is taken, or a version the table does not take, when an append meets it
    at its last event, then none of its events, claims and contact points is there, and without it all go
    in."""
    known = stored_event()
    append([known], claims=[Claim("crm", "taken", uuid4())])
    first, free = stored_event(UUID(int=1)), Claim("crm", "free", uuid4())
    point = ContactPoint(b"hmac", uuid4())
    for last, claims in (
        (known, [free]),  # a version that is taken
        (stored_event(UUID(int=1)), [free]),  # taken by the append itself
        (stored_event(version=-1), [free]),  # none at all
        (stored_event(), [free, Claim("crm", "taken", uuid4())]),
    ):
        with pytest.raises(IntegrityError):
            append([first, stored_event(), last], claims=claims, contact_points=[point])
        assert [(id, version) for _, id, version in stored(urls)] == [(known.originator_id, 1)]
        assert set(ClaimTable(pool).find("crm", ["free", "taken"])) == {"taken"}
        assert ContactIndex(pool).find(b"hmac") == []
    append([first, stored_event()], claims=[free], contact_points=[point])
    assert ContactIndex(pool).find(b"hmac") == [point.person]


def test_a_key_that_is_taken_leaves_nothing_behind(
    urls: Urls, pool: Pool, recorder: PostgresApplicationRecorder
) -> None:
    """Given an idempotency key in use, when an append brings it again, then none of its events, claims and
    contact points is there; when an append is refused, then its key is free."""
    idempotency = Idempotency(pool, HMAC_KEY)
    known = stored_event()
    row = idempotency.row(PRINCIPAL, "taken", b"r", Answer(200))
    recorder.insert_events([known], idempotency=row)
    with pytest.raises(IntegrityError):
        recorder.insert_events(
            [stored_event()],
            claims=[Claim("crm", "free", uuid4())],
            idempotency=row,
            contact_points=[ContactPoint(b"hmac", uuid4())],
        )
    with pytest.raises(IntegrityError):
        recorder.insert_events([known], idempotency=idempotency.row(PRINCIPAL, "free", b"r", Answer(200)))
    assert [id for _, id, _ in stored(urls)] == [known.originator_id]
    assert ClaimTable(pool).find("crm", ["free"]) == {}
    assert ContactIndex(pool).find(b"hmac") == []
    assert idempotency.find(PRINCIPAL, "free", b"r") is None


def test_key_claims_and_contact_points_need_no_event(
    urls: Urls, pool: Pool, recorder: PostgresApplicationRecorder
) -> None:
    """Given no event, when a key, a claim or a contact point is recorded alone, then it is there."""
    idempotency = Idempotency(pool, HMAC_KEY)
    claim, point = Claim("crm", "4711", uuid4()), ContactPoint(b"hmac", uuid4())
    assert recorder.insert_events([], idempotency=idempotency.row(PRINCIPAL, "k", b"r", Answer(204))) == []
    assert recorder.insert_events([], claims=[claim]) == []
    assert recorder.insert_events([], contact_points=[point]) == []
    assert idempotency.find(PRINCIPAL, "k", b"r") == Answer(204)
    assert ClaimTable(pool).find("crm", ["4711"]) == {"4711": claim}
    assert ContactIndex(pool).find(b"hmac") == [point.person]
    assert stored(urls) == []


def test_of_many_who_append_the_same_version_one_wins(urls: Urls, append: Callable[..., list[int]]) -> None:
    """Given 12 who append the same ten versions of an aggregate at once, each beside an event of its own,
    when all are done, then each version is there once, with its winner's other event and nobody else's."""
    shared = uuid4()
    own = {(who, version): uuid4() for who in range(12) for version in range(10)}

    def write(who: int) -> set[tuple[int, int]]:
        won = set()
        for version in range(10):
            try:
                append([stored_event(own[who, version]), stored_event(shared, version)])
            except IntegrityError:
                continue
            won.add((who, version))
        return won

    with ThreadPoolExecutor(12) as threads:
        winners = set().union(*threads.map(write, range(12)))
    assert sorted(version for _, version in winners) == list(range(10))
    assert {id for _, id, _ in stored(urls)} == {shared} | {own[winner] for winner in winners}


def test_appends_that_meet_in_both_orders_all_go_in(urls: Urls, append: Callable[..., list[int]]) -> None:
    """Given many who append to the same aggregates, one half in the other order, when PostgreSQL ends some of
    them to free the rest, then they are done again: each succeeds or finds its version taken, no third."""
    ids = [UUID(int=n) for n in range(1, 5)]

    def write(who: int) -> int:
        won = 0
        for version in range(15):
            events = [stored_event(id, version) for id in (ids if who % 2 else reversed(ids))]
            try:
                won += len(append(events))
            except IntegrityError:
                continue
        return won

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(write, range(6))) == 15 * len(ids)
    assert sorted((id, version) for _, id, version in stored(urls)) == [
        (id, version) for id in ids for version in range(15)
    ]
