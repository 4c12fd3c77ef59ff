"""What encryption costs: appends and rebuilds of persons' events, with and without it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from deploy.bench import projection, rebuild, relay
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import PERSON_FAMILIES, people, people_events
from deploy.bench.writers import WRITERS, append_rate
from domain.events.event import Event
from domain.events.private import PrivateCipher, PrivateParts
from projections.registry import named

EVENTS: Final = 100_000
"""Events of the rebuild by default; each round appends a tenth of them."""
GOAL: Final = 0.7
MODEL: Final = "customer_360"
SEED: Final = 12_000_000


class InTheOpen:
    """No encryption: private values stand in the event as they are. For measuring alone."""

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, Any]:  # noqa: ARG002
        """Laid out as the cipher does it."""
        private: dict[str, Any] = {}
        if parts.persons:
            private["persons"] = {str(person): dict(fields) for person, fields in parts.persons.items()}
        if parts.texts:
            private["text"] = {
                "participants": [str(each) for each in parts.participants],
                "retention": f"{parts.kind}/2020-01",
                "fields": dict(parts.texts),
            }
        return private

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """There are no keys."""

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """What stands there."""
        opened: dict[str, Any] = {}
        for fields in private.get("persons", {}).values():
            opened |= fields
        opened |= private.get("text", {}).get("fields", {})
        return opened


def measure(bench: Bench) -> Iterator[Measurement]:
    """Appends through the mapper, then rebuilds of `customer_360`, which opens names and contact points."""
    events, app = bench.events or EVENTS, bench.services.store().app
    single = max(WRITERS, events // 10)
    yield interleaved(
        "privacy append",
        unit="events/s",
        what=f"events of persons encoded and appended one by one, {WRITERS} writer processes, private values "
        "encrypted; each eleventh is a new person, whose key is made",
        reference="the same with private values in the open",
        ours=lambda: append_rate(closing, app, single, 0),
        theirs=lambda: append_rate(in_the_open, app, single, 0),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOAL,
    )
    yield _rebuild(bench, events)


def _rebuild(bench: Bench, events: int) -> Measurement:
    services, store = bench.services, bench.services.published
    missing = events - projection._recorded(store.relay, PERSON_FAMILIES)[0]
    if missing > 0:
        bench.say(f"privacy: {missing:,} events of persons are appended and published first")
        relay.fill(store.app, people_events(missing, SEED, rebuild.cipher(store.app)))
        projection._publish(services, store, missing)
    count, _ = projection._recorded(store.relay, named(MODEL).families)
    return interleaved(
        "privacy rebuild",
        unit="events/s",
        what=f"rebuild of {MODEL} with {rebuild.WORKERS} processes, {count:,} events, private values opened",
        reference="the same rebuild of the same events, private values handed on as they are",
        ours=lambda: count / rebuild.rebuild_seconds(MODEL, bench),
        theirs=lambda: count / rebuild.rebuild_seconds(MODEL, bench, opening=InTheOpen),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOAL,
    )


def closing(url: str) -> tuple[Callable[[object], object], Callable[[], None]]:
    """Appends with the keys of a key store in the same database."""
    return _appending(url, rebuild.cipher(url))


def in_the_open(url: str) -> tuple[Callable[[object], object], Callable[[], None]]:
    """Appends without any key."""
    return _appending(url, InTheOpen())


def _appending(url: str, cipher: PrivateCipher) -> tuple[Callable[[object], object], Callable[[], None]]:
    """Encodes and appends the next event of persons of its own; it ignores the given event."""
    from commands.store.application import Crm
    from commands.store.mapper import EventMapper
    from commands.store.pool import Pool
    from commands.store.recorder import PostgresApplicationRecorder
    from domain.events.catalogue import CATALOGUE

    pool = Pool(url, 1)
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, cipher))
    events = people(secrets.randbits(64))
    return lambda _: crm.record([next(events)]), pool.close
