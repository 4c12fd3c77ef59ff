"""Folds batches of events in memory: it decodes, loads the rows it needs, folds, and parks events that
fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from domain.events.envelope import parse
from domain.kernel.errors import Undecodable
from projections.control import parked_events
from projections.control.parked_events import ParkedEvent, Waiting
from projections.runtime.decode import Category, Decoder, Received, category_of, told
from projections.runtime.projection import (
    EventMap,
    Key,
    KeysOf,
    Projection,
    Row,
    asked_about,
    not_begun,
    nothing,
)
from projections.runtime.tables import TableStore

GENERATION_ROWS: Final = 60_000
"""Rows kept per table, at least; at most twice as many, some 200 MB of the widest tables."""

CHUNK_EVENTS: Final = 250
"""Events decoded at a time: so many stay in the processor's cache; ten thousand take half as long again."""

Touched = list[tuple[int, Key]]
"""The rows that an event touches: the table's number, and the key."""


Encoded = TypeVar("Encoded", Row, bytes)
"""A row, or its cells."""


@dataclass(slots=True)
class Folded(Generic[Encoded]):
    """The result of a batch: the rows to write in each table, and the events to park."""

    rows: list[list[Encoded]]
    parked: list[ParkedEvent]


class Rows:
    """The newest folded rows of one table, written or about to be, in two generations.

    A batch is folded while the one before is being written. Only rows that were written long ago may be
    dropped, so it drops whole generations.
    """

    __slots__ = ("_old", "_young")

    def __init__(self) -> None:
        self._young: dict[Key, Row] = {}
        self._old: dict[Key, Row] = {}

    def unknown(self, keys: set[Key]) -> set[Key]:
        """Returns the keys of which it has no row."""
        return keys.difference(self._young).difference(self._old)

    def get(self, key: Key) -> Row | None:
        """Returns the row, or None if it is unknown or does not exist."""
        return self._young.get(key) or self._old.get(key)

    def update(self, rows: dict[Key, Row]) -> None:
        """Adds newer rows."""
        if len(self._young) > GENERATION_ROWS:
            self._old, self._young = self._young, {}
        self._young.update(rows)

    def clear(self) -> None:
        """Forgets all rows."""
        self._young, self._old = {}, {}


