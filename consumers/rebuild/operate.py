"""An operator pauses, resumes or aborts a rebuild, and pauses or resumes the workers of a version."""

from __future__ import annotations

from contextlib import closing

from psycopg2.extensions import cursor as Cursor

from consumers.rebuild.fill import connect_owner
from consumers.rebuild.rebuild import NONE, Endpoints, RebuildRefused
from projections.control import operating, operations, rebuilds, versions
from projections.control.rebuilds import CATCHING_UP, FILLING, PAUSED, READY, Rebuild
from projections.control.shares import RUNNING
from projections.runtime.projection import Projection


def pause(projection: Projection, endpoints: Endpoints, *, by: str, why: str | None = None) -> Rebuild:
    """Stops the rebuild until `resume`: it ends the slice under way and begins no other."""
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        rebuild = _open(c, projection)
        if rebuild.state not in (FILLING, CATCHING_UP, READY):
            raise RebuildRefused(f"The rebuild of {projection.title} is {rebuild.state}: it can't be paused.")
        reason = (
            f"{by} paused it"
            + (f": {why.rstrip('.')}. " if why else ". ")
            + "Go on with `rapport projection "
            f"resume {projection.name} --version {projection.version}`."
        )
        rebuilds.change(c, rebuild.id, PAUSED, reason)
        c.execute("UPDATE control.rebuild SET paused = %s WHERE id = %s", (rebuild.state, str(rebuild.id)))
        rebuilds.set_shares(c, projection.name, projection.version, PAUSED, reason)
        operations.note(c, "paused", projection.name, projection.version, by=by, reason=why)
        return _open(c, projection)


def resume(projection: Projection, endpoints: Endpoints, *, by: str, why: str | None = None) -> Rebuild:
    """Resumes a paused rebuild; if it was being filled, it waits for `carry_on`."""
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        rebuild = _open(c, projection)
        if rebuild.state != PAUSED or rebuild.paused is None:
            raise RebuildRefused(f"The rebuild of {projection.title} is not paused but {rebuild.state}.")
        c.execute(
            "UPDATE control.rebuild SET state = paused, paused = NULL, reason = NULL WHERE id = %s",
            (str(rebuild.id),),
        )
        filling = rebuild.paused == FILLING
        rebuilds.set_shares(
            c, projection.name, projection.version, FILLING if filling else RUNNING,
            "It is being filled." if filling else None,
        )  # fmt: skip
        operations.note(c, "resumed", projection.name, projection.version, by=by, reason=why)
        return _open(c, projection)


def abort(projection: Projection, endpoints: Endpoints, *, by: str, why: str | None = None) -> None:
    """Ends the rebuild for good. Its rows stay, unused, until the version is rebuilt or dropped."""
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        rebuild = _open(c, projection)
        if versions.active(c).get(projection.name) == projection.version:
            raise RebuildRefused(
                f"{projection.title} is the active one: its rebuild has done its work. Go back with `rapport "
                f"projection rollback {projection.name}`."
            )
        reason = f"{by} aborted it while it was {rebuild.state.replace('_', ' ')}" + (
            f": {why.rstrip('.')}." if why else "."
        )
        rebuilds.abort(c, projection.name, projection.version, reason)
        operations.note(c, "aborted", projection.name, projection.version, by=by, reason=why)


def opened(projection: Projection, endpoints: Endpoints) -> Rebuild | None:
    """Returns the rebuild of this version that has not ended."""
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        return rebuilds.open_one(c, projection.name, projection.version)


def versions_of(endpoints: Endpoints, name: str) -> tuple[int | None, int | None]:
    """Returns the active version of a read model, and the version that is being rebuilt; each may be None."""
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        active = versions.active(c).get(name)
        c.execute(
            "SELECT max(version) FROM control.rebuild WHERE projection = %s AND ended_at IS NULL "
            "AND version IS DISTINCT FROM %s",
            (name, active),
        )
        row = c.fetchone()
    return active, row[0] if row else None


def pause_shares(projection: Projection, endpoints: Endpoints, *, by: str, why: str | None = None) -> int:
    """Stops the workers of a version, also of the active one, until `resume_shares`. Returns the number of
    shares that it paused.

    Raises `RebuildRefused` if no share is worked on.
    """
    with (
        closing(connect_owner(endpoints.owner_url, "rapport operations")) as owner,
        owner,
        owner.cursor() as c,
    ):
        paused = operating.pause(c, projection.name, projection.version, why or "no reason given", by)
        if not paused:
            raise RebuildRefused(
                f"No share of {projection.title} is worked on, so there is nothing to pause. See "
                "`rapport projection status`."
            )
        operations.note(c, "paused", projection.name, projection.version, by=by, reason=why)
        return paused


def resume_shares(projection: Projection, endpoints: Endpoints, *, by: str, why: str | None = None) -> int:
    """Lets the workers of a version go on. Returns the number of resumed shares. Raises `RebuildRefused` if
    no share is paused."""
    with (
        closing(connect_owner(endpoints.owner_url, "rapport operations")) as owner,
        owner,
        owner.cursor() as c,
    ):
        resumed = operating.resume(c, projection.name, projection.version)
        if not resumed:
            raise RebuildRefused(f"No share of {projection.title} is paused.")
        operations.note(c, "resumed", projection.name, projection.version, by=by, reason=why)
        return resumed


def _open(c: Cursor, projection: Projection) -> Rebuild:
    rebuild = rebuilds.open_one(c, projection.name, projection.version, lock=True)
    if rebuild is None:
        raise RebuildRefused(NONE.format(projection=projection))
    return rebuild
