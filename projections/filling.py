"""Folds whole parties from their first event on, for tables that are filled from nothing.

What a live worker has to look up does not exist here: a row that was not folded is not there. So a party's
rows are known when its last event is folded, and are written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from projections.control import held as holding
from projections.control.held import Held
from projections.decode import Decoder, Received, category_of, is_data_fault
from projections.folding import Folder
from projections.lines import FORMAT, text_of
from projections.projection import Key, Projection, Row, whole

FLUSH: Final = 4 * 1024 * 1024
"""Bytes of lines that are kept for one table before they are sent."""
TOGETHER: Final = 20_000
"""Events of whole parties after which their rows are written, and forgotten."""
OPENED: Final = 200
"""Events whose private values are opened together."""

Made = tuple[int, Key, Row]
"""A row that an event made: the number of its table, its key."""


class Filler(Folder):
    """Folds parties, one after the other, each in order of position; nothing is loaded.

    `newest` are the rows of the parties that are not written yet, table by table. Each event is folded as
    soon as it is decoded: it is still in the processor's cache then.
    """

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        super().__init__(projection, decoder, [])
        self._opens = projection.private
        self._tables = [(n, table.touches, whole(table)) for n, table in enumerate(projection.tables)]
        self._kept = [not table.once for table in projection.tables]
        self.newest: list[dict[Key, Row]] = [{} for _ in projection.tables]
        self.held: list[Held] = []

    def each(self, received: Sequence[Received]) -> Iterator[list[Made]]:
        """The rows that each event made; they count as soon as the next one is asked for."""
        newest, kept = self.newest, self._kept
        for event, envelope in self._decoded(received):
            made = self._made(event, envelope)
            yield made
            for number, key, row in made:
                if kept[number]:
                    newest[number][key] = row

    def clear(self) -> None:
        """Forgets the rows: the parties are complete."""
        for rows in self.newest:
            rows.clear()

    def _decoded(self, received: Sequence[Received]) -> Iterator[tuple[Received, Any]]:
        """Each event with its mapping, or with the error that it has none for."""
        if not self._opens:
            for event in received:
                yield event, self._envelope(event)
            return
        for at in range(0, len(received), OPENED):
            events = received[at : at + OPENED]
            envelopes = [self._envelope(event) for event in events]
            failed = self._decoder.open([one for one in envelopes if one.__class__ is dict])
            for event, envelope in zip(events, envelopes, strict=True):
                yield event, failed.get(event.position, envelope)

    def _envelope(self, event: Received) -> Any:
        try:
            return self._decoder(event.position, event.value)
        except Exception as error:
            if category_of(error) is None:
                raise
            return error

    def _made(self, event: Received, envelope: Any) -> list[Made]:
        if envelope.__class__ is not dict:
            self.held.append(self.put_aside(event, envelope))
            return []
        if self.waiting and (first := self.waiting.behind(envelope["subject"], event.party)):
            self.held.append(self._queue(event, envelope["subject"], *first))
            return []
        newest = self.newest
        try:
            return [
                (number, key, fold(newest[number].get(key), envelope))
                for number, touches, fold in self._tables
                for key in touches(envelope)
            ]
        except Exception as error:
            if category_of(error) is None:
                raise
            self.held.append(self.put_aside(event, error))
            return []


class Filling:
    """Fills a version's tables over a cursor whose transaction is the caller's.

    `add` takes events party by party, each party's in order; `finish` writes the rest. An event that the
    database refuses a value of is found and held, as a live worker would.
    """

    def __init__(self, projection: Projection, decoder: Decoder, c: Cursor) -> None:
        self._projection = projection
        self._c = c
        self._filler = Filler(projection, decoder)
        self._copies = [_Copy(projection, table.name, table.columns) for table in projection.tables]
        # A table's own line of a row is also its history's: it is written once.
        self._histories = [
            _Copy(projection, table.history, table.columns) if table.history else None
            for table in projection.tables
        ]
        self._latest: list[dict[Key, bytes]] = [{} for _ in projection.tables]
        self._lines = [text_of(table.columns) for table in projection.tables]
        self._once = [table.once for table in projection.tables]
        self._events = 0
        self.held = 0

    def add(self, received: Sequence[Received], *, ended: bool) -> None:
        """Events of one or more parties; `ended`: the last of them is complete."""
        lines, once, histories, latest = self._lines, self._once, self._histories, self._latest
        for made in self._filler.each(received):
            for number, key, row in made:
                history = histories[number]
                if history is not None:
                    text = lines[number](row)
                    history.add(text)
                    latest[number][key] = text
                elif once[number]:
                    self._copies[number].add(lines[number](row))
        for copy in (*self._copies, *histories):
            if copy is not None and copy.size > FLUSH:
                copy.flush(self._c)
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
        for number, (newest, copy) in enumerate(zip(self._filler.newest, self._copies, strict=True)):
            if self._histories[number] is not None:
                texts = self._latest[number]
                for text in texts.values():
                    copy.add(text)
                texts.clear()
            elif not self._once[number]:
                line = self._lines[number]
                for row in newest.values():
                    copy.add(line(row))
            if copy.size > FLUSH:
                copy.flush(self._c)
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
    copies = [_Copy(projection, table.name, table.columns) for table in projection.tables]
    lines = [text_of(table.columns) for table in projection.tables]
    kept: list[list[bytes]] = [[] for _ in copies]
    latest: list[dict[Key, bytes]] = [{} for _ in copies]
    for event in party:
        # The list is the filler's own: emptied, what it held does not count.
        for made in filler.each([event]):
            c.execute("SAVEPOINT event")
            try:
                for number, _, row in made:
                    copies[number].add(lines[number](row))
                for copy in copies:
                    copy.flush(c)
            except psycopg2.Error as error:
                if not is_data_fault(error):
                    raise
                filler.held.append(filler.put_aside(event, error))
                made.clear()
                for copy in copies:
                    copy.drop()
            c.execute("ROLLBACK TO SAVEPOINT event")
            for number, key, row in made:
                text = lines[number](row)
                kept[number].append(text)
                latest[number][key] = text
    for number, table in enumerate(projection.tables):
        for name, texts in ((table.name, list(latest[number].values())), (table.history, kept[number])):
            if name is not None:
                copy = _Copy(projection, name, table.columns)
                for text in texts:
                    copy.add(text)
                copy.flush(c)
    holding.hold(c, projection, filler.held)
    return len(filler.held)


class _Copy:
    """COPY into one table: lines are kept, and sent together."""

    def __init__(self, projection: Projection, name: str, columns: Mapping[str, str]) -> None:
        self._text = sql.SQL("COPY {} ({}) FROM STDIN " + FORMAT).format(
            sql.Identifier(projection.schema, name), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        self._kept: list[bytes] = []
        self.size = 0

    def add(self, line: bytes) -> None:
        """Takes a row's line."""
        self._kept.append(line)
        self.size += len(line)

    def drop(self) -> None:
        """Forgets what is kept."""
        self._kept, self.size = [], 0

    def flush(self, c: Cursor) -> None:
        """Sends what is kept."""
        if self._kept:
            lines = b"\n".join(self._kept) + b"\n"
            self.drop()
            c.copy_expert(self._text, BytesIO(lines))
