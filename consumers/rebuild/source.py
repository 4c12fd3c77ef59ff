"""Reads the store's events, party after party, each party's in order, for rebuilds and verifications."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from psycopg2.extensions import connection as Connection

from commands.store.pool import connect
from projections.runtime.decode import Received

PORTION_EVENTS: Final = 1_000
"""Events passed on at a time; more if the last party among them is not complete."""
SORT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of events that are sorted here, which takes less time than in PostgreSQL."""

_SLICE: Final = """
    COPY (SELECT position, party, event FROM store.event
           WHERE party >= '{low}'::uuid {below} AND position > {after:d} AND position <= {upto:d}
             AND ({types})
           {order}) TO STDOUT (FORMAT binary)
"""
_BY_PARTY: Final = "ORDER BY party, position"
_SETTINGS: Final = "SET work_mem = '96MB'; SET jit = off; SET max_parallel_workers_per_gather = 0"
HEADER_BYTES: Final = 19
"""The bytes before the first row of binary COPY."""
TRAILER_BYTES: Final = 2
"""The bytes behind the last row."""
PARTY: Final = slice(18, 34)
"""Where a row has its party."""
_fixed = struct.Struct(">hiqi16si").unpack_from
_FIXED_BYTES: Final = 38
_new: Final = tuple.__new__

Take = Callable[[Sequence[Received], bool], None]
"""Takes events, and whether the last one's party is complete."""


class Slice(NamedTuple):
    """Parties from `low` on and below `high`, to fill up to the position `upto`; `done` if they are
    filled."""

    number: int
    low: UUID
    high: UUID | None
    upto: int
    done: bool


class Sink(Protocol):
    """Takes binary COPY as the driver passes it: the header with the first row, rows, the trailer."""

    def write(self, data: bytes, /) -> None:
        """Takes a part of it."""
        ...


class PartySource:
    """Reads slices of parties over its own connection, as a role that may read the store."""

    def __init__(self, url: str, families: Sequence[str]) -> None:
        self._connection: Connection = connect(url)
        with self._connection.cursor() as c:
            c.execute(_SETTINGS)
        # Families are names of our own registry, never a user's.
        self._types = " OR ".join(f"starts_with(type, 'crm.{family}.')" for family in families)

    def read(self, low: UUID, high: UUID | None, upto: int, take: Take, *, after: int = 0) -> None:
        """Gives `take` all events of its families, of parties from `low` on and below `high`, at positions
        behind `after` up to `upto` (a high-water mark). Raises the errors of `take`."""
        parties = _Parties(SORT_BYTES)
        self.copy(low, high, upto, parties, after=after)
        if parties.too_large:
            # A party may have very many events: read in order, they need not be kept.
            portions = _Portions(take)
            self.copy(low, high, upto, portions, _BY_PARTY, after=after)
            portions.end()
        else:
            parties.hand_on(take)

    def copy(
        self, low: UUID, high: UUID | None, upto: int, sink: Sink, order: str = "", *, after: int = 0
    ) -> None:
        """Copies the same events as binary COPY of position, party and event, in the table's order unless an
        order is given.

        Raises the errors of `sink`; the source can then only be closed.
        """
        below = "" if high is None else f"AND party < '{high}'::uuid"
        statement = _SLICE.format(
            low=low, below=below, after=after, upto=upto, types=self._types, order=order
        )
        with self._connection.cursor() as c:
            c.copy_expert(statement, sink)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def by_party(rows: bytes, take: Take) -> None:
    """Gives `take` the events of whole parties; `rows` are binary COPY without header and trailer."""
    parties = _Parties(len(rows))
    parties.rows(rows)
    parties.hand_on(take)


class _Parties:
    """A sink that keeps the events by party, up to `most` bytes. With more it is `too_large` and keeps
    none."""

    def __init__(self, most: int) -> None:
        self._skip = HEADER_BYTES
        self._room = most
        self._parties: dict[bytes, tuple[str, list[Received]]] = {}
        self.too_large = False

    def write(self, data: bytes) -> None:
        """Takes a row."""
        at, self._skip = self._skip, 0
        self._room -= len(data)
        if self._room < 0:
            self.too_large = True
            self._parties.clear()
        else:
            self.rows(data, at)

    def rows(self, data: bytes, at: int = 0) -> None:
        """Takes the rows from `at` on."""
        parties = self._parties
        for position, party, event in _rows(data, at):
            kept = parties.get(party)
            if kept is None:
                kept = parties[party] = (str(UUID(bytes=party)), [])
            kept[1].append(_new(Received, (position, kept[0], event)))

    def hand_on(self, take: Take) -> None:
        """Passes on whole parties, in their order: so rows that are read together are stored together."""
        portion: list[Received] = []
        for party in sorted(self._parties):
            _, events = self._parties.pop(party)
            events.sort()  # they come in the table's order, which is nearly right
            portion += events
            if len(portion) >= PORTION_EVENTS:
                take(portion, True)
                portion = []
        if portion:
            take(portion, True)


class _Portions:
    """A sink that divides events into portions; they come party by party, in order."""

    def __init__(self, take: Take) -> None:
        self._skip = HEADER_BYTES
        self._take = take
        self._party = b""
        self._name = ""
        self._portion: list[Received] = []

    def write(self, data: bytes) -> None:
        """Takes a row."""
        at, self._skip = self._skip, 0
        for position, party, event in _rows(data, at):
            if party != self._party:
                if len(self._portion) >= PORTION_EVENTS:
                    self._hand_on(True)
                self._party = party
                self._name = str(UUID(bytes=party))
            elif len(self._portion) >= 2 * PORTION_EVENTS:
                self._hand_on(False)  # a party of many events: in parts, so that memory stays flat
            self._portion.append(_new(Received, (position, self._name, event)))

    def end(self) -> None:
        """Passes on the rest."""
        if self._portion:
            self._hand_on(True)

    def _hand_on(self, ended: bool) -> None:
        portion, self._portion = self._portion, []
        self._take(portion, ended)


def _rows(data: bytes, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Yields position, party and event of each row from `at` on, without the trailer."""
    end = len(data) - TRAILER_BYTES
    while at < end:
        _, _, position, _, party, length = _fixed(data, at)
        at += _FIXED_BYTES
        yield position, party, data[at : at + length]
        at += length


def slices(number: int) -> list[tuple[UUID, UUID | None]]:
    """Returns `number` slices that have all parties, of about the same size, since ids are random."""
    width = (1 << 128) // number
    starts = [UUID(int=width * index) for index in range(number)]
    return list(zip(starts, [*starts[1:], None], strict=True))
