"""`audit verify` over a sealed store, two processes; against reading the same bytes and hashing each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from commands.audit.verify import verify
from commands.store.event_reader import EventReader
from commands.store.pool import connect
from commands.store.seals import Seals
from consumers.relay.seals import MAX_EVENTS, seal_range
from deploy.bench import relay
from deploy.bench.alone import BenchFailed, alone
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import stored_events
from deploy.bench.services import PARTITIONS, Services
from domain.events.seal import Seal

EVENTS: Final = 300_000
"""Events by default: some seconds a round, so that the start of the processes hardly counts."""
GOAL_EVENTS_PER_SECOND: Final = 100_000
WORKERS: Final = 2
SEED: Final = 6_000_000
BATCH_EVENTS: Final = 50_000
"""Events made at a time."""


def measure(bench: Bench) -> Iterator[Measurement]:
    """A store of its own, filled and sealed once, without topics."""
    events = bench.events or EVENTS
    store = bench.services.store()
    bench.say(f"audit: {events:,} events are appended and sealed first")
    for number, at in enumerate(range(0, events, BATCH_EVENTS)):
        relay.fill(store.app, stored_events(min(BATCH_EVENTS, events - at), SEED + number))
    _seal(bench.services, store.relay)
    yield interleaved(
        "audit verify",
        unit="events/s",
        what=f"audit verify of {events:,} events with {WORKERS} processes: chain, signatures, roots, columns "
        f"against bytes (the goal is {GOAL_EVENTS_PER_SECOND:,} a second)",
        reference="COPY of position and bytes of the same events and one SHA-256 of each, one process",
        ours=lambda: events / verify_seconds(bench.services, store.app, events),
        theirs=lambda: events / alone(hash_seconds, store.app, events),
        rounds=bench.rounds,
        say=bench.say,
    )


def verify_seconds(services: Services, url: str, events: int) -> float:
    """Seconds of a whole verification, with the start of its processes."""
    begun = time.monotonic()
    # Verification finds nothing here, so it needs no partitions.
    seen = verify(url, services.seal_key.public_key(), home=lambda _party: 0, workers=WORKERS)
    took = time.monotonic() - begun
    if seen.found or seen.events != events:
        raise BenchFailed(f"{seen.events:,} events of {events:,} were verified, and {seen.found:,} findings.")
    return took


def hash_seconds(url: str, events: int) -> float:
    """Seconds for the least work that the same events allow."""
    sink = _Sink()
    begun = time.monotonic()
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.copy_expert(
            "COPY (SELECT position, event FROM store.event ORDER BY position) TO STDOUT (FORMAT binary)", sink
        )
    took = time.monotonic() - begun
    if sink.rows < events:
        raise BenchFailed(f"The reference read {sink.rows:,} events of {events:,}.")
    return took


class _Sink:
    """Takes COPY's rows, one at a time, and hashes each."""

    def __init__(self) -> None:
        self.rows = 0

    def write(self, data: bytes) -> None:
        """One event."""
        sha256(data).digest()
        self.rows += 1


def _seal(services: Services, url: str) -> None:
    """Seals everything, as the relay does with full ranges."""
    last: Seal | None = None
    with EventReader(url) as follower, closing(Seals(url)) as seals:
        upto = follower.high_water_mark()
        while rows := follower.read(last.last if last else 0, upto, limit=MAX_EVENTS):
            made = seal_range(
                rows, last, store=UUID(int=1), partitions=PARTITIONS, key=services.seal_key,
                now=datetime.now(UTC),
            )  # fmt: skip
            last = seals.append(made.record)
