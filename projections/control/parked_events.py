"""Parked events: those that could not be applied, and those that wait behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from projections.runtime.decode import Category
from projections.runtime.projection import Projection

NOBODY: Final = UUID(int=0)
EVENTS: Final = (
    "SELECT position, aggregate_id::text, party::text, category, error, event FROM control.held "
    "WHERE projection = %s AND version = %s "
)
"""Selects parked events of a projection's version; the beginning of a statement."""


class ParkedEvent(NamedTuple):
    """A parked event. `aggregate_id` is None if the envelope cannot be read; then its whole party waits."""

    position: int
    aggregate_id: str | None
    party: str
    category: Category
    error: str
    event: bytes


@dataclass(slots=True)
class Waiting:
    """The aggregates and parties that wait, with category and position of the event they wait for."""

    aggregates: dict[str, tuple[Category, int]] = field(default_factory=dict)
    parties: dict[str, tuple[Category, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.aggregates or self.parties)

    def behind(self, aggregate_id: str | None, party: str) -> tuple[Category, int] | None:
        """Returns category and position of the event that this aggregate or party waits for, or None."""
        if aggregate_id is not None and aggregate_id in self.aggregates:
            return self.aggregates[aggregate_id]
        return self.parties.get(party)

    def add(self, parked: ParkedEvent) -> None:
        """Adds a parked event: later events of its aggregate, or party, wait behind it."""
        place = (parked.category, parked.position)
        if parked.aggregate_id is None:
            self.parties.setdefault(parked.party, place)
        else:
            self.aggregates.setdefault(parked.aggregate_id, place)

    def undo(self, parked: Iterable[ParkedEvent]) -> None:
        """Undoes `add` of these events: they were not parked."""
        for one in parked:
            whose = self.parties if one.aggregate_id is None else self.aggregates
            key = one.party if one.aggregate_id is None else one.aggregate_id
            if whose.get(key) == (one.category, one.position):
                del whose[key]

    def release(self, parked: Iterable[ParkedEvent]) -> None:
        """Lets the aggregates and parties of these events no longer wait."""
        for one in parked:
            if one.aggregate_id is None:
                self.parties.pop(one.party, None)
            else:
                self.aggregates.pop(one.aggregate_id, None)


def load(c: Cursor, projection: Projection) -> Waiting:
    """Loads who waits, by the first parked event of each aggregate and party."""
    c.execute(
        "SELECT DISTINCT ON (aggregate_id, CASE WHEN aggregate_id IS NULL THEN party END) "
        "position, aggregate_id::text, party::text, category, '', ''::bytea FROM control.held "
        "WHERE projection = %s AND version = %s "
        "ORDER BY aggregate_id, CASE WHEN aggregate_id IS NULL THEN party END, position",
        (projection.name, projection.version),
    )
    waiting = Waiting()
    for row in c.fetchall():
        waiting.add(ParkedEvent(*row))
    return waiting


def park(c: Cursor, projection: Projection, events: Sequence[ParkedEvent]) -> None:
    """Parks events, in the transaction of their batch."""
    execute_values(
        c,
        "INSERT INTO control.held "
        "(projection, version, position, aggregate_id, party, category, error, event) VALUES %s "
        "ON CONFLICT DO NOTHING",
        [
            (projection.name, projection.version, h.position, h.aggregate_id, _uuid(h.party), h.category,
             h.error[:2000].replace("\x00", ""), h.event)
            for h in events
        ],
    )  # fmt: skip


def heads(
    c: Cursor, projection: Projection, category: Category, *, after: UUID = NOBODY, most: int
) -> list[ParkedEvent]:
    """Returns the first parked event of each aggregate if it has this category; the next ones by the
    aggregate's id."""
    c.execute(
        "SELECT position, aggregate_id::text, party::text, category, error, event FROM ("
        "SELECT DISTINCT ON (aggregate_id) position, aggregate_id, party, category, error, event "
        "FROM control.held WHERE projection = %s AND version = %s AND aggregate_id > %s "
        "ORDER BY aggregate_id, position) AS first WHERE category = %s ORDER BY aggregate_id LIMIT %s",
        (projection.name, projection.version, str(after), category, most),
    )
    return [ParkedEvent(*row)._replace(event=bytes(row[5])) for row in c.fetchall()]


def of_aggregate(c: Cursor, projection: Projection, aggregate_id: str) -> list[ParkedEvent]:
    """Returns an aggregate's parked events in order."""
    c.execute(
        EVENTS + "AND aggregate_id = %s ORDER BY position",
        (projection.name, projection.version, aggregate_id),
    )
    return [ParkedEvent(*row)._replace(event=bytes(row[5])) for row in c.fetchall()]


def of_party(c: Cursor, projection: Projection, party: str) -> list[ParkedEvent]:
    """Returns a party's parked events in order, of all its aggregates."""
    c.execute(
        EVENTS + "AND party = %s ORDER BY position", (projection.name, projection.version, _uuid(party))
    )
    return [ParkedEvent(*row)._replace(event=bytes(row[5])) for row in c.fetchall()]


def release(c: Cursor, projection: Projection, positions: Sequence[int]) -> None:
    """Removes parked events, in the transaction that applies them."""
    c.execute(
        "DELETE FROM control.held WHERE projection = %s AND version = %s AND position = ANY (%s)",
        (projection.name, projection.version, list(positions)),
    )


def _uuid(party: str) -> str:
    """Returns the party as a UUID; the nil UUID if a stranger's record has no readable key."""
    try:
        return str(UUID(party))
    except ValueError:
        return str(NOBODY)
