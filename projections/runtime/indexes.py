"""Removes keys and indexes from a version's tables while they are filled, and makes them again afterwards.

It takes half the time to fill bare tables and to index them last. The statements that make the keys and
indexes again come from the catalogue; the caller keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from projections.runtime.projection import Projection

Part = Mapping[str, str]
"""A key or an index: `kind` (constraint, index), `name` as it is looked up, `table`, and the statements
`drop` and `make`."""

# Keys first: the other indexes are made beside each other, and the largest should not come last.
_PARTS: Final = """
    SELECT 'constraint', k.conname, k.conrelid::regclass::text,
           format('ALTER TABLE %%s DROP CONSTRAINT %%I', k.conrelid::regclass, k.conname),
           format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', k.conrelid::regclass, k.conname,
                  pg_get_constraintdef(k.oid))
      FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
     WHERE n.nspname = %(schema)s AND k.contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, i.indrelid::regclass::text,
           format('DROP INDEX %%s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
      FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE n.nspname = %(schema)s AND t.relkind = 'r'
       AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
"""


def tables(projection: Projection) -> list[str]:
    """Returns the names of the version's tables, histories included."""
    found = [table.name for table in projection.tables]
    return found + [table.history for table in projection.tables if table.history]


def empty(c: Cursor, projection: Projection) -> None:
    """Empties the version's tables."""
    names = sql.SQL(", ").join(sql.Identifier(projection.schema, name) for name in tables(projection))
    c.execute(sql.SQL("TRUNCATE {}").format(names))


def strip(c: Cursor, projection: Projection) -> Sequence[Part]:
    """Removes keys and indexes. Returns the statements that make them again."""
    # With an empty path names include their schema, so that the statements work in any session.
    c.execute("SET LOCAL search_path = ''")
    c.execute(_PARTS, {"schema": projection.schema})
    found = [dict(zip(("kind", "name", "table", "drop", "make"), row, strict=True)) for row in c.fetchall()]
    for part in found:
        c.execute(part["drop"])
    return found


def bring_back(c: Cursor, part: Part) -> bool:
    """Makes a key or an index unless it exists. Returns whether it made it."""
    if part["kind"] == "constraint":
        c.execute(
            "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s)",
            (part["table"], part["name"]),
        )
    else:
        c.execute("SELECT to_regclass(%s) IS NOT NULL", (part["name"],))
    row = c.fetchone()
    if row and row[0]:
        return False
    c.execute(part["make"])
    return True
