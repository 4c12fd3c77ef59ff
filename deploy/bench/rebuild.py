"""A rebuild by two processes, from the store to indexed tables; against reading, parsing, one bare row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any, Final

import orjson
import psycopg2

from commands.privacy.cipher import AesGcmCipher
from commands.store.mapper import StoredCrmEvent
from commands.store.pool import connect
from consumers.rebuild.rebuild import Endpoints, Tell, begin
from consumers.rebuild.run import carry_on
from deploy.bench import projection, relay, runner
from deploy.bench.alone import BenchFailed, alone
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import PERSON_FAMILIES, people_events, stored_events
from deploy.bench.services import Databases, Services
from domain.events.catalogue import CATALOGUE
from projections.control import versions
from projections.registry import named
from projections.runtime.decode import OpeningCipher
from projections.runtime.projection import Projection

EVENTS: Final = 1_000_000
"""Events by default: ten seconds and more a round, so that the start hardly counts; with 300,000 events it
was a seventh of the time. The second process is forked from a process of the bench that has imported all it
needs; a command has to start that one first."""
BATCH_EVENTS: Final = 100_000
"""Events made at a time: a million of them need two gigabytes."""
GOALS: Final[Mapping[str, float]] = {"pipeline": 0.6, "customer_360": 0.35}
LIBRARY_GOALS: Final[Mapping[str, float]] = {"pipeline": 60.0, "customer_360": 35.0}
WORKERS: Final = 2
SEED: Final = 9_000_000
_TABLE: Final = "CREATE TABLE bare (position bigint, id uuid, type text, time timestamptz)"


def measure(bench: Bench) -> Iterator[Measurement]:
    """`pipeline` over opportunities, then `customer_360` over these and as many events of persons. What is
    missing in the published store is appended first."""
    services, store, events = bench.services, bench.services.published, bench.events or EVENTS
    missing = events - projection._recorded(store.relay, ("opportunity",))[0]
    if missing > 0:
        bench.say(f"rebuild: {missing:,} events are appended and published first")
        _append(store, missing, stored_events, SEED)
        projection._publish(services, store, missing)
    yield from _both("pipeline", bench)
    missing = events - projection._recorded(store.relay, PERSON_FAMILIES)[0]
    if missing > 0:
        bench.say(f"rebuild: {missing:,} events of persons are appended and published")
        _append(store, missing, partial(people_events, cipher=cipher(store.app)), SEED + 1_000)
        projection._publish(services, store, missing)
    yield from _both("customer_360", bench)


def _append(
    store: Databases, events: int, made: Callable[[int, int], Sequence[StoredCrmEvent]], seed: int
) -> None:
    for number, first in enumerate(range(0, events, BATCH_EVENTS)):
        relay.fill(store.app, made(min(BATCH_EVENTS, events - first), seed + number))


def _both(name: str, bench: Bench) -> Iterator[Measurement]:
    """Against the least that could be done, and against the library."""
    found = _measured(name, bench)
    yield found
    yield _beside_the_library(name, found, bench)


def cipher(keys_url: str) -> AesGcmCipher:
    """What opens the private values of the bench's persons, in any process."""
    return projection._cipher(keys_url)


def _measured(name: str, bench: Bench) -> Measurement:
    store, model = bench.services.published, named(name)
    count, _ = projection._recorded(store.relay, model.families)
    private = ", private values opened" if model.private else ""
    return interleaved(
        f"rebuild {name}",
        unit="events/s",
        what=f"rebuild of {name} with {WORKERS} processes, {count:,} events from the store to tables with "
        f"their keys and indexes{private}",
        reference="COPY of the same events out of the store, orjson.loads, and COPY of one row of each "
        "(position, id, type, time) into one bare table, one process",
        ours=lambda: count / rebuild_seconds(name, bench),
        theirs=lambda: count / alone(raw_seconds, name, store.app, bench.services.empty(), count),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOALS[name],
    )


