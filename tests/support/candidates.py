"""Candidates of a rebuild: installed, filled, and what is in their tables."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg2

from consumers.rebuild.rebuild import begin
from consumers.rebuild.run import carry_on
from projections.control import versions
from projections.release.schema import install
from projections.runtime.projection import Projection
from tests.support.database import PARTITIONS
from tests.support.read_side import normal, table_rows
from tests.support.rebuilding import Rebuilding
from tests.support.store import execute


def as_candidates(world: Rebuilding, *projections: Projection) -> None:
    """Installs them beside a version that is active and not theirs."""
    with closing(psycopg2.connect(world.urls.owner)) as connection, connection, connection.cursor() as c:
        install(world.urls.owner, [], partitions=PARTITIONS)
        for projection in projections:
            versions.activate(c, projection.name, 99)
    world.install(*projections)


def filled(world: Rebuilding, projection: Projection, **how: Any) -> None:
    """The candidate, rebuilt up to the hand-over."""
    begin(projection, world.places, by="tester", **how)
    carry_on(projection, world.places, workers=1)


def rows_of(world: Rebuilding, projection: Projection) -> Any:
    """What its tables hold."""
    with closing(psycopg2.connect(world.urls.admin)) as connection:
        return normal(table_rows(connection, projection))


def indexes(world: Rebuilding, projection: Projection) -> list[tuple[Any, ...]]:
    """Every key and index of the version."""
    return execute(
        world.urls.admin,
        "SELECT indexdef FROM pg_indexes WHERE schemaname = %s UNION ALL "
        "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = %s::regnamespace ORDER BY 1",
        (projection.schema, projection.schema),
    )
