"""Compares the rows of a candidate with an independent fold over the store, party after party.

It uses nothing else of the runtime: the expected rows come from `projections.runtime.replay`, one party at a
time, in memory. It reads the candidate's rows by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from consumers.kafka.topics import partition_of
from consumers.rebuild.fill import MakeCipher, connect_owner
from consumers.rebuild.source import PartySource
from domain.events.registry import Registry
from projections.runtime.decode import Decoder, Received, category_of, told
from projections.runtime.projection import Key, Projection, Row, Table
from projections.runtime.replay import Rows, fold_all
from projections.runtime.tables import TableStore

EVENTS_AT_ONCE: Final = 2_000
"""Expected rows that are compared by one query per table."""
MAX_DIFFERENCES: Final = 20
"""Differences after which a comparison ends."""


class Stored(NamedTuple):
    """A stored event, as input of a fold over the store."""

    position: int
    event: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A wrong row. `column` is None if the whole row is missing, or should not be there. For a model that
    shows private values `found` and `expected` have no values."""

    table: str
    key: str
    column: str | None
    found: str | None
    expected: str | None
    party: str | None

    def __str__(self) -> str:
        where = f"{self.table}, {self.key}"
        if self.column is None:
            said = "the row is missing" if self.found is None else "the row should not be there"
            return f"{where}: {said}"
        return f"{where}, column {self.column}: found {self.found}, expected {self.expected}"