def _beside_the_library(name: str, ours: Measurement, bench: Bench) -> Measurement:
    """The same rounds of ours, beside the library's own way."""
    store = bench.services.published
    rates = []
    for number in range(1, bench.rounds + 1):
        rates.append(alone(_runner_rate, name, store.app, bench.services.read_side().admin))
        bench.say(f"rebuild {name}: the library's runner, round {number}: {rates[-1]:,.0f} events/s")
    return replace(
        ours,
        name=f"{ours.name}, library",
        reference="eventsourcing's projection runner, the same fold and tables, a transaction for each of "
        f"at most {runner.EVENTS:,} events",
        theirs=tuple(rates),
        goal=LIBRARY_GOALS[name],
    )


def _runner_rate(name: str, store_url: str, read_url: str) -> float:
    return runner.runner_rate(name, store_url, read_url, cipher(store_url))


def rebuild_seconds(name: str, bench: Bench, *, opening: Callable[[], OpeningCipher] | None = None) -> float:
    """Seconds from the command to the hand-over, on a new read side; `opening` makes, in each process, what
    opens private values where that is not the bench's cipher."""
    read, store, model = bench.services.read_side(), bench.services.published, named(name)
    candidate(read.admin, model)
    took = fill_seconds(model, places(bench.services, read, store, opening=opening), workers=WORKERS)
    with closing(connect(read.worker)) as connection, connection.cursor() as c:
        c.execute("SELECT count(*) FROM control.held")
        if c.fetchone() != (0,):
            raise BenchFailed(f"{name} has parked events of the bench.")
    return took


def places(
    services: Services,
    read: Databases,
    store: Databases,
    *,
    opening: Callable[[], OpeningCipher] | None = None,
) -> Endpoints:
    """Where a rebuild reads and writes."""
    return Endpoints(
        owner_url=read.admin,
        store_url=store.app,
        address=services.kafka,
        registry=CATALOGUE,
        cipher=opening or partial(cipher, store.app),
    )


def fill_seconds(model: Projection, where: Endpoints, *, workers: int, tell: Tell = lambda _: None) -> float:
    """Seconds from the command to the hand-over."""
    begun = time.monotonic()
    begin(model, where, by="bench")
    found = carry_on(model, where, workers=workers, tell=tell)
    took = time.monotonic() - begun
    if found.state != "catching_up":
        raise BenchFailed(f"The rebuild ended as {found.state}.")
    return took


def candidate(admin_url: str, model: Projection) -> None:
    """Beside a version of the same read model it is a candidate, and no worker takes its shares."""
    with closing(psycopg2.connect(admin_url)) as connection, connection, connection.cursor() as c:
        versions.activate(c, model.name, model.version + 1)


def raw_seconds(name: str, store_url: str, target_url: str, count: int) -> float:
    """Seconds for the least work that the same events allow."""
    types = " OR ".join(f"starts_with(type, 'crm.{family}.')" for family in named(name).families)
    with closing(connect(store_url)) as source, closing(psycopg2.connect(target_url)) as target:
        with target, target.cursor() as c:
            c.execute(_TABLE)
        begun = time.monotonic()
        with target, target.cursor() as writing, source.cursor() as reading:
            sink = _Sink(writing)
            reading.copy_expert(
                f"COPY (SELECT convert_from(event, 'UTF8') FROM store.event WHERE {types} "  # noqa: S608
                "ORDER BY position) TO STDOUT",
                sink,
            )
            sink.flush()
        took = time.monotonic() - begun
    if sink.rows != count:
        raise BenchFailed(f"The reference read {sink.rows:,} events of {count:,}.")
    return took


class _Sink:
    """Takes the events as COPY's text, a line each, and writes a row of each."""

    def __init__(self, writing: Any) -> None:
        self._writing = writing
        self._lines: list[str] = []
        self.rows = 0

    def write(self, data: bytes) -> None:
        """One event."""
        event = orjson.loads(data.replace(b"\\\\", b"\\"))
        self._lines.append(f"{self.rows}\t{event['subject']}\t{event['type']}\t{event['time']}\n")
        self.rows += 1
        if len(self._lines) >= 10_000:
            self.flush()

    def flush(self) -> None:
        """Sends the kept rows."""
        self._writing.copy_expert("COPY bare FROM STDIN", BytesIO("".join(self._lines).encode()))
        self._lines.clear()
