"""Which relay leads: one per store, by a lock of its session; and what the leader reports."""

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
"""Seconds after which the server ends a silent leader's session. A stopped process or a lost machine keeps
its connection open; without this limit nobody could take over."""

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
    """Forgets the published position, after topics were removed on purpose: the next relay would refuse
    topics that are behind it. Call it only while no relay runs. `url` is that of the role `rapport_relay`.
    """
    with closing(connect(url, connect_timeout=5)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_FORGET)


class LeadershipLost(Exception):
    """This process no longer leads: its session ended, and with it the lock."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The store's settings: its id, the partitions of every family topic, and the highest position recorded
    as published."""

    id: UUID
    partitions: int
    noted: int

    @property
    def transactional_id(self) -> str:
        """Returns the transactional id of all that publishes for this store: a later producer fences an
        earlier one."""
        return f"rapport-relay-{self.id}"


def relay_name() -> str:
    """Returns the name of this process among relays: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Leadership:
    """The leader's session: a direct connection (no pooler), used for the lock and the report.

    Raises `psycopg2.Error` while the store is away. Several threads may call `check` and `report`.
    """

    def __init__(self, url: str, name: str, *, silence: int = SILENCE_SECONDS) -> None:
        self._url, self._name, self._silence = url, name, silence
        self._connection: Any = None
        self._backend = 0

    def acquire(self) -> bool:
        """Returns whether this process leads from now on. It keeps its session for the next try."""
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
        """Returns the store's settings. Raises `LookupError` if the store was never migrated."""
        store, partitions, noted = self._one(_SETTINGS)
        if store is None or partitions is None:
            raise LookupError("The store has no id yet: it was never migrated. Run `rapport migrate` first.")
        return StoreFacts(UUID(store), partitions, noted)

    def leader(self) -> str | None:
        """Returns the relay that last reported that it leads; None if none has for a minute."""
        with self._connection.cursor() as cursor:
            cursor.execute(_LEADER)
            row = cursor.fetchone()
            return str(row[0]) if row else None

    def report(self, state: str, reason: str | None, position: int, rate: float) -> None:
        """Writes the row that `relay status` shows, which is also a sign of life. Raises `LeadershipLost`."""
        said = {"state": state, "reason": reason, "leader": self._name, "position": position, "rate": rate}
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(_REPORT, said)
        except psycopg2.Error as error:
            raise LeadershipLost(str(error).strip()) from error

    def close(self) -> None:
        """Ends the session, so that another relay may lead."""
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
