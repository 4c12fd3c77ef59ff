"""Folds whole parties from their first event on, for tables that are filled from nothing.

What a live worker has to look up does not exist here: a row that was not folded is not there. So a party's
rows are known when its last event is folded, and are written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from typing import Any, Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from projections.control import held as holding
from projections.control.held import Held
from projections.decode import Decoder, Received, is_data_fault
from projections.folding import CHUNK, Folder
from projections.projection import Key, Projection, Row
from projections.tables import NULL, TableStore, line_of

FLUSH: Final = 4 * 1024 * 1024
"""Bytes of lines that are kept for one table before they are sent."""
TOGETHER: Final = 20_000
"""Events of whole parties after which their rows are written, and forgotten."""


class Filler(Folder):
    """Folds parties, one after the other, each in order of position; nothing is loaded."""

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        super().__init__(projection, decoder, [TableStore(projection, table) for table in projection.tables])
        self._newest: list[dict[Key, Row]] = [{} for _ in projection.tables]
        self.held: list[Held] = []

    @property
    def rows(self) -> list[dict[Key, Row]]:
        """The newest rows of the parties not written yet, table by table."""
        return self._newest

    def add(self, received: Sequence[Received]) -> list[list[Row]]:
        """Folds events; answers all rows that came about, table by table, in order."""
        return self._fold(None, received, self._newest, self.held)  # type: ignore[arg-type]

    def clear(self) -> None:
        """Forgets the rows: the parties are complete."""
        for rows in self._newest:
            rows.clear()

    def _load(self, c: Cursor, decoded: Any, changed: Any) -> None:
        """Nothing: a row that was not folded does not exist."""


class Filling:
    """Fills a version's tables over a cursor whose transaction is the caller's.

    `add` takes events party by party, each party's in order; `finish` writes the rest. An event that the
    database refuses a value of is found and held, as a live worker would.
    """

    def __init__(self, projection: Projection, decoder: Decoder, c: Cursor) -> None:
        self._projection = projection
        self._decoder = decoder
        self._c = c
        self._copies = [_Copy(projection, table.name, table.columns) for table in projection.tables]
        self._histories = [
            _Copy(projection, table.history, table.columns) if table.history else None
            for table in projection.tables
        ]
        self._filler = Filler(projection, decoder)
        self._events = 0
        self.held = 0

    def add(self, received: Sequence[Received], *, ended: bool) -> None:
        """Events of one or more parties; `ended`: the last of them is complete."""
        filler = self._filler
        for at in range(0, len(received), CHUNK):
            versions = filler.add(received[at : at + CHUNK])
            for table, rows, newest, copy, history in zip(
                self._projection.tables, versions, filler.rows, self._copies, self._histories, strict=True
            ):
                if history is not None:
                    history.write(self._c, rows)
                elif table.once:
                    copy.write(self._c, rows)
                    newest.clear()
        self._events += len(received)
        if ended and self._events >= TOGETHER:
            self._write()

    def finish(self) -> None:
        """Writes what is left."""
        self._write()
        for copy in (*self._copies, *self._histories):
            if copy is not None:
                copy.flush(self._c)
        holding.hold(self._c, self._projection, self._filler.held)
        self.held += len(self._filler.held)
        self._filler.held.clear()

    def _write(self) -> None:
        for table, newest, copy in zip(self._projection.tables, self._filler.rows, self._copies, strict=True):
            if not table.once:
                copy.write(self._c, newest.values())
        self._filler.clear()
        self._events = 0


def refused_one_by_one(
    projection: Projection, decoder: Decoder, c: Cursor, parties: Iterable[Sequence[Received]]
) -> int:
    """Fills with parties of which the database refused some value: the event it came with is held, and what
    comes later of its aggregate. Answers how many are held."""
    held = 0
    for party in parties:
        c.execute("SAVEPOINT party")
        try:
            filling = Filling(projection, decoder, c)
            filling.add(party, ended=True)
            filling.finish()
            held += filling.held
        except psycopg2.Error as error:
            if not is_data_fault(error):
                raise
            c.execute("ROLLBACK TO SAVEPOINT party")
            held += _party(projection, decoder, c, party)
        c.execute("RELEASE SAVEPOINT party")
    return held


def _party(projection: Projection, decoder: Decoder, c: Cursor, party: Sequence[Received]) -> int:
    """One party, each event's rows tried on their own before they count."""
    filler = Filler(projection, decoder)
    stores = [_Copy(projection, table.name, table.columns) for table in projection.tables]
    kept: list[list[Row]] = [[] for _ in stores]
    for event in party:
        before = [dict(rows) for rows in filler.rows]
        versions = filler.add([event])
        c.execute("SAVEPOINT event")
        try:
            for copy, rows in zip(stores, versions, strict=True):
                copy.write(c, rows)
                copy.flush(c)
        except psycopg2.Error as error:
            if not is_data_fault(error):
                raise
            filler.held.append(filler.put_aside(event, error))
            for newest, old in zip(filler.rows, before, strict=True):
                newest.clear()
                newest.update(old)
            versions = [[] for _ in stores]
        c.execute("ROLLBACK TO SAVEPOINT event")
        for all_of, new in zip(kept, versions, strict=True):
            all_of.extend(new)
    for table, newest, all_of in zip(projection.tables, filler.rows, kept, strict=True):
        for name, lasting in ((table.name, list(newest.values())), (table.history, all_of)):
            if name is not None:
                copy = _Copy(projection, name, table.columns)
                copy.write(c, lasting)
                copy.flush(c)
    holding.hold(c, projection, filler.held)
    return len(filler.held)


class _Copy:
    """COPY into one table, some megabytes at a time."""

    def __init__(self, projection: Projection, name: str, columns: Any) -> None:
        self._lines: Callable[[Iterable[Row]], bytes] = line_of(columns)
        self._text = sql.SQL("COPY {} ({}) FROM STDIN WITH (NULL {})").format(
            sql.Identifier(projection.schema, name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Literal(NULL),
        )
        self._kept: list[bytes] = []
        self._bytes = 0

    def write(self, c: Cursor, rows: Iterable[Row]) -> None:
        """Takes rows, and sends them when there are many."""
        lines = self._lines(rows)
        if lines:
            self._kept.append(lines)
            self._bytes += len(lines)
            if self._bytes > FLUSH:
                self.flush(c)

    def flush(self, c: Cursor) -> None:
        """Sends what is kept."""
        if self._kept:
            c.copy_expert(self._text, BytesIO(b"".join(self._kept)))
            self._kept, self._bytes = [], 0
