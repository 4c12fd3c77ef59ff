"""SQL statements in files beside the code that runs them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from psycopg2.extensions import connection as Connection
from psycopg2.extras import register_uuid


@cache
def statement(file: Path) -> str:
    """Returns the text of a statement's file, which is read once."""
    return file.read_text()


def with_uuids(connection: Connection) -> Connection:
    """Makes the connection return and take `UUID` objects, and returns it."""
    register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    return connection
