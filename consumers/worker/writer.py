"""What a worker writes with: its database session, a thread for the writes, and a meter of their rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from consumers.worker.seals import Batch


def connect(url: str, name: str, lease: float) -> Connection:
    """Opens a session of the read side with the application name `name`; `lease` is in seconds.

    The server ends the session after the lease: a worker that is stopped in the middle of a transaction would
    keep its locks, and its successor would wait for them. The client notices within half a minute that the
    server is gone. If the URL has several hosts, it takes the one that accepts writes; if none does, as on a
    standby, it raises `psycopg2.OperationalError`.
    """
    return psycopg2.connect(
        url,
        connect_timeout=5,
        target_session_attrs="read-write",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=4,
        tcp_user_timeout=30_000,
        application_name=name,
        options=f"-c idle_in_transaction_session_timeout={int(lease * 1000)}",
    )


class Meter:
    """Counts events, and their rate over the last few calls of `rate`."""

    def __init__(self) -> None:
        self._count, self._since, self._rate = 0, time.monotonic(), 0.0
        self.events = 0
        """All events added."""
        self.commits = 0
        """How often events were added."""
        self.away = False
        """Whether the worker waits for the read side's database."""
        self._last: float | None = None

    def add(self, events: int) -> None:
        """Counts the events of one commit."""
        self._count += events
        self.events += events
        self.commits += 1
        self._last = time.monotonic()

    def age(self) -> float | None:
        """Returns the seconds since the last commit; None before the first."""
        last = self._last
        return None if last is None else time.monotonic() - last

    def rate(self) -> float:
        """Returns events a second; older measurements weigh half as much each time."""
        now = time.monotonic()
        fresh = self._count / max(now - self._since, 1e-3)
        self._count, self._since = 0, now
        self._rate = (self._rate + fresh) / 2 if fresh or self._rate > 0.01 else 0.0
        return self._rate


class Writer:
    """Writes one batch while the worker reads and folds the next one.

    It owns the database session while a write is under way; between `finish` and `start` the caller does.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._under_way: tuple[Batch, Future[None]] | None = None

    def start(self, batch: Batch, write: Callable[[Cursor], None]) -> None:
        """Calls `write` in a transaction and commits it. The write before must be finished."""
        assert self._under_way is None
        self._under_way = batch, self._thread.submit(self._commit, write)

    def wait(self, seconds: float) -> bool:
        """Waits up to `seconds` for the write under way. Returns whether it has ended."""
        return self._under_way is None or bool(wait([self._under_way[1]], seconds).done)

    @property
    def done(self) -> bool:
        """Whether a write has ended and `finish` was not called yet."""
        return self._under_way is not None and self._under_way[1].done()

    def finish(self) -> tuple[Batch, BaseException | None] | None:
        """Waits for the write under way. Returns its batch and its error, or None without a write."""
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return None
        batch, future = under_way
        return batch, future.exception()

    def close(self) -> None:
        """Waits for the write under way, even if it fails, and ends the thread."""
        self._thread.shutdown(wait=True)

    def _commit(self, write: Callable[[Cursor], None]) -> None:
        with self._connection, self._connection.cursor() as c:
            write(c)
