"""The blind index of contact points: whom an address may belong to. Written with the events that add it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from commands.store.pool import Pool

# The same address may come twice: removed and added again, or at two of the lines of one request.
INSERT: Final = "INSERT INTO store.contact_index (hmac, person) VALUES "
ROW: Final = "(%s, %s)"
AGAIN: Final = " ON CONFLICT DO NOTHING"
_FORGET: Final = "DELETE FROM store.contact_index WHERE person = ANY (%s::uuid[])"
_FIND: Final = "SELECT person FROM store.contact_index WHERE hmac = %s ORDER BY person LIMIT %s"


class ContactPoint(NamedTuple):
    """An entry: the HMAC of a contact point (see `Identifiers.contact_point`) and the contact that has it."""

    hmac: bytes
    person: UUID


class ContactIndex:
    """The table `store.contact_index`; written by the recorder, with the events, emptied by erasure."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def find(self, hmac: bytes, *, limit: int = 100) -> Sequence[UUID]:
        """The contacts that have, or had, that contact point: families share one, so these are candidates."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_FIND, (hmac, limit))
            return [person for (person,) in cursor.fetchall()]

    def forget(self, persons: Sequence[UUID]) -> int:
        """Removes the entries of these persons; how many there were."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_FORGET, (list(persons),))
            return cursor.rowcount

    def count(self, persons: Sequence[UUID]) -> int:
        """How many entries these persons have."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM store.contact_index WHERE person = ANY (%s::uuid[])", (list(persons),)
            )
            return int(cursor.fetchall()[0][0])
