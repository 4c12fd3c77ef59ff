"""What the tailing test is made of: writers in processes, readers of three kinds, and the judge.

The judge knows what was committed from what the writers wrote down apart from the database (see
`tailing_writer`), and what was read from the readers. It asks the database nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple, Self
from uuid import UUID

import psycopg2

from commands.store.event_reader import EventReader, HighWaterMarkTimeout
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from tests.support.database import Urls
from tests.support.tailing_writer import TOGETHER


class Read(NamedTuple):
    """An event that a reader was given, and when (nanoseconds of the monotonic clock)."""

    position: int
    aggregate: UUID
    at: int


class Writers:
    """Writers, `TOGETHER` in a process; killed with -9 and started again, or ended in order."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.support.tailing_writer", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._living: list[int] = []
        self._say(url)

    def start(self, writers: int) -> None:
        """Starts that many more."""
        assert self._nursery.stdout is not None
        for _ in range(writers // TOGETHER):
            self._say(str(len(list(self._folder.iterdir()))))
            process = self._nursery.stdout.readline()
            assert process, "no writers were started"
            (self._folder / process.strip()).touch()
            self._living.append(int(process))

    def kill(self, chance: Random) -> None:
        """Kills one of the processes with -9."""
        os.kill(self._living.pop(chance.randrange(len(self._living))), signal.SIGKILL)

    def all_wrote(self) -> bool:
        """Whether each living process has written something."""
        return all((self._folder / str(process)).stat().st_size for process in self._living)

    def end(self) -> None:
        """Lets each finish what it does."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.close()
        assert self._nursery.wait(60) == 0
        self._nursery.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._nursery.returncode is None:
            for process in self._living:
                os.kill(process, signal.SIGKILL)
            self.end()

    def _say(self, line: str) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(line + "\n")
        self._nursery.stdin.flush()


class Facts:
    """What the writers wrote down: events that they planned to commit (and when), that were committed (with
    the position, 0 where they do not know it), and that were to be rolled back."""

    def __init__(self, folder: Path) -> None:
        self.planned: dict[UUID, int] = {}
        self.committed: dict[UUID, int] = {}
        self.committed_at: dict[UUID, int] = {}
        self.never: set[UUID] = set()
        self.broken = 0
        for file in folder.iterdir():
            for line in file.read_text().splitlines():
                word, at, *named = line.split(" ")
                pairs = (part.split(":") for part in named if part)
                self.note(word, int(at), {UUID(id): int(position) for id, position in pairs})

    def note(self, word: str, at: int, ids: Mapping[UUID, int]) -> None:
        """Takes in one line: aggregates with their positions."""
        match word:
            case "plans":
                self.planned.update(dict.fromkeys(ids, at))
            case "done":
                self.committed.update(ids)
                self.committed_at.update(dict.fromkeys(ids, at))
            case "never":
                self.never.update(ids)
            case _:
                self.broken += 1


class Reader(ABC, threading.Thread):
    """Reads from the start on a thread; everything it was given is in `seen`."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.seen: list[Read] = []
        self.failed: Exception | None = None
        self.ended = threading.Event()

    @property
    def position(self) -> int:
        """The last position it was given, 0 before the first."""
        return self.seen[-1].position if self.seen else 0

    def run(self) -> None:
        """Reads until it is stopped; what it fails with is kept in `failed`."""
        try:
            for position, aggregate in self.read():
                self.seen.append(Read(position, aggregate, time.monotonic_ns()))
        except Exception as error:
            self.failed = error

    @abstractmethod
    def read(self) -> Iterator[tuple[int, UUID]]:
        """Positions and aggregates, until `ended`."""

    def stop(self) -> None:
        """Ends the reading; waits until it has ended."""
        self.ended.set()
        self.join(60)


class Following(Reader):
    """A follower. One that reconnects does so now and then by itself and when the server ends a session."""

    def __init__(self, name: str, url: str, chance: Random, *, reconnects: bool) -> None:
        super().__init__(name)
        self._url, self._chance, self._reconnects = url, chance, reconnects
        self.connections = 1

    def read(self) -> Iterator[tuple[int, UUID]]:
        """Goes on behind the last position, whatever happened to the connection."""
        after = 0
        follower = EventReader(self._url)
        while not self.ended.is_set():
            try:
                upto = follower.high_water_mark(timeout=self._chance.choice((0.02, 0.5)))
                # What is settled stays so: all of it is read, in pages, before the next look.
                while rows := follower.read(after, upto, limit=self._chance.choice((7, 500))):
                    for row in rows:
                        yield row.position, row.aggregate_id
                    after = rows[-1].position
            except HighWaterMarkTimeout:
                continue
            except psycopg2.OperationalError:
                if not self._reconnects:
                    raise
                self.connections += 1
                continue
            if self._reconnects and self._chance.random() < 0.05:
                follower.close()
                follower = EventReader(self._url)
                self.connections += 1
        follower.close()


class Subscribed(Reader):
    """The library's subscription, over a pool."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        self._pool = Pool(url, 2)
        self._subscription = PostgresApplicationRecorder(self._pool).subscribe(gt=0)

    def read(self) -> Iterator[tuple[int, UUID]]:
        """Until the subscription is stopped."""
        for note in self._subscription:
            yield note.id, UUID(str(note.originator_id))

    def stop(self) -> None:
        """Stops the subscription first: it waits in there."""
        self._subscription.stop()
        super().stop()
        self._pool.close()


@contextmanager
def reading(urls: Urls, chance: Random) -> Iterator[list[Reader]]:
    """A reader of each kind, started, and stopped at the end."""
    readers: list[Reader] = [
        Following("follower", urls.relay, Random(chance.random()), reconnects=False),
        Following("follower that reconnects", urls.worker, Random(chance.random()), reconnects=True),
        Subscribed("subscription", urls.app),
    ]
    for reader in readers:
        reader.start()
    try:
        yield readers
    finally:
        for reader in readers:
            reader.stop()


def missed(reader: Reader, facts: Facts) -> set[UUID]:
    """The events that were committed and that `reader` never saw."""
    return facts.committed.keys() - {read.aggregate for read in reader.seen}


def wrongs(reader: Reader, facts: Facts) -> list[str]:
    """What `reader` did wrong, given the facts; empty where it saw each committed event once, in order, not
    before the request of its commit, at the position that its writer got, and no other event."""
    seen = {read.aggregate: read for read in reader.seen}
    found: dict[str, Sequence[object]] = {
        "failed": [] if reader.failed is None else [reader.failed],
        "missed": list(missed(reader, facts)),
        "seen, but rolled back": list(facts.never & seen.keys()),
        "seen, but nobody's": list(seen.keys() - facts.planned.keys() - facts.never),
        "twice or out of order": [b for a, b in pairwise(reader.seen) if a.position >= b.position],
        "seen before its commit": [
            id for id in seen.keys() & facts.planned if seen[id].at < facts.planned[id]
        ],
        "at another position": [
            id for id, at in facts.committed.items() if at and id in seen and seen[id].position != at
        ],
    }
    return [
        f"The {reader.name}: {what}: {len(which)}, such as {which[0]}."
        for what, which in found.items()
        if which
    ]


def lags(reader: Reader, facts: Facts) -> list[float]:
    """Seconds from the end of each commit until the reader saw its event, ascending."""
    return sorted(
        (read.at - facts.committed_at[read.aggregate]) / 1e9
        for read in reader.seen
        if read.aggregate in facts.committed_at
    )
