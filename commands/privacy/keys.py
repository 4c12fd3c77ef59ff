"""The table of keys: one per person, one per kind of free text and month. Active, destroyed, or absent.

A destroyed key leaves a tombstone, for ever: it is never made again. Keys are committed before the first
event that uses them; a key without an event is harmless.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, Protocol
from uuid import UUID

import psycopg2

from commands.privacy.kek import KEY_BYTES, FileKek, KekProblem, KeyEncryptionKey, OwnedKey
from commands.privacy.keyring import Keyring, WrappedKey
from commands.store.pool import Pool

__all__ = [
    "DESTROYED",
    "FileKek",
    "KekProblem",
    "Key",
    "KeyEncryptionKey",
    "KeyName",
    "KeyStore",
    "Keyring",
    "PostgresKeyStore",
    "Retention",
]


class Retention(NamedTuple):
    """The key of a kind of free text in a month (`YYYY-MM`)."""

    kind: str
    month: str


class Tombstone(Enum):
    """Stands for a key that was destroyed."""

    DESTROYED = "destroyed"


DESTROYED: Final = Tombstone.DESTROYED

KeyName = UUID | Retention
"""Whose key: a person's id, or a retention kind and month."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of 32 bytes, not shown."""

    raw: bytes

    def __repr__(self) -> str:
        return "Key(...)"


KeyState = Key | Tombstone


class KeyStore(Protocol):
    """Where keys are kept. Names that have neither key nor tombstone are absent from the answers."""

    def find(self, names: Collection[KeyName]) -> dict[KeyName, KeyState]:
        """What is there."""
        ...

    def ensure(self, names: Collection[KeyName]) -> dict[KeyName, KeyState]:
        """What is there, keys made and committed for names that had none: all names are in the answer."""
        ...

    def destroy(self, name: KeyName) -> None:
        """Destroys the key for ever, also one that was never made."""
        ...


_FIND_PERSONS: Final = "SELECT person, wrapped, kek FROM keys.person_key WHERE person = ANY (%s)"
_FIND_RETENTION: Final = """
    SELECT kind, month, wrapped, kek FROM keys.retention_key
      JOIN unnest(%s::text[], %s::text[]) AS wanted (kind, month) USING (kind, month)
"""
_MAKE_PERSONS: Final = """
    INSERT INTO keys.person_key (person, wrapped, kek)
    SELECT person, wrapped, %s FROM unnest(%s::uuid[], %s::bytea[]) AS made (person, wrapped)
    ON CONFLICT DO NOTHING RETURNING person
"""
_MAKE_RETENTION: Final = """
    INSERT INTO keys.retention_key (kind, month, wrapped, kek)
    SELECT kind, month, wrapped, %s
      FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS made (kind, month, wrapped)
    ON CONFLICT DO NOTHING RETURNING kind, month
"""
_RETENTION_MONTHS: Final = """
    SELECT kind, month FROM keys.retention_key WHERE state = %s ORDER BY kind, month
"""
_CURRENT_KEK: Final = "SELECT id FROM keys.kek WHERE current"
_OTHER_KEK: Final = "55R02"
"""The database's word for a key that was wrapped with another than the current key-encryption key."""
_MAX_TRIES: Final = 5
_DESTROY_PERSON: Final = """
    INSERT INTO keys.person_key (person, kek, state, destroyed) VALUES (%s, '', 'destroyed', now())
    ON CONFLICT (person) DO UPDATE SET wrapped = NULL, state = 'destroyed', destroyed = now()
     WHERE person_key.state = 'active'
"""
_DESTROY_RETENTION: Final = """
    INSERT INTO keys.retention_key (kind, month, kek, state, destroyed)
    VALUES (%s, %s, '', 'destroyed', now())
    ON CONFLICT (kind, month) DO UPDATE SET wrapped = NULL, state = 'destroyed', destroyed = now()
     WHERE retention_key.state = 'active'
"""


