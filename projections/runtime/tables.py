"""Reads and writes the rows of a read model: one query loads a batch's rows, COPY and one upsert write
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from projections.runtime.binary_copy import FORMAT, Cells, framed
from projections.runtime.projection import Key, Projection, Row, Table

# Expressions that spell a column's value as in events (see `projection.Row`); others are read unchanged.
_SPELLED: Final[Mapping[str, str]] = {
    "uuid": "{}::text",
    "numeric": "{}::text",
    "date": "{}::text",
    "timestamptz": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
}


PIECE_BYTES: Final = 1024 * 1024
"""Bytes of rows that the driver gets at a time."""


class TableStore:
    """One table of a projection in PostgreSQL; `cells` encodes its rows, and those of other tables."""

    def __init__(self, projection: Projection, table: Table, cells: Cells) -> None:
        self.table = table
        self._incoming = sql.Identifier("pg_temp", f"incoming_{projection.schema}_{table.name}")
        self.cells = cells.rows_of(table.columns)
        """Encodes rows for `send`; raises `EncodeError`."""
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
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN " + FORMAT).format(self._incoming, columns)
        # If a batch has several versions of a row, the last one stays.
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
        self._put = sql.SQL("DELETE FROM {0}; INSERT INTO {0} ({1}) VALUES %s").format(
            self._incoming, columns
        )
        self._values = "(" + ", ".join(f"%s::{kind}" for kind in table.columns.values()) + ")"

    @staticmethod
    def spelled_columns(table: Table) -> sql.Composable:
        """Returns the columns for a SELECT that spells values as folds see them."""
        return sql.SQL(", ").join(
            sql.SQL(_SPELLED.get(kind, "{}")).format(sql.Identifier(name))
            for name, kind in table.columns.items()
        )

    def prepare(self, c: Cursor) -> None:
        """Makes the session's temporary table; call it once per connection, in a transaction of its own."""
        c.execute("SET LOCAL client_min_messages = warning")
        c.execute(self._create)

    def load(self, c: Cursor, keys: Sequence[Key]) -> dict[Key, Row]:
        """Returns the existing rows with these keys."""
        c.execute(self._load, (list(keys),))
        names, key = tuple(self.table.columns), self.table.key
        rows = (dict(zip(names, values, strict=True)) for values in c.fetchall())
        return {row[key]: row for row in rows}

    def send(self, c: Cursor, cells: Sequence[bytes]) -> None:
        """Sends rows to the database, once in a transaction. It takes no lock of the table yet."""
        if cells:
            # In few pieces: before each one this thread waits for the interpreter's lock.
            c.copy_expert(self._copy, framed(cells), size=PIECE_BYTES)

    def merge(self, c: Cursor) -> None:
        """Upserts the rows that were sent. If the table has a history, it inserts all of them there and
        upserts the newest ones."""
        c.execute(self._write)

    def insert(self, c: Cursor, rows: Sequence[Row]) -> None:
        """Sends and merges rows, any number of times in a transaction.

        For a transaction that has locked rows already. The statement contains the values: during COPY no
        timeout ends the session of a process that is stopped, and others would wait for its locks. Raises
        `EncodeError` for a value that does not fit its column.
        """
        if rows:
            columns = self.table.columns.items()
            values = [[_text(row[name], kind) for name, kind in columns] for row in rows]
            execute_values(c, self._put, values, template=self._values, page_size=len(values))
            # The database refuses other values itself, but it would accept any value for a text column.
            self.cells(rows)
            self.merge(c)


def _text(value: Any, kind: str) -> str | None:
    """Returns a value as a text that PostgreSQL reads."""
    if value is None:
        return None
    return orjson.dumps(value).decode() if kind == "jsonb" else str(value)
