"""Applies batches of events to a read model's tables, in the caller's transaction; bad events are parked."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from domain.kernel.errors import UnknownEventType
from projections.control import parked_events
from projections.control.parked_events import ParkedEvent
from projections.runtime.binary_copy import Cells
from projections.runtime.decode import Decoder, Received, category_of
from projections.runtime.folding import Folded, Folder
from projections.runtime.projection import Projection
from projections.runtime.tables import TableStore


class Applier:
    """Folds and writes for one projection.

    `apply` does both; a worker folds one batch while another thread writes the one before. It keeps rows
    between batches: after a rollback, and whenever shares change, the caller calls `forget`.
    """

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        self.projection = projection
        self._decoder = decoder
        cells = Cells()
        self._stores = [TableStore(projection, table, cells) for table in projection.tables]
        self._folder = Folder(projection, decoder, self._stores)

    def prepare(self, c: Cursor) -> None:
        """Prepares a database session for writes; call it once per session, in a transaction of its own."""
        for store in self._stores:
            store.prepare(c)

    def forget(self, c: Cursor) -> None:
        """Drops the kept rows and loads again who waits behind parked events."""
        self._folder.forget(c)

    def fold(self, c: Cursor, received: Sequence[Received]) -> Folded[bytes]:
        """Folds events, in order of position, on top of all earlier folds; `c` only reads."""
        return self._folder.fold(c, received)

    def write(self, c: Cursor, folded: Folded[bytes]) -> None:
        """Writes the rows of a fold. It must be the first write of its transaction."""
        # Sends all rows before it locks any: no timeout ends the session of a process that is stopped while
        # it sends, and its successor would wait for its locks for ever.
        for store, cells in zip(self._stores, folded.rows, strict=True):
            store.send(c, cells)
        for store, cells in zip(self._stores, folded.rows, strict=True):
            if cells:
                store.merge(c)
        if folded.parked:
            parked_events.park(c, self.projection, folded.parked)

    def apply(self, c: Cursor, received: Sequence[Received]) -> int:
        """Applies events, in order of position. Returns how many are parked.

        It parks an event that fails by its own fault, with all later ones of its aggregate. Raises errors of
        the database; the caller then rolls back and calls `forget`.
        """
        c.execute("SAVEPOINT batch")
        parked: Sequence[ParkedEvent] = ()
        try:
            folded = self.fold(c, received)
            parked = folded.parked
            self.write(c, folded)
        except Exception as error:
            if category_of(error) is None:
                raise
            # The database refuses a value of this batch: find its event, and apply the others.
            c.execute("ROLLBACK TO SAVEPOINT batch")
            self._folder.undo(parked)
            parked = self.apply_carefully(c, received)
        return len(parked)

    def apply_carefully(self, c: Cursor, received: Sequence[Received]) -> Sequence[ParkedEvent]:
        """Applies events of which the database refuses some: it parks only these, with all later ones of
        their aggregates. Returns the parked events.

        It divides a batch that fails in halves until a single event is left: a few bad events need few tries.
        """
        if not received:
            return ()
        parked: Sequence[ParkedEvent] = ()
        c.execute("SAVEPOINT part")
        try:
            folded = self._folder.fold_plainly(c, received)
            parked = folded.parked
            for store, rows in zip(self._stores, folded.rows, strict=True):
                store.insert(c, rows)
            if parked:
                parked_events.park(c, self.projection, parked)
        except Exception as error:
            if category_of(error) is None:
                raise
            c.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            self._folder.undo(parked)
            if len(received) == 1:
                parked = [self._folder.park(received[0], error)]
                parked_events.park(c, self.projection, parked)
                return parked
        else:
            c.execute("RELEASE SAVEPOINT part")
            return parked
        # The error refers to all rows of its try, so it is dropped before the halves are tried.
        half = len(received) // 2
        return [*self.apply_carefully(c, received[:half]), *self.apply_carefully(c, received[half:])]

    def knows(self, parked: ParkedEvent) -> bool:
        """Whether this program knows the event's type and version."""
        try:
            self._decoder(parked.position, parked.event)
        except UnknownEventType:
            return False
        except Exception as error:
            if category_of(error) is None:
                raise
        return True

    def drain(self, c: Cursor, aggregate_id: str | None, party: str) -> tuple[int, int]:
        """Applies all parked events of an aggregate (or, if that is None, of a party) again, in order.
        Returns how many were applied, and how many are parked again.

        Call it after `forget`, which loads who waits.
        """
        parked = (
            parked_events.of_party(c, self.projection, party)
            if aggregate_id is None
            else parked_events.of_aggregate(c, self.projection, aggregate_id)
        )
        if not parked:
            return 0, 0
        # Removed first: an event that fails again is parked again, with its new error.
        parked_events.release(c, self.projection, [one.position for one in parked])
        self._folder.waiting.release(parked)
        again = self.apply_carefully(c, [Received(one.position, one.party, one.event) for one in parked])
        return len(parked) - len(again), len(again)
