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
    """A session of the read side that shows as `name`; `lease` in seconds.

    A worker that is stopped in the middle of a transaction must not keep its locks for ever, since its
    successor would wait for them: the server ends the session after the lease. A server that vanished
    without a word is noticed in half a minute. Of several hosts in the URL it is the one that takes writes;
    raises `psycopg2.OperationalError` where none does, as on a standby.
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
    """Events a second, over the last few times it was asked."""

    def __init__(self) -> None:
        self._count, self._since, self._rate = 0, time.monotonic(), 0.0
        self.events = 0
        """All events added."""
        self.commits = 0
        """How often any were."""
        self.away = False
        """Whether the read side's database is waited for."""
        self._last: float | None = None

    def add(self, events: int) -> None:
        """Counts the events of one commit."""
        self._count += events
        self.events += events
        self.commits += 1
        self._last = time.monotonic()

    def age(self) -> float | None:
        """Seconds since the last commit; None before the first."""
        last = self._last
        return None if last is None else time.monotonic() - last

    def rate(self) -> float:
        """The rate; old times weigh half as much each time."""
        now = time.monotonic()
        fresh = self._count / max(now - self._since, 1e-3)
        self._count, self._since = 0, now
        self._rate = (self._rate + fresh) / 2 if fresh or self._rate > 0.01 else 0.0
        return self._rate


class Writer:
    """One batch is written while the next one is read and folded.

    Owns a database session while a write is under way; between `finish` and `start` it is the caller's.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._under_way: tuple[Batch, Future[None]] | None = None

    def start(self, batch: Batch, write: Callable[[Cursor], None]) -> None:
        """Has `write` called in a transaction, which is then committed. The one before must be finished."""
        assert self._under_way is None
        self._under_way = batch, self._thread.submit(self._commit, write)

    def wait(self, seconds: float) -> bool:
        """Waits up to so long for the write under way; whether there is none any more that goes on."""
        return self._under_way is None or bool(wait([self._under_way[1]], seconds).done)

    @property
    def done(self) -> bool:
        """Whether a write has ended that nobody has asked for yet."""
        return self._under_way is not None and self._under_way[1].done()

    def finish(self) -> tuple[Batch, BaseException | None] | None:
        """Waits for the write under way: its batch, and what it failed with. None where there is none."""
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return None
        batch, future = under_way
        return batch, future.exception()

    def close(self) -> None:
        """Waits for the write under way, whatever becomes of it, and ends the thread."""
        self._thread.shutdown(wait=True)

    def _commit(self, write: Callable[[Cursor], None]) -> None:
        with self._connection, self._connection.cursor() as c:
            write(c)
