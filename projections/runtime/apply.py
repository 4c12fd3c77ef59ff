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

    `apply` does both; a worker folds one batch while another thread writes the one before. Rows stay known
    between batches: after a rollback, and whenever shares change, the caller says `forget`.
    """

    def __init__(self, projection: Projection, decoder: Decoder) -> None:
        self.projection = projection
        self._decoder = decoder
        cells = Cells()
        self._stores = [TableStore(projection, table, cells) for table in projection.tables]
        self._folder = Folder(projection, decoder, self._stores)

    def prepare(self, c: Cursor) -> None:
        """To be called once per database session that writes, in a transaction of its own."""
        for store in self._stores:
            store.prepare(c)

    def forget(self, c: Cursor) -> None:
        """Drops what is known of rows and asks again who waits."""
        self._folder.forget(c)

    def fold(self, c: Cursor, received: Sequence[Received]) -> Folded[bytes]:
        """Folds events, in order of position, on top of all that was folded before; `c` only reads."""
        return self._folder.fold(c, received)

    def write(self, c: Cursor, folded: Folded[bytes]) -> None:
        """Writes what was folded, first of all that its transaction writes."""
        # All is sent before any row is locked: no timeout ends the session of a process that is stopped while
        # it sends, and whoever takes over its work would wait for its locks for ever.
        for store, cells in zip(self._stores, folded.rows, strict=True):
            store.send(c, cells)
        for store, cells in zip(self._stores, folded.rows, strict=True):
            if cells:
                store.merge(c)
        if folded.parked:
            parked_events.park(c, self.projection, folded.parked)

    def apply(self, c: Cursor, received: Sequence[Received]) -> int:
        """Takes in events, in order of position; answers how many are parked.

        An event that fails by its own fault is parked, with all later ones of its aggregate. Errors of the
        database are raised: the caller rolls back and says `forget`.
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
            # Some value of this batch is one that is refused: find the event, spare the others.
            c.execute("ROLLBACK TO SAVEPOINT batch")
            self._folder.undo(parked)
            parked = self.apply_carefully(c, received)
        return len(parked)

    def apply_carefully(self, c: Cursor, received: Sequence[Received]) -> Sequence[ParkedEvent]:
        """Takes in events of which some have values that are refused: these are parked, with all later ones
        of their aggregates, and no others. Answers what is parked.

        What fails is halved until a single event is left: few tries where few are bad.
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
        # The error is let go of before the halves are tried: it holds on to all rows of its try.
        half = len(received) // 2
        return [*self.apply_carefully(c, received[:half]), *self.apply_carefully(c, received[half:])]

    def knows(self, parked: ParkedEvent) -> bool:
        """Whether the type and the version of this event are known by now."""
        try:
            self._decoder(parked.position, parked.event)
        except UnknownEventType:
            return False
        except Exception as error:
            if category_of(error) is None:
                raise
        return True

    def drain(self, c: Cursor, aggregate_id: str | None, party: str) -> tuple[int, int]:
        """Tries again everything parked of an aggregate, or where that is None of a party, in order; answers
        how many events were applied, and how many are parked again.

        To be called after `forget`: it is known who waits.
        """
        parked = (
            parked_events.of_party(c, self.projection, party)
            if aggregate_id is None
            else parked_events.of_aggregate(c, self.projection, aggregate_id)
        )
        if not parked:
            return 0, 0
        # Out of the way first: what fails again is parked again, with its error of now.
        parked_events.release(c, self.projection, [one.position for one in parked])
        self._folder.waiting.release(parked)
        again = self.apply_carefully(c, [Received(one.position, one.party, one.event) for one in parked])
        return len(parked) - len(again), len(again)
