"""A row that several aggregates of a party write: what one event fails with leaves no trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from commands.store.event_reader import StoredRow
from projections.release.schema import install
from projections.runtime.projection import EventMap, Projection, Row, Table
from tests.support.histories import long_history
from tests.support.read_side import apply_rows, table_rows


def count(row: Row | None, event: EventMap) -> Row:
    """How many events a party has had, and when the last one was."""
    return {
        "party": event["partitionkey"],
        "events": (row["events"] if row else 0) + 1,
        "last": max(event["time"], row["last"] if row else ""),
    }


COUNTED = Projection(
    name="counted",
    version=1,
    families=("customer", "opportunity"),
    tables=(
        Table(
            name="party",
            columns={"party": "uuid", "events": "int", "last": "timestamptz"},
            key="party",
            keys_of=lambda event: (event["partitionkey"],),
            fold=count,
        ),
    ),
    folder=Path(),
    views=(),
)


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to a read side with that model."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        with connection, connection.cursor() as c:
            c.execute("CREATE SCHEMA counted_v1")
            c.execute("CREATE TABLE counted_v1.party (party uuid PRIMARY KEY, events int, last timestamptz)")
        yield connection


ROWS = long_history(200, spread=5).rows


def counts(rows: list[StoredRow]) -> dict[str, int]:
    """Events by party."""
    found: dict[str, int] = {}
    for row in rows:
        found[str(row.party)] = found.get(str(row.party), 0) + 1
    return found


@pytest.mark.parametrize("sizes", [[1000], [7], [1]], ids=["one batch", "small batches", "one by one"])
def test_an_event_that_the_database_refuses_is_not_counted_in_the_row_of_its_party(
    reading: Connection, sizes: list[int]
) -> None:
    number = next(
        n for n in range(40, len(ROWS)) if ROWS[n].aggregate_id != ROWS[n].party and ROWS[n].version > 1
    )
    bad = ROWS[number]
    broken: dict[str, Any] = orjson.loads(bad.event) | {"time": "never"}
    rows = [*ROWS[:number], bad._replace(event=orjson.dumps(broken)), *ROWS[number + 1 :]]
    apply_rows(reading, COUNTED, rows, sizes)
    sound = [r for n, r in enumerate(ROWS) if n < number or r.aggregate_id != bad.aggregate_id]
    found = {party: row["events"] for party, row in table_rows(reading, COUNTED)["party"].items()}
    assert found == counts(sound)
    assert len(sound) < len(ROWS)