class Folder:
    """Folds for one projection, on top of the rows it folded before.

    This works only while nobody else writes those rows, and all folded rows are written in order. When that
    ends (a share is lost or claimed, a write failed) the caller calls `forget`.
    """

    def __init__(self, projection: Projection, decoder: Decoder, stores: Sequence[TableStore]) -> None:
        if projection.private and not decoder.opens:
            raise ValueError(f"{projection.name} reads private values: it needs a cipher")
        self._projection = projection
        self._decoder = decoder
        self._stores = stores
        self._folds = [store.table.fold for store in stores]
        self._widths = [len(store.table.columns) for store in stores]
        self._onces = [store.table.write_once for store in stores]
        self._rows = [Rows() for _ in stores]
        self._asked: dict[str, list[tuple[int, KeysOf]]] = {}
        self.waiting = Waiting()

    def forget(self, c: Cursor) -> None:
        """Drops the rows and loads again who waits behind parked events."""
        for rows in self._rows:
            rows.clear()
        self.waiting = parked_events.load(c, self._projection)

    def fold(self, c: Cursor, received: Sequence[Received]) -> Folded[bytes]:
        """Folds events in order of position and encodes the rows; `c` only loads rows.

        It parks an event that fails by its own fault, with all later ones of its aggregate. Raises errors
        that belong to no single event, and folds nothing then: errors of the database, also for a malformed
        id, and values that do not fit their column.
        """
        return self._whole(c, received, [store.cells for store in self._stores])

    def fold_plainly(self, c: Cursor, received: Sequence[Received]) -> Folded[Row]:
        """Folds events, and returns the rows without encoding them."""
        return self._whole(c, received, [list] * len(self._stores))

    def _whole(
        self,
        c: Cursor,
        received: Sequence[Received],
        making: Sequence[Callable[[Sequence[Row]], list[Encoded]]],
    ) -> Folded[Encoded]:
        parked: list[ParkedEvent] = []
        try:
            return self._folded(c, received, parked, making)
        except BaseException:
            self.undo(parked)
            raise

    def undo(self, parked: Sequence[ParkedEvent]) -> None:
        """Undoes the last fold, which was not written; these events are not parked. Rows are loaded again."""
        for rows in self._rows:
            rows.clear()
        self.waiting.undo(parked)

    def _folded(
        self,
        c: Cursor,
        received: Sequence[Received],
        parked: list[ParkedEvent],
        making: Sequence[Callable[[Sequence[Row]], list[Encoded]]],
    ) -> Folded[Encoded]:
        if self._projection.private:
            self._decoder.prepare(received)
        changed: list[dict[Key, Row]] = [{} for _ in self._stores]
        found: list[list[Encoded]] = [[] for _ in self._stores]
        for at in range(0, len(received), CHUNK_EVENTS):
            versions = self._fold(c, received[at : at + CHUNK_EVENTS], changed, parked)
            for store, made, make, rows in zip(self._stores, found, making, versions, strict=True):
                if store.table.history or store.table.write_once:
                    made += make(rows)
        for store, made, make, newest, kept in zip(
            self._stores, found, making, changed, self._rows, strict=True
        ):
            if not store.table.write_once:
                if not store.table.history:
                    made += make(list(newest.values()))
                kept.update(newest)
        return Folded(found, parked)

    def park(self, event: Received, error: Exception) -> ParkedEvent:
        """Returns the event, parked for this error. Later events of its aggregate wait from now on."""
        aggregate_id = None
        try:
            aggregate_id = str(UUID(parse(event.value)["subject"]))
        except Undecodable as unreadable:
            error = unreadable
        except (ValueError, AttributeError):
            error = Undecodable("The event's subject is no id.")
        category = category_of(error)
        assert category is not None
        text = told(error, private=self._projection.private)
        parked = ParkedEvent(event.position, aggregate_id, event.party, category, text, event.value)
        self.waiting.add(parked)
        return parked

    def _queue(self, event: Received, aggregate_id: str, category: Category, first: int) -> ParkedEvent:
        text = f"Waits behind the parked event at position {first}."
        parked = ParkedEvent(event.position, aggregate_id, event.party, category, text, event.value)
        self.waiting.add(parked)
        return parked

    def _fold(
        self,
        c: Cursor,
        received: Sequence[Received],
        changed: list[dict[Key, Row]],
        parked: list[ParkedEvent],
    ) -> list[list[Row]]:
        """Folds some events on top of `changed`, which keeps the newest rows. Returns all new rows, table by
        table. Adds events that fail to `parked`."""
        decoded = [self._decode(event) for event in received]
        if self._projection.private:
            failed = self._decoder.open([envelope for envelope, _ in decoded if envelope.__class__ is dict])
            decoded = [
                (failed[event.position], []) if event.position in failed else one
                for event, one in zip(received, decoded, strict=True)
            ]
        self._load(c, decoded, changed)
        versions: list[list[Row]] = [[] for _ in self._stores]
        waiting = self.waiting
        folds, widths, onces = self._folds, self._widths, self._onces
        for event, (envelope, touched) in zip(received, decoded, strict=True):
            if envelope.__class__ is not dict:
                parked.append(self.park(event, envelope))
                continue
            if (
                waiting
                and (first := waiting.behind(envelope["subject"], event.party))
                and first[1] < event.position  # a retried event may be older than the one its party waits for
            ):
                parked.append(self._queue(event, envelope["subject"], *first))
                continue
            rows: list[tuple[int, Key, Row]] = []
            try:
                for number, key in touched:
                    before = (
                        None if onces[number] else changed[number].get(key) or self._rows[number].get(key)
                    )
                    row = folds[number](before, envelope)
                    if before is None and len(row) < widths[number]:
                        raise not_begun(envelope)
                    rows.append((number, key, row))
            except Exception as error:
                if category_of(error) is None:
                    raise
                parked.append(self.park(event, error))
                continue
            for number, key, row in rows:
                if not onces[number]:
                    changed[number][key] = row
                versions[number].append(row)
        return versions

    def _decode(self, event: Received) -> tuple[Any, Touched]:
        """Returns the event's mapping, or its error if it has none, and the keys it touches."""
        try:
            envelope = self._decoder(event.position, event.value)
            asked = self._asked.get(kind := envelope["type"])
            if asked is None:
                asked = self._asked[kind] = self._asking(kind)
            return envelope, [(number, key) for number, touches in asked for key in touches(envelope)]
        except Exception as error:
            if category_of(error) is None:
                raise
            return error, []

    def _asking(self, kind: str) -> list[tuple[int, KeysOf]]:
        """Returns the numbers of the tables that events of this type may touch."""
        return [
            (number, touches)
            for number, table in enumerate(self._projection.tables)
            if (touches := asked_about(table, kind)) is not nothing
        ]

    def _load(
        self, c: Cursor, decoded: Sequence[tuple[Any, Touched]], changed: Sequence[dict[Key, Row]]
    ) -> None:
        """Loads the rows that these events need and that are unknown yet, with one query per table."""
        needed: list[set[Key]] = [set() for _ in self._stores]
        for _, touched in decoded:
            for number, key in touched:
                needed[number].add(key)
        begun: set[Key] | None = None
        for store, keys, new, kept in zip(self._stores, needed, changed, self._rows, strict=True):
            if store.table.write_once:
                continue
            missing = kept.unknown(keys.difference(new))
            if missing and store.table.single_aggregate:
                if begun is None:
                    begun = {one["subject"] for one, touched in decoded if touched and _begins(one)}
                missing -= begun  # they do not exist yet
            if missing:
                kept.update(store.load(c, list(missing)))


def _begins(event: EventMap) -> bool:
    """Whether the event is its aggregate's first."""
    return event.get("sequence") == "0000000001"
