"""The active version of each read model, and the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from psycopg2.extensions import cursor as Cursor

from projections.runtime.projection import Projection

CANDIDATE: Final = "candidate"
"""The state of shares whose version waits for a rebuild: no worker claims them."""

_DROPPED: Final = """
    SELECT projection, version FROM (
        SELECT DISTINCT ON (projection, version) projection, version, act FROM control.operation
         WHERE act IN ('dropped', 'rebuild_started') ORDER BY projection, version, at DESC
    ) AS last
     WHERE act = 'dropped' AND NOT EXISTS (
        SELECT FROM control.share s WHERE s.projection = last.projection AND s.version = last.version)
"""


def active(c: Cursor) -> dict[str, int]:
    """Returns the active version of every installed read model."""
    c.execute("SELECT projection, version FROM control.active")
    return dict(c.fetchall())


def previous(c: Cursor, name: str) -> int | None:
    """Returns the version that was active before the active one."""
    c.execute("SELECT previous FROM control.active WHERE projection = %s", (name,))
    row = c.fetchone()
    return row[0] if row else None


def dropped(c: Cursor) -> frozenset[tuple[str, int]]:
    """Returns names and versions that an operator dropped and nobody has rebuilt since. Only a rebuild makes
    them again, although a release may still have their folders."""
    c.execute(_DROPPED)
    return frozenset(c.fetchall())


def without_tables(c: Cursor, projection: Projection) -> str | None:
    """Returns the sentence about a version without tables, before `rapport migrate`; None if it has them."""
    c.execute("SELECT to_regnamespace(%s) IS NULL", (projection.schema,))
    if c.fetchone() == (True,):
        return f"{projection.title} has no tables yet. Run `rapport migrate`, then try again."
    return None


def again(projection: Projection) -> str:
    """Returns the sentence about a dropped version: that it is gone, and how to make it again."""
    return (
        f"{projection.title} was dropped: its tables are gone. `rapport projection rebuild {projection.name} "
        f"--version {projection.version}` makes them again and builds it."
    )


def of(active: Mapping[str, int], name: str, projections: Iterable[Projection]) -> int:
    """Returns the active version of `name`; if it has none yet, the newest."""
    if name in active:
        return active[name]
    return max(projection.version for projection in projections if projection.name == name)


def activate(c: Cursor, name: str, version: int) -> None:
    """Makes the version the active one, and remembers the one before."""
    c.execute(
        "INSERT INTO control.active (projection, version) VALUES (%(name)s, %(version)s) "
        "ON CONFLICT (projection) DO UPDATE SET previous = control.active.version, version = %(version)s "
        "WHERE control.active.version <> %(version)s",
        {"name": name, "version": version},
    )


def forget_previous(c: Cursor, name: str) -> None:
    """Forgets the version before, so that no rollback is possible."""
    c.execute("UPDATE control.active SET previous = NULL WHERE projection = %s", (name,))
