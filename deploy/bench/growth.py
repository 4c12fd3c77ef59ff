"""What an event costs when there are ten times as many: appended, published, and filled into a read model.

Each is measured over as many events, once at the beginning and once at the end of a store that grows to ten
times that size. A cost that grows with the store shows as a ratio below 1.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import psutil

from commands.store.bulk import MAX_BULK_EVENTS
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from consumers.rebuild.rebuild import Endpoints, RebuildProgress
from deploy.bench import rebuild, relay
from deploy.bench.alone import alone, result_of
from deploy.bench.benchmarks import Bench
from deploy.bench.follow import HighWater, Memory
from deploy.bench.measure import Measurement
from deploy.bench.samples import parts, stored_events
from deploy.bench.services import Databases, Services
from projections.registry import named

EVENTS: Final = 300_000
"""Events at the beginning by default: some five minutes, up to three million events."""
LONG_EVENTS: Final = 1_000_000
TIMES: Final = 10
GOAL: Final = 1 / 1.3
BATCH_EVENTS: Final = 50_000
"""Events made at a time: millions of them would not fit into memory."""
SEED: Final = 11_000_000
MODEL: Final = "pipeline"


def measure(bench: Bench) -> Iterator[Measurement | Memory]:
    """Grows a store and topics of their own; one round, since a store grows only once."""
    events = bench.events or (LONG_EVENTS if bench.long else EVENTS)
    services = bench.services.another("growth")
    store = services.published
    appended: list[float] = []
    published: list[float] = []
    rebuilt: list[float] = []
    water, before = (0.0, 0.0, 0.0), 0
    for number, size in enumerate((events, (TIMES - 2) * events, events)):
        before += size
        appended.append(_append(store, size, SEED + 1000 * number))
        key = services.seal_key.private_bytes_raw()
        published.append(alone(relay.relay_rate, store.relay, services.kafka, key, size))
        line = f"{appended[-1]:,.0f}/s appended, {published[-1]:,.0f}/s published"
        if size == events:
            rate, water = _rebuild(services, store, before)
            rebuilt.append(rate)
            line += f", {rate:,.0f}/s rebuilt"
        bench.say(f"growth: {before:,} events: {line}")
    for what, name, rates in (
        ("bulk appends", "append", appended),
        ("the relay, store to committed seal", "relay", published),
        (f"a rebuild of {MODEL} with one process", "rebuild", rebuilt),
    ):
        yield Measurement(
            name=f"growth {name}",
            unit="events/s",
            what=f"{what}, at {TIMES * events:,} events",
            reference=f"the same at {events:,} events",
            ours=(rates[-1],),
            theirs=(rates[0],),
            goal=GOAL,
        )
    yield Memory(
        name="growth",
        what=f"a rebuild of {MODEL}",
        mebibytes=water,
        note=f"the most resident memory until so much of {TIMES * events:,} events was filled in.",
    )


def _append(store: Databases, events: int, seed: int) -> float:
    """Events a second of their appends alone."""
    pool = Pool(store.app, 1)
    recorder = PostgresApplicationRecorder(pool)
    took = 0.0
    for number, first in enumerate(range(0, events, BATCH_EVENTS)):
        made = stored_events(min(BATCH_EVENTS, events - first), seed + number)
        begun = time.monotonic()
        for part in parts(made, MAX_BULK_EVENTS):
            recorder.insert_bulk(part)
        took += time.monotonic() - begun
    pool.close()
    return events / took


def _rebuild(services: Services, store: Databases, events: int) -> tuple[float, tuple[float, float, float]]:
    """Events a second, and the memory of the process that filled."""
    read = services.read_side()
    rebuild.candidate(read.admin, named(MODEL))
    return result_of(_fill, rebuild.places(services, read, store), events)


def _fill(endpoints: Endpoints, events: int) -> tuple[float, tuple[float, float, float]]:
    """In a process of its own, whose memory is only what the filling takes."""
    process = psutil.Process()
    water = HighWater(events, lambda: int(process.memory_info().rss))

    def tell(progress: RebuildProgress) -> None:
        if progress.state == "filling":
            water.at(progress.done)

    took = rebuild.fill_seconds(named(MODEL), endpoints, workers=1, tell=tell)
    water.at(events)
    return events / took, water.mebibytes()
