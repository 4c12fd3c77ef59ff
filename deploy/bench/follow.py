"""Memory of a process that follows millions of events: a reader alone, and a relay that publishes them.

The figure is the most memory that the process held until it had read a tenth, a half, all of the events. A
process that keeps something of each event holds ten times as much of it at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from commands.store.event_reader import EventReader
from commands.store.pool import connect
from deploy.bench.alone import BenchFailed, Companion, result_of
from deploy.bench.benchmarks import Bench
from deploy.bench.visible import run_relay

EVENTS: Final = 2_000_000
"""Events by default: two to three minutes."""
GOAL: Final = 0.1
"""Of growth from a tenth of the events to all of them."""
FILL: Final = Path(__file__).parent / "follow_fill.sql"
FILL_ROWS: Final = 100_000
TENTHS: Final = (1, 5, 10)
MIB: Final = 1024 * 1024
LOOK_SECONDS: Final = 0.05
TIMEOUT_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The most resident memory, in MiB, that a process held until a tenth, a half, all of the events."""

    name: str
    what: str
    mebibytes: tuple[float, float, float]
    note: str
    goal: float = GOAL

    @property
    def growth(self) -> float:
        """From a tenth to all, as a part of what it was then."""
        first, _, last = self.mebibytes
        return last / first - 1

    @property
    def passed(self) -> bool:
        """Whether it grew by less than the goal."""
        return self.growth < self.goal

    @property
    def titles(self) -> tuple[str, ...]:
        """Columns."""
        return ("measured", "of", "unit", "at 10 %", "at 50 %", "at 100 %", "growth")

    @property
    def cells(self) -> tuple[str, ...]:
        """Memory and its growth."""
        return (
            self.name,
            self.what,
            "MiB",
            *(f"{each:.1f}" for each in self.mebibytes),
            f"{self.growth:.1%}",
        )

    @property
    def bound(self) -> str:
        """As `< 10 %`."""
        return f"< {self.goal:.0%}"

    def as_json(self) -> dict[str, Any]:
        """The figures."""
        return {
            "name": self.name,
            "unit": "MiB",
            "what": self.what,
            "most_at_10_50_100_percent": [round(each, 1) for each in self.mebibytes],
            "growth": round(self.growth, 4),
            "goal": self.goal,
            "passed": self.passed,
        }


class HighWater:
    """Keeps the most memory of this process at each tenth of `count` events; the caller reports progress."""

    def __init__(self, count: int, resident: Callable[[], int]) -> None:
        self._count, self._resident = count, resident
        self._most = 0
        self.found: dict[int, float] = {}

    def at(self, events: int) -> None:
        """So many events are done."""
        self._most = max(self._most, self._resident())
        for tenth in TENTHS:
            if events * 10 >= tenth * self._count:
                self.found.setdefault(tenth, self._most / MIB)

    def mebibytes(self) -> tuple[float, float, float]:
        """At a tenth, a half, all."""
        first, half, last = (self.found[tenth] for tenth in TENTHS)
        return first, half, last


def measure(bench: Bench) -> Iterator[Memory]:
    """Fills the published store, reads it from its start, then publishes what was filled in."""
    store, kafka, key = bench.services.published, bench.services.kafka, bench.services.seal_key
    events = bench.events or EVENTS
    bench.say(f"follow: {events:,} events are made")
    fill(store.admin, events, bench.say)
    bench.say("follow: a process reads them")
    yield Memory(
        name="follow",
        what="a reader of the store",
        mebibytes=result_of(read_all, store.relay, events),
        note=f"the most resident memory until so much of {events:,} events was read, from COPY, in pages.",
    )
    bench.say("follow: a relay publishes them")
    with Companion(run_relay, store.relay, kafka, key.private_bytes_raw()) as relay:
        mebibytes = _watch(relay, store.relay, events)
    yield Memory(
        name="follow",
        what="a relay that publishes",
        mebibytes=mebibytes,
        note="",
    )


def fill(admin_url: str, events: int, say: Callable[[str], None]) -> None:
    """Appends so many events, by the database itself."""
    connection = connect(admin_url)
    try:
        with connection.cursor() as cursor:
            for first in range(1, events + 1, FILL_ROWS):
                last = min(first + FILL_ROWS - 1, events)
                cursor.execute(FILL.read_text(), {"first": first, "last": last})
                if last % (5 * FILL_ROWS) == 0:
                    say(f"follow: {last:,} of {events:,}")
    finally:
        connection.close()


def read_all(url: str, events: int) -> tuple[float, float, float]:
    """Follows the last `events` events of the store in this process; its memory."""
    process = psutil.Process()
    water = HighWater(events, lambda: int(process.memory_info().rss))
    with EventReader(url) as follower:
        upto = follower.high_water_mark()
        after, done = _position_before(url, events), 0
        while page := follower.read(after, upto):
            after, done = page[-1].position, done + len(page)
            water.at(done)
    return water.mebibytes()


def _watch(relay: Companion, url: str, events: int) -> tuple[float, float, float]:
    """The relay's memory while it publishes the last `events` events."""
    process = psutil.Process(relay.pid)
    water = HighWater(events, lambda: int(process.memory_info().rss))
    begin, end = _position_before(url, events), _position_before(url, 0)
    connection = connect(url)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        while 10 not in water.found:
            relay.check()
            if time.monotonic() > deadline:
                raise BenchFailed(f"The relay did not publish all in {TIMEOUT_SECONDS:.0f} seconds.")
            with connection.cursor() as cursor:
                cursor.execute("SELECT coalesce(max(position), 0) FROM store.relay")
                position = int(cursor.fetchall()[0][0])
            # This counts unused positions of other writers too; here nobody else appends.
            water.at(max(0, (position - begin) * events // (end - begin)))
            time.sleep(LOOK_SECONDS)
    finally:
        connection.close()
    return water.mebibytes()


def _position_before(url: str, events: int) -> int:
    """The position of the event before the last `events` events; 0 where the store has no more than these."""
    connection = connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT position FROM store.event ORDER BY position DESC OFFSET %s LIMIT 1", (events,)
            )
            row = cursor.fetchall()
            return int(row[0][0]) if row else 0
    finally:
        connection.close()
