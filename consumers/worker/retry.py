"""Applies parked events again after an operator has removed their cause; the workers go on meanwhile.

It takes the shares of these parties from their workers and gives them back at the end. It applies each
aggregate's events in order, in one transaction that also removes them from the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import psycopg2
from psycopg2.extensions import connection as Connection

from consumers.kafka.topics import partition_of
from consumers.worker.writer import connect
from domain.events.registry import Registry
from domain.kernel.user_errors import FailureFound
from projections.control import operations
from projections.control.failures import Failure, failures
from projections.control.operating import TakenShares
from projections.control.shares import partition_count
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder, OpeningCipher
from projections.runtime.projection import Projection

LEASE_SECONDS: Final = 60.0
"""Seconds after which the shares of a retry that was killed are free again."""
AWAY: Final = (psycopg2.OperationalError, psycopg2.InterfaceError)


class RetryFailed(FailureFound):
    """The retry was not possible, or did not come to its end. Its text says how far it came and what to
    do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryResult:
    """The result: events applied, aggregates (or parties) freed, and who still waits, with the reason."""

    applied: int
    freed: int
    failures: tuple[Failure, ...]


def retry(
    projection: Projection,
    *,
    owner_url: str,
    registry: Registry,
    cipher: OpeningCipher | None = None,
    aggregate: UUID | None = None,
    by: str = "unknown",
    why: str | None = None,
    lease: float = LEASE_SECONDS,
) -> RetryResult:
    """Applies parked events again: all, or those of one `aggregate`. It records who did so (`by`) and `why`.

    `owner_url` is the read side as its owner, since workers may not record what operators do. `cipher` opens
    private values if the read model needs them. An event that fails again stays parked with its new error.
    A worker goes on with the shares a few seconds afterwards. Raises `RetryFailed` if an operator or another
    retry has the shares, and the errors of database and key store; aggregates applied before that stay
    applied.
    """
    applier = Applier(projection, Decoder(registry, cipher))
    with closing(connect(owner_url, f"rapport retry {projection.name}", lease)) as connection:
        with connection, connection.cursor() as c:
            waiting = failures(c, projection.name, projection.version, aggregate=aggregate)
        if not waiting:
            return RetryResult(applied=0, freed=0, failures=())
        with connection, connection.cursor() as c:
            applier.prepare(c)
        applied = 0
        with _shares(connection, projection, {failure.party for failure in waiting}, lease) as taken:
            with connection, connection.cursor() as c:
                applier.forget(c)
            for failure in waiting:
                with connection, connection.cursor() as c:
                    if not taken.keep(c):
                        raise RetryFailed(
                            f"The shares of {projection.schema} were taken over in the middle: {applied} "
                            "events were applied. Run it again."
                        )
                    applied += applier.drain(c, failure.aggregate_id, failure.party)[0]
        with connection, connection.cursor() as c:
            left = failures(c, projection.name, projection.version, aggregate=aggregate)
            details = {"applied": applied, "aggregate": str(aggregate) if aggregate else None}
            operations.note(
                c, "retried", projection.name, projection.version, by=by, reason=why, details=details
            )
    return RetryResult(applied=applied, freed=max(0, len(waiting) - len(left)), failures=tuple(left))


@contextmanager
def _shares(
    connection: Connection, projection: Projection, parties: set[str], lease: float
) -> Iterator[TakenShares]:
    """Takes the parties' shares from their workers, and gives them back whatever happens."""
    taken = TakenShares(projection, uuid4(), lease)
    with connection, connection.cursor() as c:
        every = partition_count(c, projection)
        wanted: Mapping[int, str] = {partition_of(party, every): party for party in parties}
        if not taken.take(c, list(wanted)):
            raise RetryFailed(
                f"{projection.schema} can't be retried now: it is being built or verified. See "
                "`rapport projection status`, and run it again when that has ended."
            )
    try:
        yield taken
    finally:
        # A broken session gives no share back: the lease runs out by itself.
        if not connection.closed:
            with suppress(*AWAY), connection, connection.cursor() as c:
                taken.give_back(c)
