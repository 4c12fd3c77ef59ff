"""Who leads: one relay a store, by a lock that its session holds; and what the leader says about itself."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg2

from commands.store.pool import connect

LEADER_LOCK: Final = (1380012112, 2)
"""The two numbers of the session's advisory lock."""

SILENCE_SECONDS: Final = 10
"""Seconds after which the server ends a leader's session that says nothing. A process that is stopped, or a
machine that is gone, keeps its connection open; without this nobody could take over."""

REPUBLISHING: Final = "republishing"
"""The state of `store.relay` while lost topics are restored."""

_CONFIGURE: Final = """
    SELECT set_config('idle_session_timeout', %s, false), set_config('statement_timeout', %s, false),
           pg_backend_pid()
"""
_TRY: Final = "SELECT pg_try_advisory_lock(%s, %s)"
_STILL: Final = "SELECT pg_backend_pid()"
_SETTINGS: Final = (
    "SELECT (SELECT value #>> '{}' FROM store.setting WHERE name = 'store_id'),"
    " (SELECT (value #>> '{}')::int FROM store.setting WHERE name = 'partitions'),"
    " coalesce((SELECT position FROM store.relay), 0)"
)
_REPORT: Final = """
    INSERT INTO store.relay (state, reason, leader, position, rate, heartbeat)
    VALUES (%(state)s, %(reason)s, %(leader)s, %(position)s, %(rate)s, now())
    ON CONFLICT (sole) DO UPDATE
       SET state = excluded.state, reason = excluded.reason, leader = excluded.leader,
           position = greatest(store.relay.position, excluded.position),
           rate = excluded.rate, heartbeat = excluded.heartbeat
"""


_LEADER: Final = "SELECT leader FROM store.relay WHERE heartbeat > now() - interval '1 minute'"

_FORGET: Final = "UPDATE store.relay SET position = 0"


def forget_published(url: str) -> None:
    """Forgets how far was published, for topics that are known to be gone, and rightly: else the next relay
    refuses topics that are behind. For when no relay runs; `url` is that of the role `rapport_relay`.
    """
    with closing(connect(url, connect_timeout=5)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_FORGET)


class LeadershipLost(Exception):
    """This process leads no longer: its session ended, and with it the lock."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the store says about itself: its id, the partitions of every family topic, and the highest
    position that was noted as published."""

    id: UUID
    partitions: int
    noted: int

    @property
    def transactional_id(self) -> str:
        """What this store's relays, and all else that publishes for it, call themselves at the broker: the
        later one fences the earlier."""
        return f"rapport-relay-{self.id}"


def relay_name() -> str:
    """What tells this process from other relays: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Leadership:
    """The leader's session: a direct connection (no pooler in between), used for the lock and the report.

    Raises `psycopg2.Error` while the store is away. Several threads may call `check` and `report`.
    """

    def __init__(self, url: str, name: str, *, silence: int = SILENCE_SECONDS) -> None:
        self._url, self._name, self._silence = url, name, silence
        self._connection: Any = None
        self._backend = 0

    def acquire(self) -> bool:
        """Whether this process leads from now on. A session that waits to lead is kept for the next try."""
        if self._connection is None or self._connection.closed:
            self.open()
        return bool(self._one(_TRY, LEADER_LOCK)[0])

    def check(self) -> None:
        """Raises `LeadershipLost` when the session that took the lock is gone."""
        try:
            same = self._one(_STILL)[0] == self._backend
        except psycopg2.Error as error:
            raise LeadershipLost(str(error).strip()) from error
        if not same:
            raise LeadershipLost("The store's address leads to a pool of sessions; the relay needs its own.")

    def facts(self) -> StoreFacts:
        """The store's settings. Raises `LookupError` where the store was never migrated."""
        store, partitions, noted = self._one(_SETTINGS)
        if store is None or partitions is None:
            raise LookupError("The store has no id yet: it was never migrated. Run `rapport migrate` first.")
        return StoreFacts(UUID(store), partitions, noted)

    def leader(self) -> str | None:
        """Who said last that it leads; None where nobody has for a minute."""
        with self._connection.cursor() as cursor:
            cursor.execute(_LEADER)
            row = cursor.fetchone()
            return str(row[0]) if row else None

    def report(self, state: str, reason: str | None, position: int, rate: float) -> None:
        """Writes the one row that `relay status` shows; also a sign of life. Raises `LeadershipLost`."""
        said = {"state": state, "reason": reason, "leader": self._name, "position": position, "rate": rate}
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(_REPORT, said)
        except psycopg2.Error as error:
            raise LeadershipLost(str(error).strip()) from error

    def close(self) -> None:
        """Ends the session; another may lead."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def open(self) -> None:
        """Opens the session, without the lock."""
        self._connection = connect(self._url, connect_timeout=5)
        milliseconds = str(self._silence * 1000)
        self._backend = self._one(_CONFIGURE, (milliseconds, milliseconds))[2]

    def _one(self, statement: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            row: tuple[Any, ...] = cursor.fetchone()
            return row
