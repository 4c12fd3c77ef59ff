"""Connections to PostgreSQL that are handed out again: a bounded pool that heals dead connections."""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection
from psycopg2.extras import register_uuid

from domain.kernel.user_errors import EnvironmentProblem

WAIT_SECONDS: Final = 10.0
"""How long `Pool.connection` waits for a connection that others hold."""


class PoolBusy(EnvironmentProblem, TimeoutError):
    """All connections stayed in use."""

    def __init__(self, size: int, seconds: float) -> None:
        super().__init__(
            f"All {size} database connections were busy for {seconds:g} seconds. Try again; if this goes on, "
            "raise the pool size or look for what holds them."
        )


def connect(url: str, *, autocommit: bool = True, connect_timeout: int = 10) -> Connection:
    """A connection to the primary at `url`, with UUIDs as `UUID` and keepalives, so that a dead peer shows.

    Raises `psycopg2.OperationalError`.
    """
    opened = psycopg2.connect(
        url,
        connect_timeout=connect_timeout,
        target_session_attrs="primary",
        keepalives_idle=30,
        keepalives_interval=5,
        keepalives_count=3,
    )
    opened.autocommit = autocommit
    register_uuid(conn_or_curs=opened)  # type: ignore[no-untyped-call]
    return opened


class Pool:
    """At most `size` connections in autocommit mode, opened when needed, kept afterwards.

    `with pool.connection() as c` hands one out: each statement string is a transaction of its own, and
    `with c:` makes one of several. Waits for a free one at most `wait` seconds, then raises `PoolBusy`;
    raises `psycopg2.OperationalError` where the database is away. A connection that the server closed in the
    meantime is replaced before it is handed out; one whose transaction was left open is closed.
    """

    def __init__(self, url: str, size: int = 8, *, wait: float = WAIT_SECONDS) -> None:
        self._url = url
        self._size = size
        self._wait = wait
        # psycopg2's own pool raises when it is exhausted and connects eagerly; waiting is what callers want.
        self._free = threading.BoundedSemaphore(size)
        self._idle: deque[Connection] = deque()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for the length of the `with` block."""
        if not self._free.acquire(timeout=self._wait):
            raise PoolBusy(self._size, self._wait)
        try:
            taken = self._take()
            try:
                yield taken
            finally:
                self._give_back(taken)
        finally:
            self._free.release()

    def close(self) -> None:
        """Closes the idle connections; those in use are closed when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection:
        while True:
            try:
                idle = self._idle.pop()
            except IndexError:
                return connect(self._url)
            if _alive(idle):
                return idle
            idle.close()

    def _give_back(self, used: Connection) -> None:
        if not used.closed and used.info.transaction_status == TRANSACTION_STATUS_IDLE and not self._closed:
            if not used.autocommit:
                used.autocommit = True
            self._idle.append(used)
        else:
            used.close()


def _alive(idle: Connection) -> bool:
    """Whether the server still holds its end: an idle connection that can be read has been closed there."""
    if idle.closed:
        return False
    poll = select.poll()
    poll.register(idle.fileno(), select.POLLIN)
    return not poll.poll(0)
