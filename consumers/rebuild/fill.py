"""One process of a fill: it fills slices of parties that no other process fills, each in one transaction.

If it is killed, each slice is either filled and marked as filled, or unchanged.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Event as Flag
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from consumers.kafka.topics import partition_of
from consumers.rebuild.source import PartySource, Slice, Take
from consumers.rebuild.spill_file import SpillFile, SpillUnavailable, spill
from domain.events.registry import Registry
from projections.runtime.binary_copy import EncodeError
from projections.runtime.bulk_load import BulkLoad, is_refusal, refused_one_by_one
from projections.runtime.decode import Decoder, OpeningCipher, Received
from projections.runtime.projection import Projection

log = logging.getLogger(__name__)

MakeCipher = Callable[[], OpeningCipher]
"""Makes the cipher for private values in the process that needs it; it is sent to other processes."""

# When the rebuild is paused, a process ends its slice under way and begins no other. A new rebuild first
# deletes the slices of the one before, which waits for those under way: so no late row comes in.
_SLICE: Final = """
    SELECT s.number, s.low, s.high, r.filled_to, s.done
      FROM control.slice s JOIN control.rebuild r ON r.id = s.rebuild
     WHERE r.id = %s AND r.state = 'filling'
"""
_AMONG: Final = _SLICE + " AND s.number = ANY(%s) ORDER BY s.number"
_CLAIM: Final = (
    _SLICE + " AND NOT s.done AND s.number = ANY(%s) ORDER BY s.number LIMIT 1 FOR UPDATE OF s SKIP LOCKED"
)
# Begins at the end: the process to which these slices belong begins at the front.
_CLAIM_ANY: Final = _SLICE + " AND NOT s.done ORDER BY s.number DESC LIMIT 1 FOR UPDATE OF s SKIP LOCKED"
_PARTY: Final = itemgetter(1)
_DONE: Final = """
    UPDATE control.slice SET done = true, events = %s, received = %s WHERE rebuild = %s AND number = %s
"""
_LEFT: Final = """
    SELECT count(*) FROM control.slice s JOIN control.rebuild r ON r.id = s.rebuild
     WHERE r.id = %s AND r.state = 'filling' AND NOT s.done
