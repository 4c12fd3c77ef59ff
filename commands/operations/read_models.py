"""Records operators' acts on read models as events, from the acts that the read side has noted, each once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg2
from eventsourcing.persistence import PersistenceError
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from commands.dispatch.acts import record
from commands.operations.periodic import repeating
from commands.store.application import Crm
from commands.store.pool import Pool, PoolBusy
from domain.events.event import Actor
from domain.kernel.errors import DomainError
from domain.operations import read_model as readmodel
from domain.operations.read_model import Act, ReadModel

LOG: Final = logging.getLogger("rapport.readmodel")
INTERVAL_SECONDS: Final = 60.0
"""Seconds from one look for noted acts to the next."""

_PRINCIPALS: Final = UUID("c1c4a1e8-0a37-4f0e-9a43-52a2c7a6d1b0")
_AWAY: Final = (psycopg2.OperationalError, psycopg2.InterfaceError, PersistenceError, PoolBusy)
_UNRECORDED: Final = """
    SELECT id, at, principal, act, projection, version, reason, details FROM control.operation
     WHERE NOT recorded ORDER BY at, id LIMIT 100 FOR UPDATE
"""

# What an event takes from the details of a noted act.
_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[type[Act], dict[str, Any]]]]] = {
    "rebuild_started": lambda d: (
        readmodel.RebuildStarted, {"source": d["source"], "filled_to": d["filled_to"]},
    ),
    "verified": lambda d: (
        readmodel.Verified,
        {"settled": d["settled"], "events": d["events"], "rows": d["rows"], "sample": d["sample"]},
    ),
    "verification_failed": lambda d: (
        readmodel.VerificationFailed, {"settled": d["settled"], "differences": len(d["differences"])},
    ),
    "swapped": lambda d: (readmodel.Swapped, {"from_version": d["from"], "plan": d["plan"]}),
    "rolled_back": lambda d: (readmodel.RolledBack, {"to_version": d["to"]}),
    "dropped": lambda _: (readmodel.Dropped, {}),
    "aborted": lambda _: (readmodel.Aborted, {}),
    "paused": lambda _: (readmodel.Paused, {}),
    "resumed": lambda _: (readmodel.Resumed, {}),
    "retried": lambda d: (readmodel.Retried, {"applied": d.get("applied", 0)}),
}  # fmt: skip


ACTS: Final = frozenset(_KINDS)
"""Every act that is recorded."""


def record_operations(connection: Connection, store: Callable[[], Crm]) -> int:
    """Records the noted acts as events, the oldest first; returns how many it could not, with the store away.

    `connection`: the read side, as a role that may change `control.operation`. An act is recorded once,
    however often this is called, and by however many at once: its id is in the event.
    """
    while True:
        with connection, connection.cursor() as c:
            c.execute(_UNRECORDED)
            noted = c.fetchall()
            if not noted:
                return 0
            try:
                crm = store()
                for row in noted:
                    _record(crm, row)
            except (*_AWAY, DomainError):
                return _left(c)
            c.execute(
                "UPDATE control.operation SET recorded = true WHERE id = ANY (%s::uuid[])",
                ([str(row[0]) for row in noted],),
            )


def recording(
    read_side: Pool, store: Callable[[], Crm], *, every: float = INTERVAL_SECONDS
) -> AbstractContextManager[None]:
    """While the block runs, a thread records what is noted: at once, and then `every` so many seconds.

    An operator's command records its act itself; this is for the acts whose command found the store away, or
    was killed. It belongs to the API's processes: they are there as long as anything is, and may append.
    """

    def turn(_: threading.Event) -> float:
        try:
            with read_side.connection() as connection:
                left = record_operations(connection, store)
        except Exception as error:  # whatever it is, the process goes on serving, and this is tried again
            LOG.warning("operators' acts stay noted for now: %s", type(error).__name__)
        else:
            if left:
                LOG.warning("%d acts of operators stay noted: the store can't be written to", left)
        return every

    return repeating("recording", turn)


def principal_id(name: str) -> UUID:
    """The opaque id of an operator's login name: events hold no names."""
    return uuid5(_PRINCIPALS, name)


def _record(crm: Crm, row: tuple[Any, ...]) -> None:
    id, at, principal, act, projection, version, reason, details = row
    operation = UUID(str(id))
    kind, own = _KINDS[act](details)
    payload = kind(projection=projection, version=version, operation=operation, note=reason, **own)

    def decide(state: ReadModel | None) -> Act | None:
        return None if state is not None and operation in state.operations else payload

    actor = Actor(id=principal_id(principal), kind="user")
    of = readmodel.id_of(projection, version)
    record(crm, readmodel.evolve, of, decide, actor, at=at.astimezone(UTC))


def _left(c: Cursor) -> int:
    c.execute("SELECT count(*) FROM control.operation WHERE NOT recorded")
    row = c.fetchone()
    return int(row[0]) if row else 0
