"""The public views in `read`: the version they show, and how a change of version changes their columns.

The columns of a view are a contract: they are only ever appended, and never change their type. So if a newer
version once added a column, the view keeps it when it shows an older version again: as a typed NULL.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from domain.kernel.user_errors import FailureFound
from projections.runtime.projection import Projection

_VIEW: Final = re.compile(
    r"""^CREATE\ OR\ REPLACE\ VIEW\ read\.(?:"(\w+)"|(\w+))\ AS\s+(.*?);\s*$""", re.DOTALL | re.MULTILINE
)
_COMMENT: Final = re.compile(r"^--.*$", re.MULTILINE)

_COLUMNS: Final = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
     WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


class ViewsDiffer(FailureFound):
    """A version's views break the public contract. The text names the view and column."""


class Column(NamedTuple):
    """A column of a view and its SQL type."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """The change of one view when it shows another version. `empty` are other versions' columns, now NULL."""

    view: str
    before: tuple[Column, ...]
    after: tuple[Column, ...]
    empty: tuple[str, ...]
    statement: sql.Composable

    @property
    def added(self) -> tuple[str, ...]:
        """The new columns."""
        known = {column.name for column in self.before}
        return tuple(column.name for column in self.after if column.name not in known)


def definitions(projection: Projection) -> Mapping[str, str]:
    """Returns the SELECT of each of the version's views, by name, from its `views.sql`.

    Raises `ValueError` if the file has anything but `CREATE OR REPLACE VIEW read.<name> AS ...;`, or other
    views than the version declares.
    """
    text = (projection.folder / "views.sql").read_text()
    found = {match[1] or match[2]: match[3] for match in _VIEW.finditer(text)}
    left = _COMMENT.sub("", _VIEW.sub("", text)).strip()
    if left or set(found) != set(projection.views):
        raise ValueError(
            f"views.sql of {projection.schema} must make exactly {', '.join(projection.views)}, each by "
            f"CREATE OR REPLACE VIEW read.<name> AS ...; it makes {', '.join(found) or 'none'}"
            + (f", and has {left[:60]!r} besides" if left else "")
        )
    return found


def changes(c: Cursor, projection: Projection, *, of: Iterable[Projection] = ()) -> list[ColumnChange]:
    """Returns the change of each view of `read` if it showed this version. It changes nothing.

    `of` are the known versions of the same read model: a view that one of them made and this one does not
        have
    stays, without rows. Raises `ViewsDiffer`.
    """
    made = definitions(projection)
    found = [_change(c, name, body, projection) for name, body in made.items()]
    others = {view for other in of if other.name == projection.name for view in other.views} - set(made)
    for name in sorted(others):
        before = _columns(c, name)
        if before:
            found.append(_emptied(name, before))
    return found


def show(c: Cursor, projection: Projection, *, of: Iterable[Projection] = ()) -> list[ColumnChange]:
    """Makes `read` show this version, in the caller's transaction. Returns the changes."""
    found = changes(c, projection, of=of)
    for change in found:
        c.execute(change.statement)
    return found


def lock(c: Cursor, names: Iterable[str]) -> None:
    """Locks these views, all at once, until the transaction ends: a reader that has read one of them in its
    transaction must not see another version in the next one.

    The transaction's `lock_timeout` is for all of them together, so a reader of one view waits no longer than
    that for another. It does not use LOCK TABLE, which locks the tables under a view too: workers write
    those, and the lock on their shares would cause a deadlock.
    """
    c.execute("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'")
    row = c.fetchone()
    limit = row[0] if row else 0
    began = time.monotonic()
    for name in [name for name in sorted(names) if _columns(c, name)]:
        if limit:
            left = limit - int(1000 * (time.monotonic() - began))
            c.execute("SELECT set_config('lock_timeout', %s, true)", (f"{max(1, left)}ms",))
        c.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = format('read.%%I', %s::text)"
                  "::regclass", (name,))  # fmt: skip
        (owner,) = c.fetchone() or ("",)
        # It changes nothing, and takes an ACCESS EXCLUSIVE lock on the view alone.
        c.execute(
            sql.SQL("ALTER VIEW {} OWNER TO {}").format(sql.Identifier("read", name), sql.Identifier(owner))
        )
    c.execute("SELECT set_config('lock_timeout', %s, true)", (f"{limit}ms",))


def _change(c: Cursor, name: str, body: str, projection: Projection) -> ColumnChange:
    before = _columns(c, name)
    mine = _columns_of(c, body)
    kinds = {column.name: column.kind for column in mine}
    for column in before:
        kind = kinds.get(column.name, column.kind)
        if kind != column.kind:
            raise ViewsDiffer(
                f"The column {column.name} of read.{name} is {column.kind}, and version {projection.version} "
                f"of {projection.name} gives {kind}: a public column never changes its type. Cast it in "
                "views.sql, or give the new one another name."
            )
    known = {column.name for column in before}
    after = before + tuple(column for column in mine if column.name not in known)
    empty = tuple(column.name for column in before if column.name not in kinds)
    target = sql.Identifier("read", name)
    if after == mine:
        text = sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(target, sql.SQL(body))
    else:
        columns = sql.SQL(", ").join(
            sql.SQL("NULL::{} AS {}").format(sql.SQL(column.kind), sql.Identifier(column.name))
            if column.name in empty
            else sql.SQL("shown.{}").format(sql.Identifier(column.name))
            for column in after
        )
        text = sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} FROM ({}) AS shown").format(
            target, columns, sql.SQL(body)
        )
    return ColumnChange(name, before, after, empty, text)


def _emptied(name: str, before: tuple[Column, ...]) -> ColumnChange:
    columns = sql.SQL(", ").join(
        sql.SQL("NULL::{} AS {}").format(sql.SQL(column.kind), sql.Identifier(column.name))
        for column in before
    )
    text = sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} WHERE false").format(
        sql.Identifier("read", name), columns
    )
    return ColumnChange(name, before, before, tuple(column.name for column in before), text)


def _columns(c: Cursor, name: str) -> tuple[Column, ...]:
    """Returns the view's columns; none if it does not exist."""
    c.execute("SELECT format('read.%%I', %s::text)", (name,))
    row = c.fetchone()
    assert row is not None
    c.execute(_COLUMNS, (row[0],))
    return tuple(Column(*found) for found in c.fetchall())


def _columns_of(c: Cursor, body: str) -> tuple[Column, ...]:
    c.execute(sql.SQL("SELECT * FROM ({}) AS shown LIMIT 0").format(sql.SQL(body)))
    described = [(column.name, column.type_code) for column in c.description or ()]
    found = []
    for name, oid in described:
        c.execute("SELECT format_type(%s, NULL)", (oid,))
        row = c.fetchone()
        assert row is not None
        found.append(Column(name, row[0]))
    return tuple(found)


def refused(error: psycopg2.Error) -> bool:
    """Whether a lock was not free in time, so that the caller tries again."""
    return isinstance(error, psycopg2.errors.LockNotAvailable | psycopg2.errors.DeadlockDetected)
