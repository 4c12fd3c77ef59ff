"""Folds whole parties from their first event on, to fill empty tables.

Unlike a live worker it loads no rows: a row that it has not folded does not exist. A party's rows are
complete when its last event is folded, and are written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from projections.control import parked_events
from projections.control.parked_events import ParkedEvent
from projections.runtime.binary_copy import FORMAT, Cells, EncodeError, framed
from projections.runtime.decode import Decoder, Received, category_of, is_data_fault
from projections.runtime.folding import Folder
from projections.runtime.projection import Fold, Key, KeysOf, Projection, Row, Table, not_begun

FLUSH_BYTES: Final = 4 * 1024 * 1024
"""Bytes of rows that are kept for one table before they are sent."""
MAX_EVENTS: Final = 20_000
"""Events of whole parties after which it writes their rows and forgets them."""
CHUNK_EVENTS: Final = 100
"""Events folded at a time: so many events, with their rows, stay in the processor's cache."""


_Touched = tuple[int, KeysOf, Fold, int, dict[Key, Row]]
"""A table that events of a type may touch: its number, its `touches`, its number of columns, its rows."""


class NewRows(NamedTuple):
    """The rows that events made in one table, in the events' order, and their keys."""

    keys: list[Key]
    rows: list[Row]


class Filler(Folder):
    """Folds parties, one after the other, each in order of position. It loads no rows.

    `newest` are the rows that are not written yet, table by table; none for a table with one event per row.
    """

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        super().__init__(projection, decoder, [])
        self._opens = projection.private
        self.newest: list[dict[Key, Row]] = [{} for _ in projection.tables]
        self._kept = [not table.write_once for table in projection.tables]
        self._touched: dict[str, list[_Touched]] = {}
        self.parked: list[ParkedEvent] = []

    def folded(self, received: Sequence[Received], *, keep: bool = True) -> list[NewRows]:
        """Returns the rows that the events make, table by table. Without `keep`, give it one event, and call
        `keep` with the rows before the next one."""
        envelopes: Iterable[Any] = map(self._envelope, received)
        if self._opens:
            envelopes = list(envelopes)
            failed = self._decoder.open([one for one in envelopes if one.__class__ is dict])
            if failed:
                envelopes = [
                    failed.get(event.position, one) for event, one in zip(received, envelopes, strict=True)
                ]
        made = [NewRows([], []) for _ in self.newest]
        aggregates, parties = self.waiting.aggregates, self.waiting.parties
        for event, envelope in zip(received, envelopes, strict=True):
            if envelope.__class__ is not dict:
                self.parked.append(self.park(event, envelope))
                continue
            if (aggregates or parties) and (first := self.waiting.behind(envelope["subject"], event.party)):
                self.parked.append(self._queue(event, envelope["subject"], *first))
                continue
            try:
                found = self._folded_one(envelope)
            except Exception as error:
                if category_of(error) is None:
                    raise
                self.parked.append(self.park(event, error))
                continue
            for number, key, row in found:
                keys, rows = made[number]
                keys.append(key)
                rows.append(row)
                if keep and self._kept[number]:
                    self.newest[number][key] = row
        return made

    def keep(self, made: Sequence[NewRows]) -> None:
        """Keeps these rows: later events are folded on top of them."""
        for newest, kept, (keys, rows) in zip(self.newest, self._kept, made, strict=True):
            if kept:
                newest.update(zip(keys, rows, strict=True))

    def clear(self) -> None:
        """Forgets the rows: the parties are complete."""
        for rows in self.newest:
            rows.clear()

    def _envelope(self, event: Received) -> Any:
        try:
            return self._decoder(event.position, event.value)
        except Exception as error:
            if category_of(error) is None:
                raise
            return error

    def _folded_one(self, envelope: Any) -> list[tuple[int, Key, Row]]:
        """Returns table number, key and row. An event that fails in one table makes no row in any."""
        found: list[tuple[int, Key, Row]] = []
        tables = self._touched.get(kind := envelope["type"])
        if tables is None:
            tables = self._tables(kind)
        for number, touches, fold, width, newest in tables:
            for key in touches(envelope):
                before = newest.get(key)
                row = fold(before, envelope)
                if before is None and len(row) < width:
                    raise not_begun(envelope)
                found.append((number, key, row))
        return found

    def _tables(self, kind: str) -> list[_Touched]:
        """Returns the tables that events of this type may touch."""
        tables = self._projection.tables
        found = self._touched[kind] = [
            (number, touches, tables[number].fold, len(tables[number].columns), self.newest[number])
            for number, touches in self._asking(kind)
        ]
        return found


