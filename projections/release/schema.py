"""Creates the read side's objects in its database: control tables, a schema per version, shares, views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from domain.kernel.user_errors import EnvironmentProblem
from projections.control import versions
from projections.control.migrating import check, migrate
from projections.control.shares import RUNNING
from projections.registry import PROJECTIONS
from projections.release import views
from projections.runtime.projection import Projection

LOCK = 0x52504A31  # any number that nothing else locks: two installs at once would both create a schema
OPERATORS = "control.active, control.migration, control.rebuild, control.slice, control.operation"
"""Tables that only the owner changes."""
WORKER, READER, APP = "rapport_worker", "rapport_reader", "rapport_app"


class WrongShares(EnvironmentProblem):
    """The read side was made for another number of partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The result of an installation: `steps` of the control tables that ran; versions that are `live` at
    once; `candidates`, which wait for a rebuild; `dropped` ones, which an operator has removed and which stay
    so."""

    steps: tuple[int, ...] = ()
    live: tuple[Projection, ...] = ()
    candidates: tuple[Projection, ...] = ()
    dropped: tuple[Projection, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it made anything."""
        return bool(self.steps or self.live or self.candidates)


def install(url: str, projections: Sequence[Projection] = PROJECTIONS, *, partitions: int) -> Installation:
    """Brings the read side at `url` (of its owner) up to these projections; run again, it changes nothing.

    A new read model is live at once, with its newest version active. A further version of an existing read
    model is a candidate: it gets its tables, and waits for a rebuild. A version that an operator dropped is
        not
    made again. It is one transaction: all or nothing. Roles that do not exist get no grants. Raises
    `NewerReadSide`, and `WrongShares` if the shares were made for another number of partitions, since no
    share would have the same parties again.
    """
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as c:
            c.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            # Quiet: all objects may exist already.
            c.execute("SET LOCAL client_min_messages = warning")
            steps = migrate(c)
            active, gone = versions.active(c), versions.dropped(c)
            there = [p for p in projections if (p.name, p.version) not in gone]
            made = [p for p in there if _install_one(c, p, partitions, candidate=p.name in active)]
            for projection in there:
                if projection.version == versions.of(active, projection.name, there):
                    versions.activate(c, projection.name, projection.version)
                    views.show(c, projection, of=projections)
            grant(c, there)
    finally:
        connection.close()
    return Installation(
        steps=tuple(steps),
        live=tuple(p for p in made if p.name not in active),
        candidates=tuple(p for p in made if p.name in active),
        dropped=tuple(p for p in projections if p not in there),
    )


def taken(c: Cursor, name: str) -> bool:
    """Takes the lock `name` until the session ends. Returns False if another session has it."""
    c.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (LOCK, name))
    row = c.fetchone()
    return bool(row and row[0])


def make_again(c: Cursor, projection: Projection) -> bool:
    """Makes a dropped version a candidate again, in the caller's transaction. Returns False for any other.

    The version gets as many shares as the active one has.
    """
    c.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    if (projection.name, projection.version) not in versions.dropped(c):
        return False
    c.execute("SELECT count(DISTINCT partition) FROM control.share WHERE projection = %s", (projection.name,))
    row = c.fetchone()
    _install_one(c, projection, int(row[0]) if row else 0, candidate=True)
    grant(c, [projection])
    return True


def _install_one(c: Cursor, projection: Projection, partitions: int, *, candidate: bool) -> bool:
    """Makes the missing objects of a version. Returns whether any were missing."""
    c.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (projection.schema,))
    if c.fetchone() is None:
        c.execute((projection.folder / "schema.sql").read_text())
    c.execute(
        "SELECT count(*) FROM control.share WHERE projection = %s AND version = %s",
        (projection.name, projection.version),
    )
    row = c.fetchone()
    if row and row[0] not in (0, partitions):
        raise WrongShares(
            f"The projection {projection.name} version {projection.version} has {row[0]} shares, "
            f"but there are {partitions} partitions. Set the number of partitions back, or rebuild it "
            "into a new version."
        )
    c.execute(
        "INSERT INTO control.share (projection, version, partition, state) "
        "SELECT %s, %s, generate_series(0, %s), %s ON CONFLICT DO NOTHING",
        (projection.name, projection.version, partitions - 1, versions.CANDIDATE if candidate else RUNNING),
    )
    return c.rowcount > 0


def grant(c: Cursor, projections: Sequence[Projection]) -> None:
    """Grants the existing roles their rights on these versions' schemas and views."""
    schemas = sql.SQL(", ").join(map(sql.Identifier, ["control", *(p.schema for p in projections)]))
    shown = [view for p in projections for view in p.views if _is_there(c, view)]
    closed = {view for p in projections for view in p.closed_views}
    if _exists(c, WORKER):
        role = sql.Identifier(WORKER)
        c.execute(sql.SQL("GRANT USAGE ON SCHEMA {}, read TO {}").format(schemas, role))
        c.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {} TO {}").format(schemas, role)
        )
        _may_read(c, shown, role)
        # Only rows of ended workers and of applied parked events are ever deleted, none of read models.
        c.execute(sql.SQL("GRANT DELETE ON control.worker, control.held TO {}").format(role))
        c.execute(sql.SQL(f"REVOKE INSERT, UPDATE ON {OPERATORS} FROM {{}}").format(role))
    if _exists(c, APP):
        role = sql.Identifier(APP)
        c.execute(sql.SQL("GRANT USAGE ON SCHEMA {}, read TO {}").format(schemas, role))
        c.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(schemas, role))
        # It records the acts of operators as events, and marks them as recorded.
        c.execute(sql.SQL("GRANT UPDATE (recorded) ON control.operation TO {}").format(role))
        _may_read(c, shown, role)
    if _exists(c, READER):
        role = sql.Identifier(READER)
        c.execute(sql.SQL("GRANT USAGE ON SCHEMA read TO {}").format(role))
        _may_read(c, [view for view in shown if view not in closed], role)


def _may_read(c: Cursor, shown: Sequence[str], role: sql.Composable) -> None:
    """Grants view by view: other read models' views are unknown here, and some are closed."""
    if shown:
        names = sql.SQL(", ").join(sql.Identifier("read", view) for view in shown)
        c.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(names, role))


def _is_there(c: Cursor, view: str) -> bool:
    c.execute("SELECT to_regclass(format('read.%%I', %s::text)) IS NOT NULL", (view,))
    row = c.fetchone()
    return bool(row and row[0])


def _exists(c: Cursor, role: str) -> bool:
    c.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    return c.fetchone() is not None


def is_installed(connection: Connection) -> bool:
    """Whether the control tables exist."""
    with connection.cursor() as c:
        c.execute("SELECT to_regclass('control.share') IS NOT NULL")
        row = c.fetchone()
    return bool(row and row[0])


def check_step(url: str) -> None:
    """Raises `ReadSideProblem` unless the read side at `url` is at this program's step, or does not exist."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as c:
            check(c)
    finally:
        connection.close()
