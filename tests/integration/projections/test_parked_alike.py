"""A rebuild holds what a live worker holds, under the same categories; the rows are the same too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import psycopg2
from psycopg2.extensions import connection as Connection

from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import named
from projections.release.schema import install
from projections.runtime.apply import Applier
from projections.runtime.bulk_load import refused_one_by_one
from projections.runtime.decode import Decoder, Received
from projections.runtime.projection import EventMap, Projection, Row
from tests.support.histories import CIPHER, long_history
from tests.support.read_side import apply_rows, clear, normal, table_rows

ROWS = long_history(400, every_family=True, spread=30).rows
Parked = dict[int, tuple[str | None, str]]
"""Position to aggregate and category."""


def seconds_of(family: str) -> list[StoredRow]:
    """The second events of aggregates, one per party: what is parked by party then meets no other."""
    found: dict[UUID, StoredRow] = {}
    for row in ROWS:
        if row.version == 2 and row.type.startswith(f"crm.{family}."):
            found.setdefault(row.party, row)
    return list(found.values())


def edited(bad: Mapping[int, Mapping[str, Any]]) -> list[StoredRow]:
    """The history, at these positions with other members in the envelope."""
    return [
        row._replace(event=orjson.dumps(orjson.loads(row.event) | bad[row.position]))
        if row.position in bad
        else row
        for row in ROWS
    ]


def spoiling(position: int) -> Projection:
    """`pipeline` with a fold that makes a value there which no row can have."""
    table = PIPELINE_V1.tables[0]

    def fold(row: Row | None, event: EventMap) -> Row:
        after = table.fold(row, event)
        return {**after, "competitor": object()} if event["position"] == position else after

    return replace(PIPELINE_V1, tables=(replace(table, fold=fold), *PIPELINE_V1.tables[1:]))


def parked_rows(connection: Connection) -> Parked:
    """What is parked now."""
    with connection, connection.cursor() as c:
        c.execute("SELECT position, aggregate_id::text, category FROM control.held")
        return {position: (aggregate, category) for position, aggregate, category in c.fetchall()}


def both_ways(connection: Connection, projection: Projection, rows: Sequence[StoredRow]) -> Parked:
    """What is parked of a history, live and in a rebuild; so are the rows."""
    decoder = Decoder(CATALOGUE, CIPHER)
    apply_rows(connection, projection, rows, [1000], Applier(projection, decoder))
    live, shown = parked_rows(connection), normal(table_rows(connection, projection))
    clear(connection, projection)
    parties: dict[UUID, list[Received]] = {}
    for row in rows:
        if row.type.split(".")[1] in projection.families:
            parties.setdefault(row.party, []).append(Received(row.position, str(row.party), row.event))
    with connection, connection.cursor() as c:
        assert refused_one_by_one(projection, decoder, c, parties.values()) == len(live)
    assert parked_rows(connection) == live
    assert normal(table_rows(connection, projection)) == shown
    clear(connection, projection)
    return live


def test_what_is_parked_live_is_parked_in_a_rebuild(fresh_database: str) -> None:
    """A refused value, malformed ids, data that is not an object, a row that cannot be spelled."""
    install(fresh_database, partitions=6)
    time, no_id, no_text, no_data, spelled = seconds_of("opportunity")[:5]
    null, a_list = [row for row in seconds_of("contact") if row.aggregate_id != row.party][:2]
    with closing(psycopg2.connect(fresh_database)) as connection:
        bad: dict[int, dict[str, Any]] = {
            time.position: {"time": "no time"},
            no_id.position: {"subject": "no-id"},
            no_text.position: {"subject": ["a", "list"]},
            no_data.position: {"data": None},
        }
        found = both_ways(connection, spoiling(spelled.position), edited(bad))
        for row in (time, spelled):
            assert found[row.position] == (str(row.aggregate_id), "apply")
        for row in (no_id, no_text, no_data):
            assert found[row.position] == (None, "decode")
        bad = {null.position: {"data": None}, a_list.position: {"data": []}}
        found = both_ways(connection, named("customer_360"), edited(bad))
        for row in (null, a_list):
            assert found[row.position] == (None, "decode")