class BulkLoad:
    """Fills a version's tables over a cursor whose transaction is the caller's.

    `add` takes events party by party, each party's in order; `finish` writes the rest. Both raise an error
    for a value that does not fit its column; see `is_refusal`.
    """

    def __init__(self, projection: Projection, decoder: Decoder, c: Cursor) -> None:
        self._projection = projection
        self._decoder = decoder
        self._c = c
        self._filler = Filler(projection, decoder)
        cells = Cells()
        self._plans = [_Plan(projection, table, cells) for table in projection.tables]
        self._events = 0
        self.parked = 0

    def add(self, received: Sequence[Received], *, ended: bool) -> None:
        """Adds events of one or more parties; `ended`: the last of them is complete."""
        if self._projection.private:
            self._decoder.prepare(received)
        for at in range(0, len(received), CHUNK_EVENTS):
            made = self._filler.folded(received[at : at + CHUNK_EVENTS])
            for plan, (keys, rows) in zip(self._plans, made, strict=True):
                if plan.history is not None:
                    # A row's cells are the same in the table and its history: they are made once.
                    cells = plan.cells(rows)
                    plan.history.rows += cells
                    plan.latest.update(zip(keys, cells, strict=True))
                elif plan.once:
                    plan.table.rows += plan.cells(rows)
        for plan in self._plans:
            plan.flush(self._c, above=FLUSH_BYTES)
        self._events += len(received)
        if ended and self._events >= MAX_EVENTS:
            self._write()

    def finish(self) -> None:
        """Writes the remaining rows."""
        self._write()
        for plan in self._plans:
            plan.flush(self._c)
        parked_events.park(self._c, self._projection, self._filler.parked)
        self.parked += len(self._filler.parked)
        self._filler.parked.clear()

    def _write(self) -> None:
        for newest, plan in zip(self._filler.newest, self._plans, strict=True):
            if plan.history is not None:
                plan.table.rows.extend(plan.latest.values())
                plan.latest.clear()
            elif not plan.once:
                plan.table.rows += plan.cells(list(newest.values()))
            plan.flush(self._c, above=FLUSH_BYTES)
        self._filler.clear()
        self._events = 0


def is_refusal(error: Exception) -> bool:
    """Whether a value is to blame, and not the session."""
    return isinstance(error, EncodeError) or (isinstance(error, psycopg2.Error) and is_data_fault(error))


def refused_one_by_one(
    projection: Projection, decoder: Decoder, c: Cursor, parties: Iterable[Sequence[Received]]
) -> int:
    """Fills with parties of which the database refused a value. It parks the event with the value, and later
    ones of its aggregate, as a live worker does. Returns how many events are parked."""
    parked = 0
    for party in parties:
        c.execute("SAVEPOINT party")
        try:
            filling = BulkLoad(projection, decoder, c)
            filling.add(party, ended=True)
            filling.finish()
            parked += filling.parked
        except (psycopg2.Error, EncodeError) as error:
            if not is_refusal(error):
                raise
            c.execute("ROLLBACK TO SAVEPOINT party")
            parked += _party(projection, decoder, c, party)
        c.execute("RELEASE SAVEPOINT party")
    return parked


def _party(projection: Projection, decoder: Decoder, c: Cursor, party: Sequence[Received]) -> int:
    """Fills one party; it tries each event's rows on their own first. Returns how many events are parked."""
    filler = Filler(projection, decoder)
    made_of = Cells()
    plans = [_Plan(projection, table, made_of) for table in projection.tables]
    versions: list[list[bytes]] = [[] for _ in plans]
    latest: list[dict[Key, bytes]] = [{} for _ in plans]
    for event in party:
        made = filler.folded([event], keep=False)
        if not any(keys for keys, _ in made):
            continue
        c.execute("SAVEPOINT event")
        try:
            cells = [plan.cells(rows) for plan, (_, rows) in zip(plans, made, strict=True)]
            for plan, found in zip(plans, cells, strict=True):
                plan.table.rows += found
                plan.flush(c)
        except (psycopg2.Error, EncodeError) as error:
            if not is_refusal(error):
                raise
            filler.parked.append(filler.park(event, error))
            for plan in plans:
                plan.table.rows.clear()
        else:
            filler.keep(made)
            for number, found in enumerate(cells):
                versions[number] += found
                latest[number].update(zip(made[number].keys, found, strict=True))
        c.execute("ROLLBACK TO SAVEPOINT event")
    for number, plan in enumerate(plans):
        plan.table.rows.extend(latest[number].values())
        if plan.history is not None:
            plan.history.rows.extend(versions[number])
        plan.flush(c)
    parked_events.park(c, projection, filler.parked)
    return len(filler.parked)


class _Plan:
    """Writes the rows of one table: as `cells`, into `table` and, if it has one, `history`.

    `latest` are the newest cells of each row of a table with a history.
    """

    __slots__ = ("cells", "history", "latest", "once", "table")

    def __init__(self, projection: Projection, table: Table, cells: Cells) -> None:
        self.cells = cells.rows_of(table.columns)
        self.once = table.write_once
        self.table = _Copy(projection, table.name, table.columns)
        self.history = _Copy(projection, table.history, table.columns) if table.history else None
        self.latest: dict[Key, bytes] = {}

    def flush(self, c: Cursor, *, above: int = 0) -> None:
        """Sends the rows if they have more than `above` bytes."""
        for copy in (self.table, self.history):
            if copy is not None and copy.rows and (not above or copy.size() > above):
                copy.flush(c)


class _Copy:
    """COPY into one table: it keeps rows in `rows` and sends them together."""

    __slots__ = ("_measured", "_size", "_text", "rows")

    def __init__(self, projection: Projection, name: str, columns: Mapping[str, str]) -> None:
        self._text = sql.SQL("COPY {} ({}) FROM STDIN " + FORMAT).format(
            sql.Identifier(projection.schema, name), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        self.rows: list[bytes] = []
        self._measured = self._size = 0

    def size(self) -> int:
        """Returns the bytes of the kept rows."""
        self._size += sum(map(len, self.rows[self._measured :]))
        self._measured = len(self.rows)
        return self._size

    def flush(self, c: Cursor) -> None:
        """Sends the kept rows."""
        sent = framed(self.rows)
        self.rows.clear()
        self._measured = self._size = 0
        c.copy_expert(self._text, sent)
