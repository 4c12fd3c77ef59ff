"""Histories as the event store has them: of one record, or of all that is one customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg2.extensions import connection

from commands.audit.redaction import has_clear, withholding
from commands.audit.replay import Fact, Kind, fact_of, require_kind
from commands.privacy.no_key_cipher import NoKeyCipher
from commands.store.application import Crm
from commands.store.event_reader import StoredRow
from commands.store.pool import Pool
from domain.events.event import Event
from domain.events.seal import Seal, parse
from domain.kernel.errors import NotFound

PAGE_ROWS: Final = 1000
"""Events read at a time."""

_COLUMNS: Final = "position, aggregate_id, version, type, party, event"
# One stretch of an index for each party and each record; of each no more than a page.
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM (
        SELECT found.* FROM unnest(%(parties)s::uuid[]) AS wanted (party) CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM store.event e
             WHERE e.party = wanted.party AND e.position > %(after)s
               AND e.aggregate_id <> ALL (%(without)s::uuid[])
             ORDER BY e.party, e.position LIMIT %(limit)s) found
        UNION ALL
        SELECT {_COLUMNS} FROM store.event
         WHERE aggregate_id = ANY (%(records)s::uuid[]) AND position > %(after)s) page
     ORDER BY position LIMIT %(limit)s
"""  # noqa: S608  # the interpolated text is the constant above
_STREAMS: Final = f"""
    SELECT {_COLUMNS} FROM store.event
     WHERE aggregate_id = ANY (%s::uuid[]) AND position <= %s ORDER BY aggregate_id, version
"""  # noqa: S608  # as above
_RANGE: Final = """
    SELECT position, event FROM store.event WHERE position BETWEEN %s AND %s ORDER BY position
"""
_COVERING: Final = "SELECT record FROM store.seal WHERE last >= %s ORDER BY last LIMIT 1"
_END: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What belongs to a history: all of `parties` but the records `without`, and the records `records`.

    Of a lead, an opportunity or a case it is the record alone; of a customer all that is this customer now.
    """

    kind: Kind
    id: UUID
    parties: tuple[UUID, ...] = ()
    records: tuple[UUID, ...] = ()
    without: tuple[UUID, ...] = ()

    @classmethod
    def of_record(cls, kind: Kind, id: UUID) -> Scope:
        """One record alone."""
        return cls(kind=kind, id=id, records=(id,))


class Histories:
    """Reads histories over connections of `pool`; with `crm` private values are opened, else withheld.

    `shown` are the records of which private values were given in clear, by party.
    """

    def __init__(self, pool: Pool, crm: Crm | None = None) -> None:
        self._pool, self._crm = pool, crm
        self.shown: dict[UUID, set[UUID]] = {}

    @property
    def opened(self) -> bool:
        """Whether private values are opened."""
        return self._crm is not None

    def facts(self, kind: Kind, id: UUID) -> list[Fact]:
        """One record's events, in order. Raises `NotFound` where there is no record of that kind."""
        found = [self.fact(row) for row in self.streams([id])]
        require_kind(kind, id, found)
        return found

    def require(self, kind: Kind, id: UUID) -> UUID:
        """The record's party. Raises `NotFound` where there is no record of that kind."""
        with self._pool.connection() as opened:
            first = _rows(opened, _STREAMS + " LIMIT 1", ([id], _END))
        if not first or first[0].type.split(".")[1] != kind:
            raise NotFound(kind, id)
        return first[0].party

    def page(self, scope: Scope, after: int = 0, limit: int = PAGE_ROWS) -> list[StoredRow]:
        """The first events of the history behind a position, in the order of positions."""
        values = {
            "parties": list(scope.parties),
            "records": list(scope.records),
            "without": list(scope.without),
            "after": after,
            "limit": limit,
        }
        with self._pool.connection() as opened:
            return _rows(opened, _PAGE, values)

    def rows(self, scope: Scope, after: int = 0, size: int = PAGE_ROWS) -> Iterator[StoredRow]:
        """All events of the history behind a position, page by page: memory stays flat."""
        while page := self.page(scope, after, size):
            yield from page
            after = page[-1].position

    def streams(self, ids: Iterable[UUID], upto: int = _END) -> list[StoredRow]:
        """All events of those records up to a position, those of one in the order of their versions."""
        with self._pool.connection() as opened:
            return _rows(opened, _STREAMS, (list(ids), upto))

    def fact(self, row: StoredRow) -> Fact:
        """The event of a row. Raises `Undecodable`, `UnknownEventType`."""
        if self._crm is None:
            return fact_of(row.position, row.event, NoKeyCipher(), opened=False)
        stored = StoredEvent(
            originator_id=row.aggregate_id, originator_version=row.version, topic=row.type, state=row.event
        )
        event = cast(Event, self._crm.mapper.to_domain_event(stored))
        if has_clear(event):
            self.shown.setdefault(event.party, set()).add(event.originator_id)
        return Fact(row.position, withholding(event, opened=True))

    def covering(self, position: int) -> Seal | None:
        """The seal whose range the position is in; None behind the last seal."""
        with self._pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_COVERING, (position,))
            found = cursor.fetchone()
        return parse(bytes(found[0])) if found else None

    def sealed(self, seal: Seal) -> list[tuple[int, bytes]]:
        """Position and bytes of all events that stand where the seal says, in order."""
        with self._pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_RANGE, (seal.first, seal.last))
            return [(position, bytes(event)) for position, event in cursor.fetchall()]

    def store_id(self) -> UUID:
        """The store's own id, which every seal names."""
        with self._pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute("SELECT value #>> '{}' FROM store.setting WHERE name = 'store_id'")
            return UUID(cursor.fetchall()[0][0])


def _rows(opened: connection, statement: str, values: Any) -> list[StoredRow]:
    with opened.cursor() as cursor:
        cursor.execute(statement, values)
        return [StoredRow._make((*columns, bytes(event))) for *columns, event in cursor.fetchall()]


def by_record(facts: Sequence[Fact]) -> dict[UUID, list[Fact]]:
    """The events of each record, in their order."""
    found: dict[UUID, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.event.originator_id, []).append(fact)
    return found
