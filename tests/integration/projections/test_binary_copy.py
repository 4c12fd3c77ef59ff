"""Rows as binary COPY has them are what PostgreSQL reads from the same values as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from projections.runtime import binary_copy as cells
from projections.runtime.binary_copy import Cells, EncodeError
from projections.runtime.projection import Row

instants = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")
numbers = (
    st.decimals(allow_nan=False, allow_infinity=False, places=None)
    .map(str)
    .filter(lambda text: "E" not in text or len(text) < 12)
)
NUMBERS: Final = ["0", "-0", "0.00", "10000", "0.0001", "00012.50", "1e3", "-1.5E-3"]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
VALUES: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "uuid": st.uuids().map(str),
    "text": texts | st.sampled_from(["null", "\\N", "\\.", "a,b", "a\tb\nc\r", '"', "\\"]),
    "timestamptz": instants,
    "date": st.dates().map(str),
    "numeric": numbers | st.sampled_from(NUMBERS),
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "jsonb": documents.filter(lambda document: document is not None),
}
COLUMNS: Final = {f"a_{kind}": kind for kind in VALUES}
rows = st.fixed_dictionaries({f"a_{kind}": st.none() | values for kind, values in VALUES.items()})


@pytest.fixture(scope="module")
def connection(postgres: Any) -> Iterator[Connection]:
    with closing(psycopg2.connect(postgres.admin_url)) as opened:
        with opened.cursor() as c:
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
            c.execute(f"CREATE TEMPORARY TABLE found ({columns})")
        yield opened


def copied(connection: Connection, given: Sequence[Row]) -> list[tuple[Any, ...]]:
    """What PostgreSQL makes of these rows, each column as its own text."""
    return taken(connection, Cells().rows_of(COLUMNS)(given))


def taken(connection: Connection, made: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """What it makes of rows in its binary format."""
    with connection.cursor() as c:
        c.execute("TRUNCATE found")
        binary = BytesIO(cells.BEGINNING + b"".join(made) + cells.END)
        c.copy_expert(f"COPY found FROM STDIN {cells.FORMAT}", binary)
        c.execute(f"SELECT {', '.join(f'{name}::text' for name in COLUMNS)} FROM found")
        return c.fetchall()


def read(connection: Connection, row: Row) -> tuple[Any, ...]:
    """What PostgreSQL reads from the values as text."""
    values = {
        name: orjson.dumps(row[name]).decode() if kind == "jsonb" and row[name] is not None else row[name]
        for name, kind in COLUMNS.items()
    }
    with connection.cursor() as c:
        casts = ", ".join(f"(%({name})s::text)::{kind}::text" for name, kind in COLUMNS.items())
        c.execute(f"SELECT {casts}", {name: v if v is None else str(v) for name, v in values.items()})
        found = c.fetchone()
        assert found is not None
        return tuple(found)


@given(given=st.lists(rows, min_size=1, max_size=3))
def test_a_row_of_cells_is_what_postgresql_reads_from_the_text(
    connection: Connection, given: list[Row]
) -> None:
    """For any value of each type, null among them, and for several rows after each other."""
    assert copied(connection, given) == [read(connection, row) for row in given]


def test_remembered_values_are_forgotten_and_made_again(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "REMEMBERED", 4)
    given = [
        dict.fromkeys(COLUMNS)
        | {"a_int": number, "a_text": f"text {number}", "a_uuid": str(UUID(int=number))}
        for number in range(30)
    ]
    given[::3] = [dict.fromkeys(COLUMNS) for _ in given[::3]]  # no value is one that is remembered too
    make = Cells().rows_of(COLUMNS)
    made = [cell for at in range(0, len(given), 3) for cell in make(given[at : at + 3])]
    assert taken(connection, made) == [read(connection, row) for row in given]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uuid", "no id"), ("uuid", "00000000-0000-0000-0000-0000000000"), ("uuid", 5), ("uuid", ["a"]),
        ("uuid", "00000000 0000 0000 0000 000000000000"), ("text", 5), ("text", ["a"]), ("text", "\ud800"),
        ("timestamptz", "yesterday"), ("timestamptz", "2026-01-02T03:04:05"), ("timestamptz", 5),
        ("date", "2026-02-30"), ("numeric", "NaN"), ("numeric", "Infinity"), ("numeric", "12,50"),
        ("numeric", ""), ("numeric", 5.5), ("numeric", "11111e99999999"),
        ("int", "5"), ("int", 2**31), ("int", 1.5),
        ("bigint", 2**63), ("bigint", "5"), ("boolean", "yes"), ("jsonb", {1, 2}), ("jsonb", 2**70),
    ],
)  # fmt: skip
def test_a_value_that_fits_no_column_is_refused_by_name_and_not_quoted(kind: str, value: Any) -> None:
    with pytest.raises(EncodeError, match=f"^The value of price is no {kind}.$"):
        Cells().rows_of({"id": "int", "price": kind})([{"id": 1, "price": value}])


def test_what_postgresql_alone_can_refuse_is_refused_by_it(connection: Connection) -> None:
    """A text with a zero byte."""
    with pytest.raises(psycopg2.DataError):
        copied(connection, [dict.fromkeys(COLUMNS) | {"a_text": "a\0b"}])
    connection.rollback()
