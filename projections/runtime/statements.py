"""SQL statements that stand in files beside the code that runs them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg2.extensions import connection as Connection
from psycopg2.extras import register_uuid


@cache
def statement(file: Path) -> str:
    """The text of a statement's file, read once."""
    return file.read_text()


def with_uuids(connection: Connection) -> Connection:
    """The same connection, which from now on gives and takes `UUID` objects."""
    register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    return connection
