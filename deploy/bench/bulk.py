"""Bulk appends, positions returned: against COPY of the same rows into the same table, made ready before."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from commands.store.bulk import MAX_BULK_EVENTS, encoded
from commands.store.mapper import StoredCrmEvent
from commands.store.pool import Pool, connect
from commands.store.recorder import PostgresApplicationRecorder
from deploy.bench.alone import alone
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import parts, stored_events

EVENTS: Final = 60_000
"""Events per round by default: about a second."""
GOAL: Final = 0.6
COPY: Final = "COPY store.event (aggregate_id, version, type, party, event) FROM STDIN (FORMAT binary)"


def measure(bench: Bench) -> Iterator[Measurement]:
    """Each round of either begins with a new database: the same table, indexes and trigger, empty."""
    events = bench.events or EVENTS
    seeds = iter(range(4_000_000, 5_000_000))

    def measured(rate: Callable[[str, int, int], float]) -> float:
        return alone(rate, bench.services.store().app, events, next(seeds))

    yield interleaved(
        "bulk",
        unit="events/s",
        what=f"events that are encoded appended {MAX_BULK_EVENTS:,} a transaction, positions returned",
        reference="psycopg2 COPY of the same rows into the same table, as many a transaction, the whole "
        "text of COPY made before",
        ours=lambda: measured(bulk_rate),
        theirs=lambda: measured(copy_rate),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOAL,
    )


def bulk_rate(url: str, events: int, seed: int) -> float:
    """Events a second by the recorder."""
    batches = _batches(events, seed)
    pool = Pool(url, 1)
    recorder = PostgresApplicationRecorder(pool)
    recorder.max_notification_id()  # connects
    begun = time.monotonic()
    for batch in batches:
        recorder.insert_bulk(batch)
    took = time.monotonic() - begun
    pool.close()
    return events / took


def copy_rate(url: str, events: int, seed: int) -> float:
    """Events a second by COPY alone: it encodes, sorts, checks and returns nothing."""
    ready = [encoded(batch) for batch in _batches(events, seed)]
    connection = connect(url)
    begun = time.monotonic()
    for data in ready:
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(COPY, io.BytesIO(data))
    took = time.monotonic() - begun
    connection.close()
    return events / took


def _batches(events: int, seed: int) -> list[Sequence[StoredCrmEvent]]:
    return list(parts(stored_events(events, seed), MAX_BULK_EVENTS))
