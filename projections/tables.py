"""Reads and writes the rows of a read model: one query to load what a batch needs, COPY and one upsert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from operator import itemgetter
from typing import Any, Final

import orjson
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from projections.projection import Key, Projection, Row, Table

NULL: Final = "\\N"

# How a column is read so that it is spelled as in events (see `projection.Row`); others are read as they are.
_SPELLED: Final[Mapping[str, str]] = {
    "uuid": "{}::text",
    "numeric": "{}::text",
    "date": "{}::text",
    "timestamptz": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
}


class TableStore:
    """One table of a projection in PostgreSQL."""

    def __init__(self, projection: Projection, table: Table) -> None:
        self.table = table
        self._incoming = sql.Identifier("pg_temp", f"incoming_{projection.schema}_{table.name}")
        self._line = line_of(tuple(table.columns))
        names = list(table.columns)
        target = sql.Identifier(projection.schema, table.name)
        key = sql.Identifier(table.key)
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        self._create = sql.SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {name} (LIKE {target}) ON COMMIT DELETE ROWS"
        ).format(name=self._incoming, target=target)
        self._load = sql.SQL("SELECT {columns} FROM {target} WHERE {key} = ANY (%s::{kind}[])").format(
            columns=self.spelled_columns(table),
            target=target,
            key=key,
            kind=sql.SQL(table.columns[table.key]),
        )
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN").format(self._incoming, columns)
        # Of several versions of a row in one batch the last one stays.
        newest = sql.SQL("SELECT DISTINCT ON ({key}) {columns} FROM {incoming} ORDER BY {key}, version DESC")
        every = sql.SQL("SELECT {columns} FROM {incoming}")
        parts = {"key": key, "columns": columns, "incoming": self._incoming, "target": target}
        writes: list[sql.Composable] = [
            sql.SQL(
                "INSERT INTO {target} ({columns}) {source} ON CONFLICT ({key}) DO UPDATE SET {changes}"
            ).format(
                source=(newest if table.history else every).format(**parts),
                changes=sql.SQL(", ").join(
                    sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
                    for name in names
                    if name != table.key
                ),
                **parts,
            )
        ]
        if table.history:
            writes.append(
                sql.SQL("INSERT INTO {history} ({columns}) {source} ON CONFLICT DO NOTHING").format(
                    history=sql.Identifier(projection.schema, table.history),
                    source=every.format(**parts),
                    columns=columns,
                )
            )
        self._write = sql.SQL("; ").join(writes)
        self._clear = sql.SQL("DELETE FROM {}").format(self._incoming)

    @staticmethod
    def spelled_columns(table: Table) -> sql.Composable:
        """The columns for a SELECT that gives their values as folds see them."""
        return sql.SQL(", ").join(
            sql.SQL(_SPELLED.get(kind, "{}")).format(sql.Identifier(name))
            for name, kind in table.columns.items()
        )

    def prepare(self, c: Cursor) -> None:
        """Makes the session's temporary table; once per connection, in a transaction of its own."""
        c.execute("SET LOCAL client_min_messages = warning")
        c.execute(self._create)

    def load(self, c: Cursor, keys: Sequence[Key]) -> dict[Key, Row]:
        """The rows of these keys that exist."""
        c.execute(self._load, (list(keys),))
        names, key = tuple(self.table.columns), self.table.key
        rows = (dict(zip(names, values, strict=True)) for values in c.fetchall())
        return {row[key]: row for row in rows}

    def write(self, c: Cursor, rows: Iterable[Row], *, again: bool = False) -> None:
        """Upserts the rows; where the table has a history, gives it each of them and upserts the newest.

        `again` for a further call in the same transaction.
        """
        lines = self._line(rows)
        if not lines:
            return
        if again:
            c.execute(self._clear)
        c.copy_expert(self._copy, BytesIO(lines))
        c.execute(self._write)


def line_of(columns: Sequence[str]) -> Callable[[Iterable[Row]], bytes]:
    """A function that gives rows as the lines of COPY's text format."""
    values_of: Callable[[Row], tuple[Any, ...]] = (
        itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
    )

    def lines(rows: Iterable[Row]) -> bytes:
        values = [values_of(row) for row in rows]
        if not values:
            return b""
        joined = [
            "\t".join([v if v.__class__ is str else NULL if v is None else spelled(v) for v in line])
            for line in values
        ]
        text = "\n".join(joined) + "\n"
        # Escaping each value costs more than all the rest, and hardly any needs it: whether one does shows in
        # the counts of the characters that COPY reads as its own.
        nulls = sum([line.count(None) for line in values])
        if (
            text.count("\\") != nulls
            or text.count("\t") != len(values) * (len(columns) - 1)
            or text.count("\n") != len(values)
            or "\r" in text
        ):
            text = "".join("\t".join(map(_escaped, line)) + "\n" for line in values)
        return text.encode()

    return lines


def spelled(value: Any) -> str:
    """A value that is neither a string nor None, in PostgreSQL's spelling."""
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, (list, dict)):
        return orjson.dumps(value).decode()
    return str(value)


def _escaped(value: Any) -> str:
    if value is None:
        return NULL
    text = value if isinstance(value, str) else spelled(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
