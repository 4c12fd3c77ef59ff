"""Applies batches of events to a read model's tables, in the caller's transaction; bad events are held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import psycopg2
from psycopg2.extensions import cursor as Cursor

from projections.control import held as holding
from projections.control.held import Held
from projections.decode import Category, Decoder, Received, is_data_fault
from projections.folding import Folded, Folder
from projections.projection import Projection
from projections.tables import TableStore


class Applier:
    """Folds and writes for one projection.

    `apply` does both; a worker folds one batch while another thread writes the one before. Rows stay known
    between batches: after a rollback, and whenever shares change, the caller says `forget`.
    """

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        self.projection = projection
        self._stores = [TableStore(projection, table) for table in projection.tables]
        self._folder = Folder(projection, decoder, self._stores)

    def prepare(self, c: Cursor) -> None:
        """To be called once per database session that writes, in a transaction of its own."""
        for store in self._stores:
            store.prepare(c)

    def forget(self, c: Cursor) -> None:
        """Drops what is known of rows and asks again who waits."""
        self._folder.forget(c)

    def fold(self, c: Cursor, received: Sequence[Received]) -> Folded:
        """Folds events, in order of position, on top of all that was folded before; `c` only reads."""
        return self._folder.fold(c, received)

    def write(self, c: Cursor, folded: Folded, *, again: bool = False) -> None:
        """Writes what was folded; `again` for a further time in one transaction."""
        # All is sent before any row is locked: no timeout ends the session of a process that is stopped while
        # it sends, and whoever takes over its work would wait for its locks for ever.
        for store, lines in zip(self._stores, folded.lines, strict=True):
            store.send(c, lines, again=again)
        for store, lines in zip(self._stores, folded.lines, strict=True):
            if lines:
                store.merge(c)
        if folded.held:
            holding.hold(c, self.projection, folded.held)

    def apply(self, c: Cursor, received: Sequence[Received]) -> int:
        """Takes in events, in order of position; answers how many are held.

        An event that fails by its own fault is held, with all later ones of its aggregate. Errors of the
        database are raised: the caller rolls back and says `forget`.
        """
        c.execute("SAVEPOINT batch")
        try:
            folded = self.fold(c, received)
            self.write(c, folded)
        except psycopg2.Error as error:
            if not is_data_fault(error):
                raise
            # Some value of this batch is one that the database refuses: find the event, spare the others.
            c.execute("ROLLBACK TO SAVEPOINT batch")
            self.forget(c)
            return len(self.apply_each(c, received))
        return len(folded.held)

    def apply_each(self, c: Cursor, received: Iterable[Received]) -> list[int]:
        """Each event on its own, so that one whose values the database refuses is held and no other.

        Answers the positions that are held.
        """
        held: list[int] = []
        for event in received:
            c.execute("SAVEPOINT event")
            try:
                folded = self.fold(c, [event])
                self.write(c, folded, again=True)
                held += [one.position for one in folded.held]
            except psycopg2.Error as error:
                if not is_data_fault(error):
                    raise
                c.execute("ROLLBACK TO SAVEPOINT event")
                self.forget(c)
                holding.hold(c, self.projection, [self._folder.put_aside(event, error)])
                held.append(event.position)
            c.execute("RELEASE SAVEPOINT event")
        return held

    def retry(self, c: Cursor, category: Category, mine: Callable[[str], bool]) -> int:
        """Tries again the aggregates held under `category` whose party is `mine`; answers how many events
        were applied. Each aggregate's are applied in order, up to the first that fails again."""
        applied = 0
        for aggregate_id in holding.of_category(c, self.projection, category):
            held = holding.of_aggregate(c, self.projection, aggregate_id)
            if held and mine(held[0].party):
                applied += self._again(c, held)[0]
        return applied

    def drain(self, c: Cursor, aggregate_id: str | None, party: str) -> tuple[int, int]:
        """Tries again everything held of an aggregate, or where that is None of a party, in order; answers
        how many events were applied, and how many are held again."""
        if aggregate_id is None:
            return self._again(c, holding.of_party(c, self.projection, party))
        return self._again(c, holding.of_aggregate(c, self.projection, aggregate_id))

    def _again(self, c: Cursor, held: Sequence[Held]) -> tuple[int, int]:
        # Out of the way first: what fails again is held again, with its error of now.
        holding.release(c, self.projection, [one.position for one in held])
        self.forget(c)
        again = self.apply_each(c, [Received(one.position, one.party, one.event) for one in held])
        return len(held) - len(again), len(again)
