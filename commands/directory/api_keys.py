"""API keys: made once, shown once, stored as a hash, with scopes and the principal they act for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from commands.store.pool import Pool
from domain.kernel.errors import Invalid, NotFound

SCOPES: Final = (
    "crm:read",
    "crm:write",
    "service:write",
    "events:read",
    "audit:read",
    "privacy:erase",
    "ops:admin",
)
"""Everything a key can be allowed to do. Names are permanent: clients and keys hold them."""

PREFIX: Final = "rk_"
_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 16

_COLUMNS: Final = "id, principal, name, scopes, created, expires, revoked"
_INSERT: Final = """
    INSERT INTO access.api_key (id, principal, name, hash, scopes, created, expires)
    VALUES (%s, %s, %s, %s, %s, now(), %s)
"""
_BY_ID: Final = f"""
    SELECT {_COLUMNS}, hash, expires <= now() FROM access.api_key WHERE id = %s
"""  # noqa: S608  # the interpolated text is the constant above
_ALL: Final = f"SELECT {_COLUMNS} FROM access.api_key ORDER BY created, id"  # noqa: S608  # as above
_REVOKE: Final = "UPDATE access.api_key SET revoked = coalesce(revoked, now()) WHERE id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key, without the key. Times are UTC; `revoked` is when it stopped working."""

    id: UUID
    principal: UUID
    name: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None
    revoked: datetime | None


class ApiKeys:
    """The table `access.api_key`.

    A clear key is `rk_` and the base64url of its id (16 bytes) and a secret (32 random bytes). The secret is
    too long to be guessed, so one SHA-256 protects it at rest; a slow hash would only slow each request.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def create(
        self, principal: UUID, name: str, scopes: Sequence[str], expires: datetime | None = None
    ) -> tuple[UUID, str]:
        """A new key's id and the key in clear, which exists nowhere else afterwards.

        Raises `Invalid` for a scope that does not exist, no scope, or a name that is empty or longer than
        100 characters.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            what = f"There is no scope {', '.join(unknown)}" if unknown else "A key needs at least one scope"
            raise Invalid(f"{what}. Choose from: {', '.join(SCOPES)}.")
        if not name.strip() or len(name) > 100:
            raise Invalid("A key needs a name of 1 to 100 characters, so that it can be told from others.")
        secret = secrets.token_bytes(_ID_BYTES + _SECRET_BYTES)
        clear = PREFIX + base64.urlsafe_b64encode(secret).decode()
        id = UUID(bytes=secret[:_ID_BYTES])
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_INSERT, (id, principal, name, _hash(clear), sorted(set(scopes)), expires))
        return id, clear

    def find(self, clear: str) -> ApiKey | None:
        """The key, or None when it is malformed, unknown, expired or revoked.

        The row is found by the id inside the key and the hashes are compared in constant time, so that the
        time an answer takes says nothing about a secret.
        """
        id = _id_of(clear)
        if id is None:
            return None
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_BY_ID, (id,))
            row = cursor.fetchone()
        if row is None or not hmac.compare_digest(bytes(row[7]), _hash(clear)):
            return None
        key = _key(row)
        return None if key.revoked is not None or row[8] else key

    def revoke(self, id: UUID) -> None:
        """Ends a key at once; revoking it again changes nothing. Raises `NotFound`."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_REVOKE, (id,))
            if cursor.rowcount == 0:
                raise NotFound("API key", id)

    def list(self) -> list[ApiKey]:
        """All keys ever made, oldest first."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_ALL)
            return [_key(row) for row in cursor.fetchall()]


def _hash(clear: str) -> bytes:
    return hashlib.sha256(clear.encode()).digest()


def _id_of(clear: str) -> UUID | None:
    try:
        raw = base64.b64decode(clear.removeprefix(PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if not clear.startswith(PREFIX) or len(raw) != _ID_BYTES + _SECRET_BYTES:
        return None
    return UUID(bytes=raw[:_ID_BYTES])


def _key(row: tuple[Any, ...]) -> ApiKey:
    return ApiKey(
        id=row[0],
        principal=row[1],
        name=row[2],
        scopes=frozenset(row[3]),
        created=row[4],
        expires=row[5],
        revoked=row[6],
    )
