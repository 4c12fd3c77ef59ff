"""Writers that do everything a follower could stumble over, until they are killed or told to end.

Run as `python -m tests.support.tailing_writer FOLDER` with the URL on the first line of standard input. Each
further line is a seed: it starts a process with two writers, whose number is answered. They share a pool of
two connections. All end when standard input is closed.

What they do they write down in `FOLDER/<process>`, apart from the database, a line each: a word, the time in
nanoseconds of the monotonic clock, aggregate ids, each with its position where that is known (else 0).
`plans` is written before the commit, `done` behind it, `never` before events that are rolled
back, `broken` by a writer that fails.
"""

from __future__ import annotations

import io
import os
import random
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

from psycopg2.extensions import connection, cursor

from commands.store.mapper import StoredCrmEvent
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from tests.support.store import run, stored_event

TOGETHER = 2


class Writer:
    """One of the writers of a process."""

    def __init__(self, pool: Pool, facts: int, seed: int) -> None:
        self._pool = pool
        self._recorder = PostgresApplicationRecorder(pool)
        self._facts = facts
        self._chance = random.Random(seed)

    def write(self, ended: threading.Event) -> None:
        """One act after another, a tenth of them in vain."""
        acts = (self.single, self.several, self.bulk, self.hold, self.savepoint, self.copy)
        try:
            while not ended.is_set():
                if self._chance.random() < 0.1:
                    self.abort()
                else:
                    self._chance.choice(acts)()
        except BaseException:
            self.note("broken", [])
            raise

    def note(self, word: str, ids: Iterable[UUID | str], positions: Iterable[int] = ()) -> None:
        """Writes a fact down, in one piece."""
        known = dict(zip(ids, positions, strict=False)) or dict.fromkeys(ids, 0)
        text = " ".join(f"{UUID(str(id)).hex}:{position}" for id, position in known.items())
        os.write(self._facts, f"{word} {time.monotonic_ns()} {text}\n".encode())

    def single(self) -> None:
        """One event, in one round trip."""
        self._append([stored_event()])

    def several(self) -> None:
        """Events of several aggregates, in one round trip."""
        self._append([stored_event() for _ in range(self._chance.randint(2, 6))])

    def _append(self, events: list[StoredCrmEvent]) -> None:
        ids = [event.originator_id for event in events]
        self.note("plans", ids)
        self.note("done", ids, self._recorder.insert_events(events))

    def bulk(self) -> None:
        """Many through COPY, in one transaction."""
        events = [stored_event() for _ in range(self._chance.randint(20, 100))]
        ids = [event.originator_id for event in events]
        self.note("plans", ids)
        self.note("done", ids, self._recorder.insert_bulk(events))

    def hold(self) -> None:
        """Positions are drawn, then others commit higher ones; now and then for seconds."""
        longest = 2.0 if self._chance.random() < 0.05 else 0.1
        events = [stored_event(), stored_event()]
        with self._pool.connection() as opened:
            opened.autocommit = False
            positions = [run(opened, events[0])]
            time.sleep(self._chance.uniform(0, longest))
            positions.append(run(opened, events[1]))
            self._commit(opened, events, positions)

    def savepoint(self) -> None:
        """A lock that was taken behind a savepoint goes with it; the next append must take it again."""
        kept, positions = [], []
        lost = stored_event()
        self.note("never", [lost.originator_id])
        with self._pool.connection() as opened, opened.cursor() as own:
            opened.autocommit = False
            if self._chance.random() < 0.5:
                kept.append(stored_event())
                positions.append(run(opened, kept[-1]))
            own.execute("SAVEPOINT here")
            run(opened, lost)
            own.execute("ROLLBACK TO SAVEPOINT here")
            kept.append(stored_event())
            positions.append(run(opened, kept[-1]))
            time.sleep(self._chance.uniform(0, 0.05))
            self._commit(opened, kept, positions)

    def copy(self) -> None:
        """Many through COPY, held a moment."""
        events = [stored_event() for _ in range(self._chance.randint(5, 20))]
        with self._pool.connection() as opened, opened.cursor() as own:
            opened.autocommit = False
            _copy(own, events)
            time.sleep(self._chance.uniform(0, 0.05))
            self._commit(opened, events, [])

    def abort(self) -> None:
        """Positions are drawn, held a moment, and burnt."""
        events = [stored_event() for _ in range(self._chance.randint(1, 20))]
        self.note("never", [event.originator_id for event in events])
        with self._pool.connection() as opened, opened.cursor() as own:
            opened.autocommit = False
            if self._chance.random() < 0.5:
                run(opened, events[0])
            else:
                _copy(own, events)
            time.sleep(self._chance.uniform(0, 0.1))
            opened.rollback()

    def _commit(self, opened: connection, events: list[StoredCrmEvent], positions: list[int]) -> None:
        ids = [event.originator_id for event in events]
        self.note("plans", ids)
        opened.commit()
        self.note("done", ids, positions)


def _copy(own: cursor, events: list[StoredCrmEvent]) -> None:
    rows = "".join(f"{event.originator_id}\t1\tcopied\t{uuid4()}\t{{}}\n" for event in events)
    own.copy_expert(
        "COPY store.event (aggregate_id, version, type, party, event) FROM STDIN", io.StringIO(rows)
    )


def write(url: str, folder: Path, seed: int, lifeline: int) -> None:
    """Runs the writers of one process until the other end of `lifeline` is closed."""
    facts = os.open(folder / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    pool, ended = Pool(url, TOGETHER, wait=60), threading.Event()
    writers = [Writer(pool, facts, seed * TOGETHER + number) for number in range(TOGETHER)]
    threads = [threading.Thread(target=writer.write, args=[ended]) for writer in writers]
    for thread in threads:
        thread.start()
    os.read(lifeline, 1)
    ended.set()
    for thread in threads:
        thread.join()
    pool.close()


def main() -> None:
    """Forks a process for each seed: that takes milliseconds, and importing all this most of a second."""
    folder, url = Path(sys.argv[1]), sys.stdin.readline().strip()
    lifeline, write_end = os.pipe()
    children = []
    for seed in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(write_end)
            write(url, folder, int(seed), lifeline)
            os._exit(0)
        children.append(child)
        print(child, flush=True)  # noqa: T201  # the answer
    os.close(write_end)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
