"""Idempotency: one outcome for a key and its request, written with the request's events.

Rows hold HMACs of key and request and what the answer is rendered from: status, ids, versions, the problem's
code. Positions never change once given, so they are looked up instead of stored.

Refusals are not kept, although a row could hold them (see `Dispatcher.execute`). Rows live for a day;
an expired one counts for nothing, and `Idempotency.purge` removes it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from commands.store.pool import Pool
from domain.kernel.errors import KeyReused

EXPIRY: Final = timedelta(hours=24)
WAIT_MILLISECONDS: Final = 2000
"""How long a second request waits for the first one with its key."""

# An expired row does not count: it makes room in the same transaction. Of two that take it over, the second
# waits for the first's row and then meets its key.
INSERT: Final = f"""
    SET LOCAL lock_timeout = {WAIT_MILLISECONDS};
    DELETE FROM store.idempotency WHERE principal = %s AND key_hmac = %s AND expires <= now();
    INSERT INTO store.idempotency (principal, key_hmac, request_hmac, status, answer, expires)
    VALUES (%s, %s, %s, %s, %s, now() + %s);
    SET LOCAL lock_timeout TO DEFAULT;
"""  # noqa: S608  # a number of ours
_FIND: Final = """
    SELECT i.key_hmac, i.request_hmac, i.status, i.answer,
           (SELECT coalesce(array_agg(e.position ORDER BY named.number), '{}')
              FROM ROWS FROM (jsonb_array_elements_text(i.answer -> 'ids'),
                              jsonb_array_elements_text(i.answer -> 'versions'))
                   WITH ORDINALITY AS named (id, version, number)
              JOIN store.event e ON e.aggregate_id = named.id::uuid AND e.version = named.version::int)
      FROM store.idempotency i
     WHERE i.principal = %s AND i.key_hmac = ANY (%s) AND i.expires > now()
"""
_MAKE_ROOM: Final = """
    DELETE FROM store.idempotency AS i USING (VALUES %s) AS new (principal, key_hmac)
     WHERE i.principal = new.principal AND i.key_hmac = new.key_hmac AND i.expires <= now()
"""
_INSERT_MANY: Final = """
    INSERT INTO store.idempotency (principal, key_hmac, request_hmac, status, answer, expires) VALUES %s
"""
_PURGE: Final = """
    DELETE FROM store.idempotency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM store.idempotency WHERE expires <= now() LIMIT %s))
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer is rendered from: HTTP status, then for each event (or record) its id, version and
    position, and the code of the problem, if it was one.

    `recorded` is False where nothing changed: the versions were there before, so they have no positions here.
    """

    status: int
    ids: tuple[UUID, ...] = ()
    versions: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    problem: str | None = None
    recorded: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class IdempotencyRow:
    """One row, ready to be written with the events. `answer` is JSON; `expiry` counts from the writing."""

    principal: UUID
    key_hmac: bytes
    request_hmac: bytes
    status: int
    answer: str
    expiry: timedelta

    def parameters(self) -> tuple[Any, ...]:
        """The parameters of `INSERT`."""
        key = (self.principal, self.key_hmac)
        return (*key, *key, self.request_hmac, self.status, self.answer, self.expiry)


def insert_many(cursor: Cursor, rows: Sequence[IdempotencyRow]) -> None:
    """Writes many rows in the transaction of `cursor`, before anything else: as with one, a second request
    with a key waits here, two seconds at most. Sorted, so that two at once meet in the same order."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: (row.principal.bytes, row.key_hmac))
    cursor.execute("SET LOCAL lock_timeout = %s", (WAIT_MILLISECONDS,))
    keys = [(row.principal, row.key_hmac) for row in ordered]
    execute_values(cursor, _MAKE_ROOM, keys, page_size=1000)
    execute_values(
        cursor,
        _INSERT_MANY,
        [
            (*key, row.request_hmac, row.status, row.answer, row.expiry)
            for key, row in zip(keys, ordered, strict=True)
        ],
        template="(%s, %s, %s, %s, %s, now() + %s)",
        page_size=1000,
    )
    cursor.execute("SET LOCAL lock_timeout TO DEFAULT")


class Idempotency:
    """Finds earlier answers. `hmac_key` (32 bytes or more) hides keys and requests."""

    def __init__(self, pool: Pool, hmac_key: bytes, *, expiry: timedelta = EXPIRY) -> None:
        if len(hmac_key) < 32:
            raise ValueError("the key that hides idempotency keys needs at least 32 bytes")
        self._pool = pool
        self._hmac_key = hmac_key
        self._expiry = expiry

    def find(self, principal: UUID, key: str, request: bytes) -> Answer | None:
        """The answer given to this key and request, or None. Raises `KeyReused` for another request."""
        found = self.find_many(principal, {key: request}).get(key)
        if isinstance(found, KeyReused):
            raise found
        return found

    def find_many(self, principal: UUID, requests: Mapping[str, bytes]) -> dict[str, Answer | KeyReused]:
        """The answers given to those of the keys that are taken; `KeyReused` in place of one where the
        request was another."""
        keys = {self._key(key): key for key in requests}
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_FIND, (principal, list(keys)))
            rows = cursor.fetchall()
        found: dict[str, Answer | KeyReused] = {}
        for key_hmac, request_hmac, status, answer, positions in rows:
            key = keys[bytes(key_hmac)]
            if not hmac.compare_digest(bytes(request_hmac), self._request(requests[key])):
                found[key] = KeyReused()
                continue
            found[key] = Answer(
                status=status,
                ids=tuple(UUID(id) for id in answer["ids"]),
                versions=tuple(answer["versions"]),
                positions=tuple(positions) if answer["recorded"] else (),
                problem=answer["problem"],
                recorded=answer["recorded"],
            )
        return found

    def row(self, principal: UUID, key: str, request: bytes, answer: Answer) -> IdempotencyRow:
        """The row to write with the events of `answer`; positions are not known yet and not needed."""
        if len(answer.ids) != len(answer.versions):
            raise ValueError("an answer names as many versions as ids")
        return IdempotencyRow(
            principal=principal,
            key_hmac=self._key(key),
            request_hmac=self._request(request),
            status=answer.status,
            answer=orjson.dumps(
                {
                    "ids": answer.ids,
                    "versions": answer.versions,
                    "problem": answer.problem,
                    "recorded": answer.recorded,
                }
            ).decode(),
            expiry=self._expiry,
        )

    def purge(self, limit: int = 10_000) -> int:
        """Removes at most `limit` expired rows; how many it removed."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_PURGE, (limit,))
            return cursor.rowcount

    def _key(self, key: str) -> bytes:
        return self._hmac(b"key\x1f" + key.encode())

    def _request(self, request: bytes) -> bytes:
        return self._hmac(b"request\x1f" + request)

    def _hmac(self, text: bytes) -> bytes:
        return hmac.new(self._hmac_key, text, hashlib.sha256).digest()
