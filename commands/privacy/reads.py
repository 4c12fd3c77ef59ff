"""Records reads of private values, and lists them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.store.application import Crm
from commands.store.pool import Pool
from domain.events.envelope import moment, parse
from domain.events.event import Event
from domain.kernel.aggregate import timestamps
from domain.privacy.private_read import PrivateRead

_TYPE: Final = "crm.privacy.private_read"
_OF_PARTY: Final = """
    SELECT position, event FROM store.event WHERE party = %s AND type = %s AND position > %s
     ORDER BY position LIMIT 1000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read: `records` of the party whose private values were given, to whom (`by`), when and what for."""

    position: int
    at: datetime
    by: UUID
    by_kind: str
    purpose: str
    route: str
    records: tuple[UUID, ...]
    correlation: UUID


def record_reads(
    crm: Crm, context: Context, shown: Mapping[UUID, Collection[UUID]], *, purpose: str, route: str
) -> None:
    """Records that private values of these records, by party, are about to be given. Raises what appending
    raises: then nothing may be given."""
    time, recorded = timestamps(None, now=context.now, last=None)
    crm.record(
        [
            Event(
                originator_id=context.new_id(),
                originator_version=1,
                party=party,
                time=time,
                recorded=recorded,
                correlation=context.correlation,
                cause=context.cause,
                actor=context.actor,
                payload=PrivateRead(records=tuple(sorted(records)), purpose=purpose, route=route),
            )
            for party, records in sorted(shown.items())
        ]
    )


def reads_of(pool: Pool, party: UUID) -> Iterator[Read]:
    """Every recorded read of a party's private values, the oldest first."""
    after = 0
    while True:
        with pool.connection() as connection, connection.cursor() as c:
            c.execute(_OF_PARTY, (party, _TYPE, after))
            rows = c.fetchall()
        if not rows:
            return
        for position, encoded in rows:
            yield _read(position, bytes(encoded))
        after = rows[-1][0]


def _read(position: int, encoded: bytes) -> Read:
    envelope = parse(encoded)
    data = envelope["data"]
    return Read(
        position=position,
        at=moment(envelope["recordedtime"]),
        by=UUID(envelope["authid"]),
        by_kind=envelope["authtype"],
        purpose=data["purpose"],
        route=data["route"],
        records=tuple(UUID(id) for id in data["records"]),
        correlation=UUID(envelope["correlationid"]),
    )
