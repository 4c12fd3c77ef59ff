"""Finds what the read models still show of erased persons: in all versions with tables, and in parked
events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from projections import registry
from projections.control import versions

_VERSIONS: Final = """
    SELECT projection, version, min(position) FROM control.share GROUP BY projection, version ORDER BY 1, 2
"""
# Parked events have ciphertext, like the store. Their number is reported all the same.
_PARKED: Final = """
    SELECT count(DISTINCT position) FROM control.held
     WHERE projection = %s AND version = %s AND (party = ANY (%s::uuid[]) OR aggregate_id = ANY (%s::uuid[]))
"""
_SHOWN: Final = """
    SELECT count(*), count(*) FILTER (
        WHERE NOT erased OR name IS NOT NULL OR email IS NOT NULL OR phone IS NOT NULL OR points <> '[]'
           OR search <> '')
      FROM {} WHERE id = ANY (%s::uuid[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTraces:
    """One version of a read model: its position, its `rows` of the persons (None if it has no clear values at
    all), those of them that still show one (`shown`), and their parked events."""

    projection: str
    version: int
    position: int
    rows: int | None
    shown: int
    parked: int


def showing(connection: Connection, persons: Sequence[UUID]) -> list[str]:
    """Returns the titles of the active versions that still show values of these erased persons: they have not
    come to the erasure yet, or were restored from a backup before it."""
    ids = [str(person) for person in persons]
    found = []
    with connection.cursor() as c:
        for name, version in sorted(versions.active(c).items()):
            projection = registry.named(name, version)
            if projection.private:
                c.execute(sql.SQL(_SHOWN).format(sql.Identifier(projection.schema, "person")), (ids,))
                if c.fetchall()[0][1]:
                    found.append(projection.title)
    return found


def remembered(connection: Connection, persons: Sequence[UUID]) -> list[PersonTraces]:
    """Returns every version that has shares, with what it shows of these persons."""
    ids = [str(person) for person in persons]
    found = []
    with connection.cursor() as c:
        c.execute(_VERSIONS)
        for name, version, position in c.fetchall():
            c.execute(_PARKED, (name, version, ids, ids))
            parked = int(c.fetchall()[0][0])
            rows, shown = None, 0
            table = f"{name}_v{version}"
            if registry.named(name, version).private:
                c.execute(sql.SQL(_SHOWN).format(sql.Identifier(table, "person")), (ids,))
                rows, shown = c.fetchall()[0]
            found.append(
                PersonTraces(
                    projection=name, version=version, position=position, rows=rows, shown=shown, parked=parked
                )
            )
    return found