"""

SLICES_AT_ONCE: Final = 50
"""Slices that are read in one run: about a million events, for which the disk must have room."""
MIN_SLICES: Final = 4
"""Fewer slices than this are not worth a spill file."""


class Share(NamedTuple):
    """One of the `processes` that share the slices; `process` is its number, from 0 on."""

    process: int = 0
    processes: int = 1

    def runs(self, slices: int) -> list[range]:
        """Returns the numbers of this process's slices, run by run."""
        runs = self.processes * max(1, -(-slices // (SLICES_AT_ONCE * self.processes)))
        size = max(1, -(-slices // runs))
        return [
            range(first, min(first + size, slices))
            for first in range(self.process * size, slices, self.processes * size)
        ]


def fill(
    rebuild: UUID,
    projection: Projection,
    registry: Registry,
    *,
    store_url: str,
    read_url: str,
    partitions: int,
    cipher: MakeCipher | None,
    folder: Path | None = None,
    share: Share | None = None,
    stop: Flag | None = None,
) -> None:
    """Fills slices until none is free; `read_url` is the owner's. It ends early, after the slice under way,
    when `stop` is set, or the process that started this one is gone.

    It begins with the slices of its own `share`, whose events it puts into a spill file in `folder`; then it
    fills those that others have left.
    """
    parent = multiprocessing.parent_process()

    def going() -> bool:
        return (parent is None or parent.is_alive()) and not (stop is not None and stop.is_set())

    decoder = Decoder(registry, cipher() if cipher is not None and projection.private else None)
    with (
        closing(_Reading(store_url, projection, folder, going)) as reading,
        closing(connect_owner(read_url, f"rapport fill {projection.schema}")) as connection,
    ):
        with connection, connection.cursor() as c:
            # A crash loses rows and the mark of their slice together, and the hand-over waits for the disk.
            c.execute("SET synchronous_commit = off")
            c.execute("SELECT count(*) FROM control.slice WHERE rebuild = %s", (str(rebuild),))
            (slices,) = c.fetchone() or (0,)
        filler = _Filler(rebuild, projection, decoder, partitions, reading)
        for run in (share or Share()).runs(slices):
            numbers = list(run)
            with connection, connection.cursor() as c:
                c.execute(_AMONG, (str(rebuild), numbers))
                mine = [_slice(row) for row in c.fetchall()]
            reading.spill(mine)
            while going() and filler.filled(connection, _CLAIM, numbers):
                pass
        while going() and filler.filled(connection, _CLAIM_ANY):
            pass


class _Reading:
    """Reads the events of slices: from the spill file, or else from the store."""

    def __init__(
        self, store_url: str, projection: Projection, folder: Path | None, going: Callable[[], bool]
    ) -> None:
        self._open = partial(PartySource, store_url, projection.families)
        self._source = self._open()
        self._folder = folder
        self._going = going
        self._spill_files: SpillFile | None = None

    def spill(self, slices: Sequence[Slice]) -> None:
        """Puts the events of these neighbouring slices into a spill file, without slices that are done.
        Removes the file before it. If that is not possible, `read` reads each slice from the store."""
        self._let_go()
        if sum(not slice_.done for slice_ in slices) < MIN_SLICES or not self._going():
            return
        try:
            self._spill_files = spill(self._source, slices, self._folder, self._going)
        except SpillUnavailable as error:
            self._source.close()
            self._source = self._open()
            if self._going():
                log.warning("%s Events are read slice by slice, which takes longer.", error)

    def read(self, slice_: Slice, take: Take) -> None:
        """Gives `take` all events of the slice, party by party."""
        if self._spill_files is not None and self._spill_files.holds(slice_.number):
            self._spill_files.read(slice_.number, take)
        else:
            self._source.read(slice_.low, slice_.high, slice_.upto, take)

    def close(self) -> None:
        """Closes its connection and its file."""
        self._let_go()
        self._source.close()

    def _let_go(self) -> None:
        if self._spill_files is not None:
            self._spill_files.close()
            self._spill_files = None


def fill_alone(*arguments: Any, **named: Any) -> None:
    """Runs `fill` in a process of its own."""
    # Events hold no cycles. At Python's own pace the collector would take half of this process's time.
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    fill(*arguments, **named)


def left(c: Cursor, rebuild: UUID) -> int:
    """Returns how many slices are not filled yet, while the rebuild is being filled."""
    c.execute(_LEFT, (str(rebuild),))
    row = c.fetchone()
    return int(row[0]) if row else 0


def connect_owner(url: str, name: str) -> Connection:
    """Opens a session of the read side's owner with the application name `name`."""
    return psycopg2.connect(
        url, connect_timeout=10, application_name=name, keepalives_idle=30, keepalives_interval=5,
        keepalives_count=3,
    )  # fmt: skip


class _Filler:
    """Fills one slice after the other."""

    def __init__(
        self, rebuild: UUID, projection: Projection, decoder: Decoder, partitions: int, reading: _Reading
    ) -> None:
        self._rebuild = str(rebuild)
        self._projection = projection
        self._decoder = decoder
        self._partitions = partitions
        self._reading = reading

    def filled(self, connection: Connection, claim: str, *among: Sequence[int]) -> bool:
        """Fills the slice that `claim` finds, in one transaction. Returns False if it finds none."""
        with connection, connection.cursor() as c:
            c.execute(claim, (self._rebuild, *among))
            row = c.fetchone()
            if row is None:
                return False
            slice_ = _slice(row)
            parties = Counter[str]()
            parked = self._fill(c, slice_, parties)
            received: dict[int, int] = {}
            for party, events in parties.items():
                partition = partition_of(party, self._partitions)
                received[partition] = received.get(partition, 0) + events
            c.execute(_DONE, (sum(received.values()), Json(received), self._rebuild, slice_.number))
        if parked:
            log.warning("%d events of slice %d could not be applied and are parked.", parked, slice_.number)
        return True

    def _fill(self, c: Cursor, slice_: Slice, parties: Counter[str]) -> int:
        """Fills the slice and counts the events of each party. Returns how many events are parked."""
        c.execute("SAVEPOINT slice")
        filling = BulkLoad(self._projection, self._decoder, c)

        def take(events: Sequence[Received], ended: bool) -> None:
            parties.update(map(_PARTY, events))
            filling.add(events, ended=ended)

        try:
            self._reading.read(slice_, take)
            filling.finish()
        except (psycopg2.Error, EncodeError) as error:
            if not is_refusal(error):
                raise
            # The database refuses a value: find the events that have it, and apply the others.
            log.warning("A value was refused (%s); looking for its event.", type(error).__name__)
            c.execute("ROLLBACK TO SAVEPOINT slice")
            parties.clear()
            return self._one_by_one(c, slice_, parties)
        return filling.parked

    def _one_by_one(self, c: Cursor, slice_: Slice, parties: Counter[str]) -> int:
        parked, pending = 0, list[Received]()

        def take(events: Sequence[Received], ended: bool) -> None:
            nonlocal parked
            parties.update(map(_PARTY, events))
            pending.extend(events)
            if ended:
                parked += refused_one_by_one(self._projection, self._decoder, c, _by_party(pending))
                pending.clear()

        self._reading.read(slice_, take)
        return parked


def _slice(row: tuple[int, str, str | None, int, bool]) -> Slice:
    number, low, high, upto, done = row
    return Slice(number, UUID(low), UUID(high) if high else None, upto, done)


def _by_party(events: Iterable[Received]) -> Iterable[Any]:
    for _, party in groupby(events, key=_PARTY):
        yield list(party)
