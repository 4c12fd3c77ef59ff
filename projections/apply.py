"""Applies batches of events to a read model's tables: decode, load, fold, write; bad events are held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg2
from psycopg2.extensions import cursor as Cursor

from domain.errors import Undecodable
from domain.events.envelope import parse
from projections.control import held as holding
from projections.control.held import Held, Waiting
from projections.decode import Category, Decoder, Received, category_of, is_data_fault
from projections.projection import Key, Projection, Row
from projections.tables import TableStore

CACHED_ROWS: Final = 100_000
"""Most rows kept per table between batches: some 200 MB of the widest tables."""

CHUNK: Final = 500
"""Events decoded at a time: so many stay in the processor's cache, ten thousand take half as long again."""

Touched = list[Sequence[Key]]
"""The keys that an event touches, table by table."""


class Applier:
    """Folds batches into the tables of one projection, in the caller's transaction.

    Rows stay cached between batches, which is right only while nobody else writes them: the caller says
    `forget` whenever its shares change, `committed` after each commit and `undone` after each rollback.
    """

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        self.projection = projection
        self._decoder = decoder
        self._stores = [TableStore(projection, table) for table in projection.tables]
        self._cache: list[dict[Key, Row]] = [{} for _ in self._stores]
        self._fresh: list[dict[Key, Row]] = [{} for _ in self._stores]
        self._waiting = Waiting()
        self._waiting_before: Waiting | None = None

    def prepare(self, c: Cursor) -> None:
        """To be called once per database session, in a transaction of its own."""
        for store in self._stores:
            store.prepare(c)

    def forget(self, c: Cursor) -> None:
        """Drops cached rows and asks again who waits."""
        self.undone()
        for rows in self._cache:
            rows.clear()
        self._waiting = holding.load(c, self.projection)

    def committed(self) -> None:
        """Keeps the batch's rows for the next one."""
        for cached, fresh in zip(self._cache, self._fresh, strict=True):
            if len(cached) + len(fresh) > CACHED_ROWS:
                cached.clear()
            cached.update(fresh)
            fresh.clear()
        self._waiting_before = None

    def undone(self) -> None:
        """Drops what the batch changed."""
        for fresh in self._fresh:
            fresh.clear()
        if self._waiting_before is not None:
            self._waiting, self._waiting_before = self._waiting_before, None

    def apply(self, c: Cursor, received: Sequence[Received]) -> int:
        """Takes in events, in order of position; answers how many are held.

        An event that fails by its own fault is held, with all later ones of its aggregate. Errors of the
        database are raised: the caller rolls back and says `undone`.
        """
        if not received:
            return 0
        try:
            c.execute("SAVEPOINT batch")
            held = self._take(c, received)
        except psycopg2.Error as error:
            if not is_data_fault(error):
                raise
            # Some value of this batch is one that the database refuses: find the event, spare the others.
            c.execute("ROLLBACK TO SAVEPOINT batch")
            self.undone()
            held = self._take_each(c, received)
        if held:
            holding.hold(c, self.projection, held)
        return len(held)

    def retry(self, c: Cursor, category: Category, mine: Callable[[str], bool]) -> int:
        """Tries again the aggregates held under `category` whose party is `mine`; answers how many events
        were applied. Each aggregate's are applied in order, up to the first that fails again."""
        applied = 0
        for aggregate_id in holding.of_category(c, self.projection, category):
            held = holding.of_aggregate(c, self.projection, aggregate_id)
            if not held or not mine(held[0].party):
                continue
            self._remember()
            self._waiting.aggregates.pop(aggregate_id, None)
            again = self._take_each(c, [Received(h.position, h.party, h.event) for h in held])
            left = {h.position for h in again}
            done = [h.position for h in held if h.position not in left]
            holding.release(c, self.projection, done)
            applied += len(done)
        return applied

    def _take_each(self, c: Cursor, received: Iterable[Received]) -> list[Held]:
        """Each event on its own; one whose values the database refuses is held."""
        held: list[Held] = []
        for event in received:
            c.execute("SAVEPOINT event")
            try:
                held += self._take(c, [event], again=True)
            except psycopg2.Error as error:
                if not is_data_fault(error):
                    raise
                c.execute("ROLLBACK TO SAVEPOINT event")
                held.append(self._hold(event, error))
            c.execute("RELEASE SAVEPOINT event")
        return held

    def _take(self, c: Cursor, received: Sequence[Received], *, again: bool = False) -> list[Held]:
        """Folds and writes; answers the events to hold. Remembers the rows only when they are written."""
        changed: list[dict[Key, Row]] = [{} for _ in self._stores]
        lines: list[list[bytes]] = [[] for _ in self._stores]
        held: list[Held] = []
        for at in range(0, len(received), CHUNK):
            versions = self._fold(c, received[at : at + CHUNK], changed, held)
            for store, texts, rows in zip(self._stores, lines, versions, strict=True):
                if store.table.history:
                    texts.append(store.lines(rows))
        for store, texts, rows_by_key in zip(self._stores, lines, changed, strict=True):
            if not store.table.history:
                texts.append(store.lines(rows_by_key.values()))
            store.write(c, b"".join(texts), again=again)
        # Only now: a write that fails must leave no row behind that the database has not.
        for fresh, rows_by_key in zip(self._fresh, changed, strict=True):
            fresh.update(rows_by_key)
        return held

    def _fold(
        self, c: Cursor, received: Sequence[Received], changed: list[dict[Key, Row]], held: list[Held]
    ) -> list[list[Row]]:
        """Folds some events on top of `changed`, which keeps the newest rows; answers all rows that came
        about, table by table. Events that fail are added to `held`."""
        decoded = [self._decode(event) for event in received]
        self._load(c, decoded, changed)
        versions: list[list[Row]] = [[] for _ in self._stores]
        waiting = self._waiting
        folds = [store.table.fold for store in self._stores]
        for event, (envelope, touched) in zip(received, decoded, strict=True):
            if envelope.__class__ is not dict:
                held.append(self._hold(event, envelope))
                waiting = self._waiting
                continue
            if waiting and (first := waiting.behind(envelope["subject"], event.party)):
                held.append(self._queue(event, envelope["subject"], *first))
                continue
            rows: list[tuple[int, Key, Row]] = []
            try:
                for number, keys in enumerate(touched):
                    for key in keys:
                        row = changed[number].get(key) or self._row(number, key)
                        rows.append((number, key, folds[number](row, envelope)))
            except Exception as error:
                if category_of(error) is None:
                    raise
                held.append(self._hold(event, error))
                waiting = self._waiting
                continue
            for number, key, row in rows:
                changed[number][key] = row
                versions[number].append(row)
        return versions

    def _decode(self, event: Received) -> tuple[Any, Touched]:
        """The event's mapping and the keys it touches; the error in the mapping's place where it has none."""
        try:
            envelope = self._decoder(event.position, event.value)
            return envelope, [store.table.touches(envelope) for store in self._stores]
        except Exception as error:
            if category_of(error) is None:
                raise
            return error, []

    def _load(
        self, c: Cursor, decoded: Sequence[tuple[Any, Touched]], changed: Sequence[dict[Key, Row]]
    ) -> None:
        """Fetches the rows that these events need and nobody has yet: one query per table."""
        for number, store in enumerate(self._stores):
            cached, fresh, new, own = (
                self._cache[number], self._fresh[number], changed[number], store.table.own,
            )  # fmt: skip
            missing = {
                key
                for envelope, touched in decoded
                if touched and not (own and envelope.get("sequence") == "0000000001")
                for key in touched[number]
                if key not in new and key not in cached and key not in fresh
            }
            if missing:
                # What was loaded is what the database holds: right even if this batch is undone.
                cached.update(store.load(c, list(missing)))

    def _row(self, number: int, key: Key) -> Row | None:
        return self._fresh[number].get(key) or self._cache[number].get(key)

    def _remember(self) -> None:
        """Keeps who waited before this batch, for `undone`."""
        if self._waiting_before is None:
            self._waiting_before = self._waiting.copy()

    def _hold(self, event: Received, error: Exception) -> Held:
        aggregate_id = None
        try:
            aggregate_id = str(UUID(parse(event.value)["subject"]))
        except Undecodable as unreadable:
            error = unreadable
        except (ValueError, AttributeError):
            error = Undecodable("The event's subject is no id.")
        category = category_of(error)
        assert category is not None
        text = f"{type(error).__name__}: {error}".strip()
        return self._put_aside(Held(event.position, aggregate_id, event.party, category, text, event.value))

    def _queue(self, event: Received, aggregate_id: str, category: Category, first: int) -> Held:
        text = f"Waits behind the held event at position {first}."
        return self._put_aside(Held(event.position, aggregate_id, event.party, category, text, event.value))

    def _put_aside(self, held: Held) -> Held:
        self._remember()
        self._waiting.add(held)
        return held
