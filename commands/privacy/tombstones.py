"""Destroys keys of many persons, and lists destroyed ones. Needs no key-encryption key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from commands.store.pool import Pool

BATCH_ROWS: Final = 1_000

# One that was never made gets a tombstone too: a command that is about to make it must not.
_DESTROY: Final = """
    INSERT INTO keys.person_key (person, kek, state, destroyed)
    SELECT person, '', 'destroyed', now() FROM unnest(%s::uuid[]) AS person ORDER BY person
    ON CONFLICT (person) DO UPDATE SET wrapped = NULL, state = 'destroyed', destroyed = now()
     WHERE person_key.state = 'active'
"""
_OPEN: Final = """
    SELECT person FROM unnest(%s::uuid[]) AS person LEFT JOIN keys.person_key k USING (person)
     WHERE k.state IS DISTINCT FROM 'destroyed' ORDER BY person
"""
_DESTROYED: Final = """
    SELECT person, destroyed FROM keys.person_key WHERE person = ANY (%s::uuid[]) AND state = 'destroyed'
"""


class Tombstones:
    """The persons' keys at `pool`, whose role may destroy them. Raises the driver's errors."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def destroy(self, persons: Sequence[UUID], done: Callable[[], None] = lambda: None) -> None:
        """Destroys these keys for ever; a second call changes nothing. Calls `done` after each batch."""
        for batch in _batches(persons):
            with self._pool.connection() as opened, opened.cursor() as at:
                at.execute(_DESTROY, (batch,))
            done()

    def open(self, persons: Sequence[UUID]) -> list[UUID]:
        """Those of them without a tombstone."""
        found: list[UUID] = []
        for batch in _batches(persons):
            with self._pool.connection() as opened, opened.cursor() as at:
                at.execute(_OPEN, (batch,))
                found += [person for (person,) in at.fetchall()]
        return found

    def destroyed(self, persons: Sequence[UUID]) -> dict[UUID, datetime]:
        """Since when each of them is destroyed, of those that are."""
        found: dict[UUID, datetime] = {}
        for batch in _batches(persons):
            with self._pool.connection() as opened, opened.cursor() as at:
                at.execute(_DESTROYED, (batch,))
                found |= dict(at.fetchall())
        return found


def _batches(persons: Sequence[UUID]) -> list[list[UUID]]:
    ordered = sorted(set(persons))
    return [ordered[start : start + BATCH_ROWS] for start in range(0, len(ordered), BATCH_ROWS)]
