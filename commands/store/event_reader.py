"""Reads the store in order of position, without missing an event that commits late (see
`high_water_mark.py`).

Reads go through COPY in binary format: exact bytes, no escapes, several times the rate of a cursor.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection, cursor

from commands.store.high_water_mark import APPEND_LOCK, HighWaterMarkTimeout, HighWaterMarkWait, last_drawn
from commands.store.pool import connect

__all__ = ["APPEND_LOCK", "EventReader", "HighWaterMarkTimeout", "StoredRow"]

PAGE_ROWS: Final = 10_000
PAGE_BYTES: Final = 32 * 1024 * 1024
# The sum stops the page by size: a page of the largest events must not fill the memory.
_PAGE: Final = """
    COPY (SELECT position, aggregate_id, version, party, type, event
            FROM (SELECT e.*, sum(octet_length(event)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING)
                              - octet_length(event) AS before
                    FROM store.event e
                   WHERE position > {after:d} AND position <= {upto:d}
                   ORDER BY position LIMIT {limit:d}) page
           WHERE before < {max_bytes:d}
           ORDER BY position) TO STDOUT (FORMAT binary)
"""
_PARTY: Final = """
    COPY (SELECT position, aggregate_id, version, party, type, event FROM store.event
           WHERE party = '{party}'::uuid AND position <= {upto:d} ORDER BY position) TO STDOUT (FORMAT binary)
"""
# Every read is a range of an index. Of a table that grew since it was last analysed the planner thinks too
# little: it would sort all the rest of the store for each page.
BY_INDEX: Final = """
    SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off;
    SET max_parallel_workers_per_gather = 0; SET jit = off
"""
_MAX: Final = (1 << 63) - 1
_HEADER_BYTES: Final = 19
_TRAILER_BYTES: Final = 2
_FIXED: Final = struct.Struct(">hiqi16siii16si")
_LENGTH: Final = struct.Struct(">i")
_CACHED_IDS: Final = 50_000
_new: Final = tuple.__new__


class StoredRow(NamedTuple):
    """One stored event: its position, its columns, its bytes as they are published and hashed."""

    position: int
    aggregate_id: UUID
    version: int
    type: str
    party: UUID
    event: bytes


class EventReader:
    """One reader on a connection of its own, opened when needed and opened again after a failure.

    Not for several threads at once. Raises `psycopg2.OperationalError` while the database is away; the next
    call tries again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: connection | None = None
        self._ids: dict[bytes, UUID] = {}
        self._mark: tuple[int, int] | None = None
        self._wait: HighWaterMarkWait | None = None

    def high_water_mark(self, timeout: float | None = None) -> int:
        """The highest event at or below which nothing can appear any more; 0 for an empty store.

        Waits for appends that are under way; with `timeout` (seconds) raises `NotSettled` after that. The
        next call with a time-out continues the same wait and returns as soon as it is over, so the results
        grow however long each writer takes.
        """
        with self._cursor() as reader:
            resumed, self._wait = self._wait, None
            if resumed is not None:
                found = self._finish(reader, resumed, timeout)
                if timeout is not None:
                    return found
            last = last_drawn(reader)
            # Nothing was drawn since the last look: an idle poll costs one small query.
            if self._mark is not None and self._mark[0] == last:
                return self._mark[1]
            return self._finish(reader, HighWaterMarkWait(reader, last), timeout)

    def _finish(self, reader: cursor, wait: HighWaterMarkWait, timeout: float | None) -> int:
        try:
            found = wait.finish(reader, timeout)
        except HighWaterMarkTimeout:
            self._wait = wait
            raise
        self._mark = (wait.last, found)
        return found

    def head(self) -> int:
        """Returns the highest visible position, 0 for an empty store. Positions below it may still appear."""
        with self._cursor() as reader:
            reader.execute("SELECT coalesce(max(position), 0) FROM store.event")
            return int(reader.fetchall()[0][0])

    def read(
        self, after: int, upto: int, *, limit: int = PAGE_ROWS, max_bytes: int = PAGE_BYTES
    ) -> list[StoredRow]:
        """The first events behind `after`, up to `upto` (a high-water mark), in order.

        At most `limit` of them, and as many as it takes to reach `max_bytes` of event bytes (the last one may
        pass it by at most 512 KiB).
        """
        return self._copy(_PAGE.format(after=after, upto=upto, limit=limit, max_bytes=max_bytes))

    def stream(self, after: int, upto: int) -> Iterator[StoredRow]:
        """All events behind `after` up to `upto` (a high-water mark), in order, by pages: memory stays flat.

        Each page is a snapshot of its own; nothing changes below a high-water mark.
        """
        while page := self.read(after, upto):
            yield from page
            after = page[-1].position

    def party(self, party: UUID, upto: int | None = None) -> list[StoredRow]:
        """All events of one party, in order, up to `upto`."""
        return self._copy(_PARTY.format(party=UUID(str(party)), upto=_MAX if upto is None else upto))

    def close(self) -> None:
        """Closes the connection; the next call opens one again."""
        self._mark = self._wait = None  # a server that crashed may draw positions again
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _copy(self, statement: str) -> list[StoredRow]:
        rows: list[StoredRow] = []
        with self._cursor() as reader:
            try:
                reader.copy_expert(statement, _RowSink(rows.append, self._ids))
            except psycopg2.DatabaseError as error:
                # A session that ends within a COPY leaves the driver without a message, and its callers with
                # an error that they would not retry.
                if type(error) is psycopg2.DatabaseError and error.pgcode is None:
                    raise psycopg2.OperationalError(str(error)) from error
                raise
        return rows

    def _cursor(self) -> _Cursor:
        return _Cursor(self)

    def _opened(self) -> connection:
        if self._connection is None or self._connection.closed:
            self._mark = self._wait = None
            self._connection = connect(self._url)
            with self._connection.cursor() as opened:
                opened.execute(BY_INDEX)
        return self._connection


class _Cursor:
    """A cursor for the length of a `with` block; whatever fails in it costs the connection."""

    def __init__(self, follower: EventReader) -> None:
        self._follower = follower

    def __enter__(self) -> cursor:
        self._opened = self._follower._opened().cursor()
        return self._opened

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, psycopg2.Error):
            self._follower.close()
        else:
            self._opened.close()


class _RowSink:
    """Takes binary COPY as the driver hands it out, and makes rows of it.

    Written for speed: it is most of the time of a long read.
    """

    def __init__(self, take: Callable[[StoredRow], Any], ids: dict[bytes, UUID]) -> None:
        self._take = take
        self._ids = ids
        self._started = False

    def write(self, data: bytes) -> None:
        at = 0
        if not self._started:
            self._started = True
            at = _HEADER_BYTES
        ids, end = self._ids, len(data)
        while end - at > _TRAILER_BYTES:
            _, _, position, _, aggregate, _, version, _, party, length = _FIXED.unpack_from(data, at)
            at += _FIXED.size
            type = data[at : at + length].decode()
            at += length
            (length,) = _LENGTH.unpack_from(data, at)
            at += 4
            event = data[at : at + length]
            at += length
            # A UUID costs more to make than all else of a row, and they come in runs.
            aggregate_id = ids.get(aggregate) or self._uuid(aggregate)
            party_id = ids.get(party) or self._uuid(party)
            self._take(_new(StoredRow, (position, aggregate_id, version, type, party_id, event)))

    def _uuid(self, raw: bytes) -> UUID:
        if len(self._ids) >= _CACHED_IDS:
            self._ids.clear()
        made = self._ids[raw] = UUID(bytes=raw)
        return made
