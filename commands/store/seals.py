"""The table of seals: the chain of what the relay sealed, each appended behind the one before."""

from __future__ import annotations

from typing import Any, Final

import psycopg2
from psycopg2.extensions import connection

from commands.store.pool import connect
from domain.events.seal import GENESIS, Seal, parse

# Compare and set: the row goes in only behind the seal that it names as previous, and the primary key lets
# one of two win that do so at once.
_APPEND: Final = """
    INSERT INTO store.seal (sequence, first, last, count, record, hash, sealed)
    SELECT %(sequence)s, %(first)s, %(last)s, %(count)s, %(record)s, %(hash)s, %(sealed)s::timestamptz
     WHERE coalesce((SELECT hash FROM store.seal ORDER BY sequence DESC LIMIT 1), %(genesis)s) = %(previous)s
       AND coalesce((SELECT sequence FROM store.seal ORDER BY sequence DESC LIMIT 1), 0) + 1 = %(sequence)s
       AND coalesce((SELECT last FROM store.seal ORDER BY sequence DESC LIMIT 1), 0) + 1 = %(first)s
"""


class SealConflict(Exception):
    """Another relay sealed in between."""

    def __init__(self, seal: Seal) -> None:
        super().__init__(
            f"The seal {seal.sequence} does not follow the last seal of the store: another relay has sealed "
            "in between. This one must stop and start behind it."
        )


class Seals:
    """Reads and appends seals, on a connection of its own that is opened again after a failure.

    Not for several threads at once. Raises `psycopg2.OperationalError` while the database is away.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: connection | None = None

    def last(self) -> Seal | None:
        """The newest seal."""
        return self._one("SELECT record FROM store.seal ORDER BY sequence DESC LIMIT 1", ())

    def by_last(self, position: int) -> Seal | None:
        """The seal whose range ends at `position`."""
        return self._one("SELECT record FROM store.seal WHERE last = %s", (position,))

    def by_sequence(self, sequence: int) -> Seal | None:
        """The seal of that number."""
        return self._one("SELECT record FROM store.seal WHERE sequence = %s", (sequence,))

    def covering(self, position: int) -> Seal | None:
        """The seal whose range `position` is in; None behind the last seal."""
        return self._one("SELECT record FROM store.seal WHERE last >= %s ORDER BY last LIMIT 1", (position,))

    def names(self, topic: str, upto: int) -> bool:
        """Whether a seal up to the position `upto` has events of that topic.

        Reads the seals up to the first that has: a row for some thousand events, where the events themselves
        have no index by family.
        """
        member = f'"{topic}":{{'.encode()
        found = self._execute(
            "SELECT EXISTS (SELECT FROM store.seal WHERE last <= %s AND position(%s IN record) > 0)",
            (upto, psycopg2.Binary(member)),
        )
        return bool(found[0][0])

    def since(self, sequence: int, limit: int = 1000) -> list[Seal]:
        """The first `limit` seals behind number `sequence`, in order."""
        found = self._execute(
            "SELECT record FROM store.seal WHERE sequence > %s ORDER BY sequence LIMIT %s", (sequence, limit)
        )
        return [parse(bytes(record)) for (record,) in found]

    def append(self, record: bytes) -> Seal:
        """Appends the seal of this record behind the one it names as previous.

        Raises `SealConflict` when the store's last seal is another one, `Undecodable` for bytes that are no
        seal.
        """
        seal = parse(record)
        values = {
            "sequence": seal.sequence,
            "first": seal.first,
            "last": seal.last,
            "count": seal.count,
            "record": psycopg2.Binary(record),
            "hash": psycopg2.Binary(seal.hash),
            "sealed": seal.sealed,
            "previous": psycopg2.Binary(seal.previous),
            "genesis": psycopg2.Binary(GENESIS),
        }
        try:
            with self._opened().cursor() as cursor:
                cursor.execute(_APPEND, values)
                appended = cursor.rowcount == 1
        except psycopg2.errors.UniqueViolation:
            appended = False
        except psycopg2.Error:
            self.close()
            raise
        if not appended:
            raise SealConflict(seal)
        return seal

    def close(self) -> None:
        """Closes the connection; the next call opens one again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _one(self, statement: str, values: tuple[Any, ...]) -> Seal | None:
        found = self._execute(statement, values)
        return parse(bytes(found[0][0])) if found else None

    def _execute(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            with self._opened().cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        except psycopg2.Error:
            self.close()
            raise

    def _opened(self) -> connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url)
        return self._connection