class PostgresKeyStore:
    """Keys in the schema `keys` of the database at `url`, wrapped by `kek`; connections of its own.

    Of a ring each row is unwrapped with the key-encryption key that it names, and new keys are wrapped with
    the one that the database calls current; so a rotation is noticed by all who run, and disturbs none.

    Raises `KekProblem` for a key that does not unwrap, and the driver's errors while the database is away.
    """

    def __init__(self, url: str, kek: KeyEncryptionKey | Keyring, *, size: int = 4) -> None:
        self._pool = Pool(url, size)
        self._ring = kek if isinstance(kek, Keyring) else Keyring.of(kek)
        self._current: str | None = None

    def find(self, names: Collection[KeyName]) -> dict[KeyName, KeyState]:
        """What is there; one query for persons, one for retention keys."""
        persons, retention = _split(names)
        rows: list[tuple[KeyName, Any, str]] = []
        with self._pool.connection() as opened, opened.cursor() as cursor:
            if persons:
                cursor.execute(_FIND_PERSONS, (persons,))
                rows += cursor.fetchall()
            if retention:
                cursor.execute(_FIND_RETENTION, _columns(retention))
                rows += [(Retention(kind, month), *rest) for kind, month, *rest in cursor.fetchall()]
        # Outside of the connection: a key management service may take its time.
        active = [(name, kek, bytes(wrapped)) for name, wrapped, kek in rows if wrapped is not None]
        raw = self._ring.unwrap([WrappedKey(kek, wrapped, owner(name)) for name, kek, wrapped in active])
        found: dict[KeyName, KeyState] = {name: DESTROYED for name, _, _ in rows}
        return found | {name: Key(key) for (name, _, _), key in zip(active, raw, strict=True)}

    def ensure(self, names: Collection[KeyName]) -> dict[KeyName, KeyState]:
        """What is there, missing keys made and committed. Two that make one at once both get the first."""
        found = self.find(names)
        missing = [name for name in names if name not in found]
        if missing:
            found |= self._make(missing)
            # Somebody else made these in the meantime.
            if others := [name for name in missing if name not in found]:
                found |= self.find(others)
        return found

    def destroy(self, name: KeyName) -> None:
        """Leaves a tombstone; again changes nothing."""
        with self._pool.connection() as opened, opened.cursor() as cursor:
            if isinstance(name, UUID):
                cursor.execute(_DESTROY_PERSON, (name,))
            else:
                cursor.execute(_DESTROY_RETENTION, tuple(name))

    def retention_months(self, state: Literal["active", "destroyed"]) -> list[Retention]:
        """The kinds and months whose texts are still open, or closed for good; sorted."""
        with self._pool.connection() as opened, opened.cursor() as cursor:
            cursor.execute(_RETENTION_MONTHS, (state,))
            return [Retention(kind, month) for kind, month in cursor.fetchall()]

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()

    def _make(self, names: Iterable[KeyName]) -> dict[KeyName, KeyState]:
        """The keys that were made; somebody else's are not among them."""
        # Sorted, so that two who make the same keys at once wait for each other in the same order.
        persons, retention = _split(names)
        wanted: list[KeyName] = [*persons, *retention]
        for left in reversed(range(_MAX_TRIES)):
            kek = self._ring.named(self._current_kek())
            raw = {name: os.urandom(KEY_BYTES) for name in wanted}
            wrapped = [
                psycopg2.Binary(one)
                for one in kek.wrap([OwnedKey(raw[name], owner(name)) for name in wanted])
            ]
            made: list[KeyName] = []
            try:
                with self._pool.connection() as opened, opened.cursor() as cursor:
                    if persons:
                        cursor.execute(_MAKE_PERSONS, (kek.id, persons, wrapped[: len(persons)]))
                        made += [person for (person,) in cursor.fetchall()]
                    if retention:
                        cursor.execute(
                            _MAKE_RETENTION, (kek.id, *_columns(retention), wrapped[len(persons) :])
                        )
                        made += [Retention(*row) for row in cursor.fetchall()]
                return {name: Key(raw[name]) for name in made}
            except psycopg2.Error as error:
                # A rotation has made another one current meanwhile.
                if error.pgcode != _OTHER_KEK or not left:
                    raise
                self._current = None
        raise AssertionError("the last try returns or raises")

    def _current_kek(self) -> str:
        if self._current is None:
            with self._pool.connection() as opened, opened.cursor() as cursor:
                cursor.execute(_CURRENT_KEK)
                row = cursor.fetchone()
            self._current = self._ring.first.id if row is None else str(row[0])
        return self._current


def _split(names: Iterable[KeyName]) -> tuple[list[UUID], list[Retention]]:
    wanted = set(names)
    persons = sorted(name for name in wanted if isinstance(name, UUID))
    return persons, sorted(name for name in wanted if isinstance(name, Retention))


def _columns(names: list[Retention]) -> tuple[list[str], list[str]]:
    return [name.kind for name in names], [name.month for name in names]


def owner(name: KeyName) -> bytes:
    """Whose key it is, so that a wrapped key moved to another row does not open."""
    if isinstance(name, UUID):
        return b"person|" + str(name).encode()
    return b"retention|" + f"{name.month}|{name.kind}".encode()
