"""The store's events, party after party, each party's in order: for rebuilding and verifying."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from psycopg2.extensions import connection as Connection

from commands.store.pool import connect
from projections.decode import Received

PORTION: Final = 1_000
"""Events handed on at a time; more where the last party among them is not complete."""

# One stretch of the index (party, position), or a scan and a sort where that is less work.
_STRETCH: Final = """
    COPY (SELECT position, party, event FROM store.event
           WHERE party >= '{low}'::uuid {below} AND position > {after:d} AND position <= {upto:d}
             AND ({types})
           ORDER BY party, position) TO STDOUT (FORMAT binary)
"""
_SETTINGS: Final = "SET work_mem = '96MB'; SET jit = off; SET max_parallel_workers_per_gather = 0"
_HEADER_BYTES: Final = 19
_TRAILER_BYTES: Final = 2
_FIXED: Final = struct.Struct(">hiqi16si")
_new: Final = tuple.__new__

Take = Callable[[Sequence[Received], bool], None]
"""Takes events; True: the last one's party is complete."""


class PartySource:
    """Reads stretches of parties on a connection of its own, as a role that may read the store."""

    def __init__(self, url: str, families: Sequence[str]) -> None:
        self._connection: Connection = connect(url)
        with self._connection.cursor() as c:
            c.execute(_SETTINGS)
        # Families are names of our own registry, never a user's.
        self._types = " OR ".join(f"starts_with(type, 'crm.{family}.')" for family in families)

    def read(self, low: UUID, high: UUID | None, upto: int, take: Take, *, after: int = 0) -> None:
        """Hands `take` all events of the families of parties from `low` on and below `high`, positions behind
        `after` up to `upto` (a settled position). What `take` raises comes through."""
        sink = _Sink(take)
        below = "" if high is None else f"AND party < '{high}'::uuid"
        with self._connection.cursor() as c:
            c.copy_expert(
                _STRETCH.format(low=low, below=below, after=after, upto=upto, types=self._types), sink
            )
        sink.end()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


class _Sink:
    """Takes binary COPY as the driver hands it out, row by row, and makes portions of it."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._started = False
        self._party = b""
        self._name = ""
        self._portion: list[Received] = []

    def write(self, data: bytes) -> None:
        at = 0
        if not self._started:
            self._started = True
            at = _HEADER_BYTES
        end = len(data)
        while end - at > _TRAILER_BYTES:
            _, _, position, _, party, length = _FIXED.unpack_from(data, at)
            at += _FIXED.size
            if party != self._party:
                if len(self._portion) >= PORTION:
                    self._take(self._portion, True)
                    self._portion = []
                self._party = party
                self._name = str(UUID(bytes=party))
            elif (
                len(self._portion) >= 2 * PORTION
            ):  # a party of many events: in parts, so that memory stays flat
                self._take(self._portion, False)
                self._portion = []
            self._portion.append(_new(Received, (position, self._name, data[at : at + length])))
            at += length

    def end(self) -> None:
        """Hands on the rest."""
        if self._portion:
            self._take(self._portion, True)
            self._portion = []


def stretches(number: int) -> list[tuple[UUID, UUID | None]]:
    """So many stretches that hold all parties, of about the same size: ids are random."""
    width = (1 << 128) // number
    starts = [UUID(int=width * index) for index in range(number)]
    return list(zip(starts, [*starts[1:], None], strict=True))