@dataclass(slots=True)
class Comparison:
    """The result of a comparison: events, parties, expected rows by table, and the first differences."""

    events: int = 0
    parties: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Comparison) -> None:
        """Adds another comparison's numbers and differences."""
        self.events += other.events
        self.parties += other.parties
        for table, count in other.rows.items():
            self.rows[table] = self.rows.get(table, 0) + count
        self.differences = (self.differences + other.differences)[:MAX_DIFFERENCES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The input of a comparison; it is sent to other processes. `positions` has by partition the share's
    position, `parked` the positions of the candidate's parked events."""

    projection: Projection
    registry: Registry
    owner_url: str
    store_url: str
    positions: Mapping[int, int]
    parked: frozenset[int]
    cipher: MakeCipher | None


Visit = Callable[[Rows], None]
"""Takes the expected rows of some parties."""


def compare(ground: Ground, parts: Sequence[tuple[UUID, UUID | None]]) -> Comparison:
    """Compares these slices of parties."""
    seen = Comparison()
    with closing(connect_owner(ground.owner_url, "rapport verify")) as connection:
        connection.autocommit = True
        with connection.cursor() as c:
            checker = _Checker(ground.projection, c, seen)
            expected_rows(ground, parts, checker.check, seen)
    return seen


def expected_rows(
    ground: Ground, parts: Sequence[tuple[UUID, UUID | None]], visit: Visit, seen: Comparison
) -> None:
    """Folds every party of these slices up to its share's position; `visit` gets the rows of a few hundred
    parties at a time. It ends early when `seen` has enough differences."""
    projection = ground.projection
    decoder = Decoder(ground.registry, ground.cipher() if ground.cipher and projection.private else None)
    batch: Rows = {}
    waiting: list[Received] = []

    def fold(party: str, events: Sequence[Received]) -> None:
        upto = ground.positions[partition_of(party, len(ground.positions))]
        taken = [
            Stored(e.position, e.value)
            for e in events
            if e.position <= upto and e.position not in ground.parked
        ]
        seen.events += len(taken)
        seen.parties += 1
        try:
            folded = _folded(projection, taken, ground.registry, decoder)
        except Exception as error:
            if category_of(error) is None:
                raise
            seen.differences.append(_unfolded(projection, party, error))
            return
        for table, rows in folded.items():
            batch.setdefault(table, {}).update(rows)

    def take(events: Sequence[Received], ended: bool) -> None:
        waiting.extend(events)
        if not ended or len(seen.differences) >= MAX_DIFFERENCES:
            return
        for party, of_party in groupby(waiting, key=lambda event: event.party):
            fold(party, list(of_party))
        waiting.clear()
        if sum(map(len, batch.values())) >= EVENTS_AT_ONCE:
            visit(batch)
            batch.clear()

    with closing(PartySource(ground.store_url, projection.families)) as source:
        for low, high in parts:
            source.read(low, high, max(ground.positions.values()), take)
    visit(batch)


def _folded(projection: Projection, events: Iterable[Stored], registry: Registry, decoder: Decoder) -> Rows:
    """Returns the rows of one party."""

    def opened(event: dict[str, Any]) -> dict[str, Any]:
        if projection.private:
            for error in decoder.open([event]).values():
                raise error
        return event

    return fold_all(projection, events, registry, opened)


def _unfolded(projection: Projection, party: str, error: Exception) -> Difference:
    """Returns the difference of a party that the fold refuses: the fold has changed since the tables were
    filled."""
    return Difference(
        table=projection.schema,
        key=f"party {party}",
        column="(all)",
        found="rows",
        expected=f"none, since the fold fails: {told(error, private=projection.private)}",
        party=party,
    )


class _Checker:
    """Compares expected rows with those of the tables."""

    def __init__(self, projection: Projection, c: Cursor, seen: Comparison) -> None:
        self._c = c
        self._seen = seen
        self._projection = projection

    def check(self, expected: Rows) -> None:
        """Compares rows of whole parties."""
        for table in self._projection.tables:
            for name in filter(None, (table.name, table.history)):
                rows = expected.get(name, {})
                self._seen.rows[name] = self._seen.rows.get(name, 0) + len(rows)
                found = self._found(table, name, {str(row[table.key]) for row in rows.values()})
                for difference in differences(self._projection, table, name, rows, found):
                    if len(self._seen.differences) < MAX_DIFFERENCES:
                        self._seen.differences.append(difference)

    def _found(self, table: Table, name: str, keys: Iterable[Key]) -> dict[Key, Row]:
        self._c.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} = ANY (%s::{}[])").format(
                TableStore.spelled_columns(table),
                sql.Identifier(self._projection.schema, name),
                sql.Identifier(table.key),
                sql.SQL(table.columns[table.key]),
            ),
            (list(keys),),
        )
        rows = [dict(zip(table.columns, values, strict=True)) for values in self._c.fetchall()]
        if name == table.history:
            return {f"{row[table.key]}/{row['version']}": row for row in rows}
        return {str(row[table.key]): row for row in rows}


def differences(
    projection: Projection, table: Table, name: str, expected: Mapping[Key, Row], found: Mapping[Key, Row]
) -> Iterator[Difference]:
    """Yields the differences of the rows, by key."""
    where = f"{projection.schema}.{name}"
    for key in sorted(expected.keys() | found.keys()):
        there, wanted = found.get(key), expected.get(key)
        party = (wanted or there or {}).get("party")
        if there is None or wanted is None:
            yield Difference(
                table=where, key=f"{table.key} {key}", column=None, found=None if there is None else "a row",
                expected=None if wanted is None else "a row", party=party,
            )  # fmt: skip
            continue
        for column, kind in table.columns.items():
            if not _equal(there[column], wanted[column], kind):
                yield Difference(
                    table=where, key=f"{table.key} {key}", column=column, party=party,
                    found=_told(there[column], projection), expected=_told(wanted[column], projection),
                )  # fmt: skip


def _equal(one: Any, other: Any, kind: str) -> bool:
    if one == other:
        return True
    if kind == "numeric" and one is not None and other is not None:
        try:
            return Decimal(one) == Decimal(other)
        except InvalidOperation:
            return False
    return False


def _told(value: Any, projection: Projection) -> str:
    if projection.private:
        return "a value (not shown, since this model has private values)"
    return repr(value) if value is not None else "nothing"
