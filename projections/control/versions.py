"""Which version of each read model is active, and which one was before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from psycopg2.extensions import cursor as Cursor

from projections.runtime.projection import Projection

CANDIDATE: Final = "candidate"
"""The state of shares whose version waits to be rebuilt: no worker claims them."""

_DROPPED: Final = """
    SELECT projection, version FROM (
        SELECT DISTINCT ON (projection, version) projection, version, act FROM control.operation
         WHERE act IN ('dropped', 'rebuild_started') ORDER BY projection, version, at DESC
    ) AS last
     WHERE act = 'dropped' AND NOT EXISTS (
        SELECT FROM control.share s WHERE s.projection = last.projection AND s.version = last.version)
"""


def active(c: Cursor) -> dict[str, int]:
    """The active version of every read model that is here."""
    c.execute("SELECT projection, version FROM control.active")
    return dict(c.fetchall())


def previous(c: Cursor, name: str) -> int | None:
    """The version that was active before the one that is now."""
    c.execute("SELECT previous FROM control.active WHERE projection = %s", (name,))
    row = c.fetchone()
    return row[0] if row else None


def dropped(c: Cursor) -> frozenset[tuple[str, int]]:
    """Names and versions that an operator dropped, and nobody has built again since: not there, and not to
    be made by the way, although a release may still have their folders."""
    c.execute(_DROPPED)
    return frozenset(c.fetchall())


def without_tables(c: Cursor, projection: Projection) -> str | None:
    """What to say of a version that `rapport migrate` has not made yet; None of one that has its tables."""
    c.execute("SELECT to_regnamespace(%s) IS NULL", (projection.schema,))
    if c.fetchone() == (True,):
        return f"{projection.title} has no tables yet. Run `rapport migrate`, then try again."
    return None


def again(projection: Projection) -> str:
    """What to say of a version that was dropped: that it is gone, and what brings it back."""
    return (
        f"{projection.title} was dropped: its tables are gone. `rapport projection rebuild {projection.name} "
        f"--version {projection.version}` makes them again and builds it."
    )


def of(active: Mapping[str, int], name: str, projections: Iterable[Projection]) -> int:
    """The active version of `name`; of a read model that has none yet, the newest."""
    if name in active:
        return active[name]
    return max(projection.version for projection in projections if projection.name == name)


def activate(c: Cursor, name: str, version: int) -> None:
    """Makes the version the active one; what was active before is remembered."""
    c.execute(
        "INSERT INTO control.active (projection, version) VALUES (%(name)s, %(version)s) "
        "ON CONFLICT (projection) DO UPDATE SET previous = control.active.version, version = %(version)s "
        "WHERE control.active.version <> %(version)s",
        {"name": name, "version": version},
    )


def forget_previous(c: Cursor, name: str) -> None:
    """There is no version to go back to."""
    c.execute("UPDATE control.active SET previous = NULL WHERE projection = %s", (name,))
