"""Changes the public version: plan, swap, roll back, drop. Each is one transaction.

The change locks a view for a moment. If a reader has it in a long transaction, the swap tries again
(`lock_retry.py`), so that other readers need not wait. The new version must have caught up with the active
one (`catch_up.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from projections.control import operations, rebuilds, versions
from projections.control.rebuilds import READY, SWAPPED, VERIFIED, Rebuild
from projections.release import views
from projections.release.catch_up import hold_level, refuse_parked_alone, wait_level
from projections.release.lock_retry import SwapRefused, attempt
from projections.release.schema import grant
from projections.release.views import ColumnChange
from projections.runtime.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The effects of a swap to `version`; `id` is a hash of all of them."""

    id: str
    projection: str
    active: int
    version: int
    state: str
    verified: bool
    views: tuple[ColumnChange, ...]
    back: tuple[ColumnChange, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the plan for machines."""
        return {
            "id": self.id, "projection": self.projection, "active": self.active, "version": self.version,
            "state": self.state, "verified": self.verified,
            "views": [_told(change) for change in self.views], "rollback": [_told(c) for c in self.back],
        }  # fmt: skip


def plan(url: str, candidate: Projection, known: Sequence[Projection]) -> Plan:
    """Tries the swap and the rollback in a transaction that it rolls back. It tries only once, since each
    attempt blocks readers for a moment.

    `url` is the owner's; `known` are all versions of this program. Raises `ViewsDiffer`, or `SwapRefused`,
    also if a reader blocks the views.
    """

    def try_it(c: Cursor) -> Plan:
        made = _plan(c, candidate, known)
        c.execute("ROLLBACK")
        return made

    return attempt(url, try_it, _names(candidate.name, known), wait_seconds=0)


def swap(
    url: str,
    candidate: Projection,
    known: Sequence[Projection],
    *,
    by: str,
    why: str | None,
    plan: str | None,
) -> Plan:
    """Makes a verified candidate the active version. With `plan`, only if that plan is still right.

    Raises `SwapRefused` without a passed verification, if the candidate is behind or has parked events that
    the active version has applied, and if versions or views have changed since the plan was made.
    """
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as c:
        _refuse_unverified(c, candidate)  # before any wait
    wait_level(url, candidate)

    def do(c: Cursor) -> Plan:
        _refuse_unverified(c, candidate)
        # Before it locks the views: it may wait for workers here, and no reader must wait with it.
        hold_level(c, candidate)
        refuse_parked_alone(c, candidate)
        made = _plan(c, candidate, known)
        if plan is not None and plan != made.id:
            raise SwapRefused(
                f"The plan {plan} is not what a swap to {candidate.title} would do now: versions, "
                "verification or views have changed since. Look at the new plan, "
                f"{made.id}: `rapport projection plan {candidate.name}`."
            )
        rebuild = _rebuild(c, candidate)
        assert rebuild is not None
        c.execute("ROLLBACK TO SAVEPOINT tried")
        _show(c, candidate, known)
        rebuilds.change(c, rebuild.id, SWAPPED)
        operations.note(
            c, "swapped", candidate.name, candidate.version, by=by, reason=why,
            details={"from": made.active, "plan": made.id},
        )  # fmt: skip
        return made

    return attempt(url, do, _names(candidate.name, known))


def rollback(
    url: str, name: str, known: Sequence[Projection], *, by: str, why: str | None
) -> tuple[int, int]:
    """Makes the version from before the swap active again. Returns (from, to).

    Raises `SwapRefused` if no such version exists, or its folder is gone.
    """
    back = _back(url, name, known)
    wait_level(url, back)

    def do(c: Cursor) -> tuple[int, int]:
        now = versions.active(c)[name]
        if versions.previous(c, name) != back.version:
            raise SwapRefused(
                f"The versions of {name} have been changed meanwhile. Look at its status again."
            )
        hold_level(c, back)
        _show(c, back, known)
        versions.forget_previous(c, name)
        left = rebuilds.open_one(c, name, now, lock=True)
        if left is not None:
            rebuilds.change(c, left.id, READY, f"It was active until it was rolled back by {by}.")
        operations.note(c, "rolled_back", name, now, by=by, reason=why, details={"to": back.version})
        return now, back.version

    return attempt(url, do, _names(name, known))


def drop(url: str, name: str, version: int, *, by: str, why: str | None) -> None:
    """Removes a version that is not active, with its rows and shares. Its folder may go afterwards.

    Raises `SwapRefused` for the active version, and for one that a view still reads.
    """

    def do(c: Cursor) -> None:
        active = versions.active(c)
        if name not in active:
            raise SwapRefused(f"There is no read model {name}. See `rapport projection list`.")
        if active[name] == version:
            raise SwapRefused(
                f"{name} version {version} is the active one, from which readers read. Swap to another "
                "version, or roll back, before you drop it."
            )
        rebuild = rebuilds.open_one(c, name, version, lock=True)
        if rebuild is not None and rebuild.state in (rebuilds.FILLING, rebuilds.VERIFYING):
            raise SwapRefused(
                f"{name} version {version} is {rebuild.state} at this moment. Abort that first: `rapport "
                f"projection abort {name} --version {version}`."
            )
        schema = f"{name}_v{version}"
        c.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (schema,))
        tables = [row[0] for row in c.fetchall()]
        if not tables and not _has_shares(c, name, version):
            raise SwapRefused(f"{name} version {version} has no tables here: there is nothing to drop.")
        if tables:
            try:
                # RESTRICT: no view that reads it, of whatever owner, must vanish with it.
                c.execute(sql.SQL("DROP TABLE {} RESTRICT").format(
                    sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
                ))  # fmt: skip
            except psycopg2.errors.DependentObjectsStillExist as error:
                raise SwapRefused(
                    f"Something still reads {name} version {version}: {error.diag.message_detail}. Remove "
                    "that first."
                ) from error
        c.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        for table in ("share", "held", "worker"):
            c.execute(
                sql.SQL("DELETE FROM {} WHERE projection = %s AND version = %s").format(
                    sql.Identifier("control", table)
                ),
                (name, version),
            )
        if versions.previous(c, name) == version:
            versions.forget_previous(c, name)
        if rebuild is not None:
            rebuilds.change(c, rebuild.id, rebuilds.DROPPED)
        operations.note(c, "dropped", name, version, by=by, reason=why)

    attempt(url, do)


def _plan(c: Cursor, candidate: Projection, known: Sequence[Projection]) -> Plan:
    """Tries the plan and returns it. The caller must roll back afterwards, to the savepoint `tried` or
    wholly."""
    active = versions.active(c).get(candidate.name)
    if active is None:
        raise SwapRefused(f"{candidate.name} is not installed. Run `rapport migrate`.")
    if active == candidate.version:
        raise SwapRefused(f"{candidate.title} is the active one already.")
    _refuse_dropped(c, candidate)
    if missing := versions.without_tables(c, candidate):
        raise SwapRefused(missing)
    rebuild = _rebuild(c, candidate)
    before = next((p for p in known if (p.name, p.version) == (candidate.name, active)), None)
    c.execute("SAVEPOINT tried")
    views.lock(c, _names(candidate.name, known))
    there = views.show(c, candidate, of=known)
    gone = [change.view for change in there if change.view not in candidate.views and before
            and change.view in before.views]  # fmt: skip
    if gone:
        raise views.ViewsDiffer(
            f"{candidate.title} has no view {', '.join(f'read.{name}' for name in gone)}, which version "
            f"{active} has: public views do not vanish. Give it the view."
        )
    back = views.show(c, before, of=known) if before is not None else []
    state = rebuild.state if rebuild is not None else versions.CANDIDATE
    content = {
        "projection": candidate.name, "active": active, "version": candidate.version,
        "rebuild": str(rebuild.id) if rebuild else None, "state": state,
        "verified": str(rebuild.verified_at) if rebuild else None,
        "views": [_told(change) for change in there],
    }  # fmt: skip
    return Plan(
        id=hashlib.sha256(orjson.dumps(content)).hexdigest()[:12],
        projection=candidate.name,
        active=active,
        version=candidate.version,
        state=state,
        verified=state == VERIFIED,
        views=tuple(there),
        back=tuple(back),
    )


def _refuse_unverified(c: Cursor, candidate: Projection) -> None:
    if versions.active(c).get(candidate.name) == candidate.version:
        raise SwapRefused(f"{candidate.title} is the active one already.")
    _refuse_dropped(c, candidate)
    rebuild = _rebuild(c, candidate)
    if rebuild is None:
        raise SwapRefused(
            f"{candidate.title} is not built: no rebuild of it was begun, or the last one was given up. "
            f"Begin one with `rapport projection rebuild {candidate.name} --version {candidate.version}`."
        )
    if rebuild.state != VERIFIED:
        raise SwapRefused(
            f"{candidate.title} has not passed its verification (it is {rebuild.state.replace('_', ' ')}). "
            f"Run `rapport projection verify {candidate.name} --version {candidate.version}` first."
        )


def _refuse_dropped(c: Cursor, candidate: Projection) -> None:
    if (candidate.name, candidate.version) in versions.dropped(c):
        raise SwapRefused(versions.again(candidate))


def _show(c: Cursor, projection: Projection, known: Sequence[Projection]) -> None:
    views.lock(c, _names(projection.name, known))
    views.show(c, projection, of=known)
    versions.activate(c, projection.name, projection.version)
    grant(c, [projection])


def _back(url: str, name: str, known: Sequence[Projection]) -> Projection:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as c:
        version = versions.previous(c, name)
    if version is None:
        raise SwapRefused(f"No version of {name} was active before this one: there is nothing to go back to.")
    for projection in known:
        if (projection.name, projection.version) == (name, version):
            return projection
    raise SwapRefused(
        f"This program has no folder of {name} version {version} any more. Run the release that has it."
    )


def _rebuild(c: Cursor, projection: Projection) -> Rebuild | None:
    return rebuilds.open_one(c, projection.name, projection.version, lock=True)


def _has_shares(c: Cursor, name: str, version: int) -> bool:
    c.execute("SELECT 1 FROM control.share WHERE projection = %s AND version = %s LIMIT 1", (name, version))
    return c.fetchone() is not None


def _names(name: str, known: Sequence[Projection]) -> set[str]:
    return {view for projection in known if projection.name == name for view in projection.views}


def _told(change: ColumnChange) -> dict[str, Any]:
    return {
        "view": change.view,
        "columns": [list(column) for column in change.after],
        "added": list(change.added),
        "empty": list(change.empty),
    }
