"""`Crm` on PostgreSQL: what is recorded is loaded again, refusals are domain errors, private is closed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError

from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import FileKek, PostgresKeyStore
from commands.store.application import Crm
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from domain.events.event import SYSTEM, Event
from domain.events.private import Unreadable, free_text, personal
from domain.events.registry import EventType, Registry
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import ConcurrentChange, EventTooLarge, NotFound, UnknownEventType
from tests.support.database import Urls, migrated
from tests.support.store import execute, run, session, stored_event

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Met:
    """A payload with a person's name, a note, and something open."""

    place: str
    name: str | Unreadable | None = personal()
    note: str | Unreadable | None = free_text("note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meetings(Aggregate):
    """Where we met, in order."""

    seen: tuple[Met, ...] = ()


def evolve(state: Meetings | None, event: Event) -> Meetings:
    return Meetings(
        id=event.originator_id, version=event.originator_version, party=event.party, time=event.time,
        recorded=event.recorded, seen=(*(state.seen if state else ()), event.payload),
    )  # fmt: skip


REGISTRY = Registry([EventType("crm.test.met", Met)])


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def keys(urls: Urls) -> Iterator[PostgresKeyStore]:
    keys = PostgresKeyStore(urls.app, FileKek(b"k" * 32))
    yield keys
    keys.close()


@pytest.fixture
def crm(urls: Urls, keys: PostgresKeyStore) -> Iterator[Crm]:
    pool = Pool(urls.app, 8)
    yield Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(REGISTRY, AesGcmCipher(keys)))
    pool.close()


def met(id: UUID, version: int, place: str = "Kraków", **private: str) -> Event:
    return Event(
        originator_id=id, originator_version=version, party=id, time=NOW, recorded=NOW, correlation=id,
        cause=None, actor=SYSTEM, payload=Met(place=place, **private),
    )  # fmt: skip


def test_what_was_recorded_is_loaded(crm: Crm) -> None:
    """Given events recorded one by one and together, when the aggregate is loaded, then it has them all, as
    of any version; another id is not found."""
    id = uuid4()
    assert crm.record([met(id, 1, name="Jane", note="tall")]) == [1]
    assert crm.record([met(id, 2, "Gdańsk"), met(id, 3, "Łódź", note="again")]) == [2, 3]
    loaded = crm.load("meeting", evolve, id)
    assert loaded.seen == (
        Met(place="Kraków", name="Jane", note="tall"), Met(place="Gdańsk"), Met(place="Łódź", note="again"),
    )  # fmt: skip
    assert (loaded.version, loaded.party) == (3, id)
    assert crm.load("meeting", evolve, id, version=2).version == 2
    assert crm.find(evolve, id) == loaded
    assert crm.find(evolve, uuid4()) is None
    with pytest.raises(NotFound, match="There is no meeting with the id"):
        crm.load("meeting", evolve, uuid4())


def test_bulk_and_single_record_alike(crm: Crm) -> None:
    """Given the same events recorded one way and the other, then they are loaded alike, positions told."""
    ids = [uuid4() for _ in range(30)]
    positions = crm.record_bulk([met(id, version, name=f"N{version}") for version in (1, 2) for id in ids])
    assert sorted(positions) == list(range(1, 61))
    assert all([m.name for m in crm.load("meeting", evolve, id).seen] == ["N1", "N2"] for id in ids)


def test_nothing_private_stands_in_the_store(urls: Urls, crm: Crm) -> None:
    """Given private values, when one reads the stored bytes, then they are not in it; the open ones are."""
    crm.record([met(uuid4(), 1, "Sopot", name="Jane Doe", note="likes jazz")])
    stored = bytes(execute(urls.admin, "SELECT event FROM store.event")[0][0])
    assert b"Sopot" in stored
    assert b"Jane" not in stored
    assert b"jazz" not in stored


def test_an_erased_person_is_loaded_without_what_was_private(crm: Crm, keys: PostgresKeyStore) -> None:
    """Given events of a person whose key is destroyed, when another process loads them, then the private
    values are closed, the rest is there, and nobody fails."""
    id = uuid4()
    crm.record([met(id, 1, name="Jane", note="tall")])
    keys.destroy(id)
    other = Crm(recorder=crm.construct_recorder(), mapper=EventMapper(REGISTRY, AesGcmCipher(keys)))
    erased = Unreadable("erased")
    assert other.load("meeting", evolve, id).seen == (Met(place="Kraków", name=erased, note=erased),)


def test_who_comes_second_is_told(crm: Crm) -> None:
    """Given several who append the same version at once, when all are done, then one is recorded and the
    others learn the version they expected and the current one."""
    id, other = uuid4(), uuid4()
    crm.record([met(id, 1), met(other, 1)])

    def append(place: int) -> ConcurrentChange | None:
        try:
            crm.record([met(other, 2 + place), met(id, 2, str(place))])
        except ConcurrentChange as told:
            return told
        return None

    with ThreadPoolExecutor(6) as threads:
        told = [one for one in threads.map(append, range(6)) if one is not None]
    assert len(told) == 5
    assert {(one.expected, one.found) for one in told} == {(1, 2)}
    assert all(str(id) in str(one) for one in told)
    assert crm.load("meeting", evolve, id).version == 2


def test_a_bulk_that_comes_second_is_told(crm: Crm) -> None:
    """Given an aggregate, when a bulk brings its version again, then the conflict is reported like that of a
    single append."""
    id = uuid4()
    crm.record([met(id, 1)])
    with pytest.raises(ConcurrentChange, match="at version 1, not 0"):
        crm.record_bulk([met(uuid4(), 1), met(id, 1)])


def test_an_event_that_is_too_large_is_refused_before_anything(urls: Urls, crm: Crm) -> None:
    """Given an event above 512 KiB, when it is recorded with another, then neither is there."""
    with pytest.raises(EventTooLarge, match="524,288"):
        crm.record([met(uuid4(), 1), met(uuid4(), 1, "x" * 600_000)])
    assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(0,)]


def test_an_unknown_type_is_told(urls: Urls, crm: Crm) -> None:
    """Given an event of a type that a newer program wrote, when it is loaded, then that is said, and no type
    is ever taken for something to import."""
    id = uuid4()
    crm.record([met(id, 1)])
    (encoded,) = (bytes(row[0]) for row in execute(urls.admin, "SELECT event FROM store.event"))
    with session(urls.app, autocommit=True) as writer:
        newer = encoded.replace(b"crm.test.met", b"os.system").replace(f"{id}:1".encode(), f"{id}:2".encode())
        run(writer, stored_event(id, 2, type="os:system", event=newer))
    with pytest.raises(UnknownEventType):
        crm.load("meeting", evolve, id)


def test_the_process_environment_has_no_say(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given settings of the library in the environment, when an application is made, then it ignores them."""
    monkeypatch.setenv("PERSISTENCE_MODULE", "eventsourcing.sqlite")
    monkeypatch.setenv("IS_SNAPSHOTTING_ENABLED", "y")
    other = Crm(recorder=crm.construct_recorder(), mapper=crm.construct_mapper())
    assert dict(other.env) == {}
    assert other.snapshots is None


def test_a_fault_is_no_refusal(crm: Crm, urls: Urls) -> None:
    """Given a database that is away, when something is recorded, then that is a fault, not a domain error."""
    away = Pool(urls.app.rpartition(":")[0] + ":1/none", 1)
    other = Crm(recorder=PostgresApplicationRecorder(away), mapper=crm.construct_mapper())
    with pytest.raises(OperationalError):
        other.record([dataclasses.replace(met(uuid4(), 1))])
