"""What keeps the API from serving, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import psycopg2

from commands.store.pool import PoolBusy
from commands.store.schema import STORE, OlderSchema, SchemaProblem, refuse_newer
from projections import registry
from projections.control import versions
from projections.release.schema import is_installed

if TYPE_CHECKING:
    from deploy.wiring.wiring import Wiring


def withheld(wired: Wiring) -> Sequence[str]:
    """Why the API may give nothing personal: the store may lack an erasure that the topics have, or one is
    not applied yet."""
    try:
        needed = _recovery(wired)
    except (psycopg2.Error, PoolBusy):
        return ["The event store does not answer. Check PostgreSQL and RAPPORT_STORE_URL."]
    return [needed] if needed is not None else wired.applied.missing()


def lacking(wired: Wiring) -> Sequence[str]:
    """The active versions that this program lacks, since it is an older release. Requests that need them get
    503, all others are served. Empty where the read side does not answer."""
    try:
        with wired.read_pool.connection() as connection, connection.cursor() as c:
            found = versions.active(c)
    except (psycopg2.Error, PoolBusy):
        return []
    return [f"{name} version {number}" for name, number in found.items() if not registry.has(name, number)]


def _recovery(wired: Wiring) -> str | None:
    """Why the store needs a recovery. A restore may bring back erased persons, so the API checks erasures
    anew."""
    needed = wired.incarnation.found()
    if needed is not None:
        wired.applied.begin_anew()
    return needed


def not_ready(wired: Wiring) -> Sequence[str]:
    """The reasons; empty when the API can serve."""
    reasons = []
    try:
        with wired.store_pool.connection() as connection:
            found = refuse_newer(connection, STORE)
        if found is None or found < STORE.newest:
            raise OlderSchema(STORE, found)
        needed = _recovery(wired)
        if needed is not None:
            reasons.append(needed)
    except SchemaProblem as problem:
        reasons.append(str(problem))
    except (psycopg2.Error, PoolBusy):
        reasons.append("The event store does not answer. Check PostgreSQL and RAPPORT_STORE_URL.")
    try:
        with wired.read_pool.connection() as connection:
            if not is_installed(connection):
                reasons.append("The read side has not been made yet. Run `rapport migrate`.")
    except (psycopg2.Error, PoolBusy):
        reasons.append("The read side does not answer. Check PostgreSQL and RAPPORT_READ_URL.")
    return reasons or wired.applied.missing()
