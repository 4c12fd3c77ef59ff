"""Finds which event differs, under the first seals that do not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg2

from commands.audit.chain import OptionalCopy
from commands.audit.diagnose import Difference, Gap, Home, by_copy, by_sums, joined
from commands.audit.messages import BY_SUMS, BY_TOPICS, NOT_ASKED, NOT_PROVEN, told, truncated
from commands.audit.recompute import DamagedSeal
from commands.store.event_reader import EventReader, StoredRow
from commands.store.verify_event import RESTORE, Finding
from commands.store.verify_seals import topic_of
from domain.events.ids import parts_of
from domain.events.seal import Seal, parse

MAX_SEALS: Final = 5
"""Seals that it examines event by event; for others it reports the range only."""
MAX_ROWS: Final = 20_000
"""Most events to read of one range: several times a seal's, in case many were inserted."""
GAPS_SECONDS: Final = 60
MAX_GAPS: Final = 50

# Versions that are missing before an event at or behind a position, where the one before them has an earlier
# position than the range's end. One index look-up for each event from there on.
_GAPS: Final = """
    SELECT n.aggregate_id, n.type, n.party, coalesce(p.version, 0), n.version, coalesce(p.position, 0),
           n.position
      FROM store.event n
      LEFT JOIN LATERAL (SELECT version, position FROM store.event e
                          WHERE e.aggregate_id = n.aggregate_id AND e.version < n.version
                          ORDER BY version DESC LIMIT 1) p ON true
     WHERE n.position > %(first)s AND coalesce(p.version, 0) <> n.version - 1
       AND coalesce(p.position, 0) < %(last)s
     ORDER BY n.position LIMIT %(most)s
"""

_STANDS: Final = "SELECT position FROM store.event WHERE aggregate_id = %s AND version = %s"


class Close:
    """Names events, with the topics' copies where these are available.

    Args:
        cursor: of the store, which a role that may read it has opened.
        follower: of the store.
        asked: the topics.
        home: the partition of a party.
        stored: the position of the store's last event.
    """

    def __init__(
        self, cursor: Any, follower: EventReader, asked: OptionalCopy, *, home: Home, stored: int
    ) -> None:
        self._cursor, self._follower, self._asked = cursor, follower, asked
        self._home, self._stored = home, stored

    def look(self, damaged: Sequence[DamagedSeal], other: Seal | None) -> list[Finding]:
        """Returns what is wrong under these seals, in order, and under `other`, the topics' seal if it
        differs."""
        seals = [parse(one.record) for one in damaged]
        within_store = [seal for seal in seals if seal.last <= self._stored]
        found = [self._difference(seal) for seal in within_store[:MAX_SEALS]]
        if other is not None and (beside := self._under_other(other)) is not None:
            found.append(beside)
        whole = [self._elsewhere(one) for one in joined([difference for difference, _, _ in found])]
        said = [told(one, seal, why) for one, (_, seal, why) in zip(whole, found, strict=True)]
        said += [_only_range(seal) for seal in within_store[MAX_SEALS:]]
        if len(within_store) < len(seals):
            said += self._cut(seals[len(within_store)], max(seal.last for seal in seals))
        return said

    def _difference(self, seal: Seal) -> tuple[Difference, Seal, str]:
        rows = self._rows(seal)
        sealed = self._asked.proven(seal)
        if sealed is not None and (found := by_copy(rows, sealed)) is not None:
            return found, seal, BY_TOPICS
        found = by_sums(seal, rows, self._home, lambda: self._gaps(seal))
        if found.kind != "range":
            return found, seal, BY_SUMS
        return found, seal, NOT_ASKED if self._asked.why_not else NOT_PROVEN

    def _elsewhere(self, found: Difference) -> Difference:
        """An event that is missing and stands under another seal, or under none yet, was moved."""
        if found.kind != "removed" or not found.event:
            return found
        try:
            self._cursor.execute(_STANDS, parts_of(found.event))
        except ValueError:
            return found
        row = self._cursor.fetchone()
        if row is None:
            return found
        return replace(found, kind="moved", sealed=found.position, stands=row[0])

    def _under_other(self, other: Seal) -> tuple[Difference, Seal, str] | None:
        """The first difference to what the topics have, where their seal covers other events."""
        sealed = self._asked.proven(other)
        found = by_copy(self._rows(other), sealed) if sealed is not None else None
        return (found, other, BY_TOPICS) if found is not None else None

    def _cut(self, seal: Seal, last: int) -> Iterator[Finding]:
        """The store ends within the range of this seal, or before it; the seals go on to `last`."""
        sealed = self._asked.proven(seal)
        missing = [(position, event) for position, event in sealed or () if position > self._stored]
        first = by_copy([], missing) if missing else None
        yield truncated(self._stored, last, first)
        if sealed is not None and seal.first <= self._stored:
            found = by_copy(self._rows(seal), [one for one in sealed if one[0] <= self._stored])
            if found is not None:
                yield told(found, seal, BY_TOPICS)

    def _rows(self, seal: Seal) -> list[StoredRow]:
        return self._follower.read(seal.first - 1, seal.last, limit=MAX_ROWS)

    def _gaps(self, seal: Seal) -> Iterable[Gap]:
        self._cursor.execute(f"SET statement_timeout = {GAPS_SECONDS * 1000}")
        try:
            bounds = {"first": seal.first, "last": seal.last, "most": MAX_GAPS}
            self._cursor.execute(_GAPS, bounds)
        except psycopg2.errors.QueryCanceled:
            return
        for aggregate, type, party, before, behind, low, high in self._cursor.fetchall():
            place = (topic_of(type), self._home(party))
            for version in range(before + 1, min(behind, before + MAX_GAPS)):
                yield Gap(aggregate=aggregate, version=version, place=place, low=low, high=high)


def _only_range(seal: Seal) -> Finding:
    return Finding(
        kind="range",
        position=seal.first,
        fact=f"The seal {seal.sequence} (positions {seal.first} to {seal.last}) does not hold either.",
        cause=f"Only the first {MAX_SEALS} such seals were examined event by event.",
        act=RESTORE,
    )
