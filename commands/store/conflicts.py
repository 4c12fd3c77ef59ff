"""Why an append was refused: the database's unique constraints as domain errors."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import psycopg2
from eventsourcing.persistence import IntegrityError, OperationalError

from commands.store.claims import Claim
from commands.store.idempotency import IdempotencyRow
from commands.store.pool import Pool
from domain.kernel.errors import AlreadyClaimed, ConcurrentChange, DomainError, KeyReused, RequestInProgress

_VERSIONS: Final = """
    SELECT aggregate_id, max(version) FROM store.event WHERE aggregate_id = ANY (%s) GROUP BY aggregate_id
"""
_CLAIMED: Final = """
    SELECT c.source, c.external_id, c.id, c.id = wanted.id FROM store.claim c
      JOIN unnest(%s, %s, %s::uuid[]) AS wanted (source, external_id, id) USING (source, external_id)
     ORDER BY c.id = wanted.id LIMIT 1
"""
_REQUEST: Final = """
    SELECT principal, key_hmac, request_hmac FROM store.idempotency
     WHERE principal = ANY (%s) AND key_hmac = ANY (%s)
"""


def conflict(
    error: IntegrityError | OperationalError,
    pool: Pool,
    *,
    versions: Sequence[tuple[UUID, int]],
    claims: Sequence[Claim],
    idempotency: Sequence[IdempotencyRow],
) -> DomainError | None:
    """The domain error that tells a user what `error` means; None where it is no refusal but a fault.

    `versions` are the `(aggregate, version)` pairs that were to be appended.
    """
    cause = error.__cause__
    if isinstance(cause, psycopg2.errors.LockNotAvailable) and idempotency:
        return RequestInProgress()
    if not isinstance(cause, psycopg2.errors.UniqueViolation):
        return None
    match cause.diag.constraint_name:
        case "idempotency_pkey" if idempotency:
            return _key_taken(pool, idempotency)
        case "claim_pkey":
            return _claimed(pool, claims, versions)
        case "event_aggregate_version":
            return _changed(pool, versions)
        case _:
            return None


def _key_taken(pool: Pool, rows: Sequence[IdempotencyRow]) -> DomainError:
    """`KeyReused`, or `RequestInProgress` for the same request, whose answer is there by now."""
    asked = {(row.principal, row.key_hmac): row.request_hmac for row in rows}
    with pool.connection() as opened, opened.cursor() as cursor:
        cursor.execute(_REQUEST, ([row.principal for row in rows], [row.key_hmac for row in rows]))
        for principal, key, request in cursor.fetchall():
            wanted = asked.get((principal, bytes(key)))
            if wanted is not None and not hmac.compare_digest(bytes(request), wanted):
                return KeyReused()
    return RequestInProgress()


def _claimed(pool: Pool, claims: Sequence[Claim], versions: Sequence[tuple[UUID, int]]) -> DomainError | None:
    """`AlreadyClaimed`; `ConcurrentChange` where the record itself got the external id in between, by two
    who added the same: to say that it is taken, and by itself, would send its reader in a circle."""
    with pool.connection() as opened, opened.cursor() as cursor:
        cursor.execute(
            _CLAIMED,
            (
                [claim.source for claim in claims],
                [claim.external_id for claim in claims],
                [claim.id for claim in claims],
            ),
        )
        found = cursor.fetchone()
    if found is None:
        return None
    source, external_id, id, own = found
    changed = _changed(pool, versions) if own else None
    return changed or AlreadyClaimed(source=source, external_id=external_id, id=id)


def _changed(pool: Pool, versions: Sequence[tuple[UUID, int]]) -> DomainError | None:
    lowest: dict[UUID, int] = {}
    for id, version in versions:
        lowest[id] = min(version, lowest.get(id, version))
    with pool.connection() as opened, opened.cursor() as cursor:
        cursor.execute(_VERSIONS, (list(lowest),))
        for id, found in cursor.fetchall():
            if found >= lowest[id]:
                return ConcurrentChange(id=id, expected=lowest[id] - 1, found=found)
    return None
