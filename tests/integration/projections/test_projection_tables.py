"""Rows to PostgreSQL and back: every value arrives as it was, and the declared columns are the table's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.release.schema import install
from projections.runtime.binary_copy import Cells
from projections.runtime.projection import Projection, Row
from projections.runtime.tables import TableStore
from tests.support.database import PARTITIONS, migrated
from tests.support.read_side import names


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def row(number: int, version: int = 1, **given: Any) -> dict[str, Any]:
    """A row as the fold spells it."""
    at = "2026-01-02T03:04:05.000006Z"
    plain: dict[str, Any] = dict.fromkeys(PIPELINE_V1.tables[0].columns) | {
        "id": str(UUID(int=number)), "version": version, "party": str(UUID(int=7)), "time": at,
        "recorded": at,
        "position": number, "pipeline": "sales", "stage": "open", "outcome": "open", "probability": 10,
        "probability_overridden": False, "forecast_category": "commit", "opened_at": at,
        "stage_entered_at": at, "imported": True,
    }  # fmt: skip
    return plain | given


Way = Callable[[TableStore, Cursor, Sequence[Row]], None]
"""How rows come to the database."""


def copied(store: TableStore, c: Cursor, rows: Sequence[Row]) -> None:
    """The way of a batch."""
    store.send(c, store.cells(rows))
    store.merge(c)


def opportunities() -> TableStore:
    """The table of `pipeline`."""
    return TableStore(PIPELINE_V1, PIPELINE_V1.tables[0], Cells())


WAYS: list[Way] = [copied, TableStore.insert]

NASTY = [
    "", " ", "None", "xNoney", "\\N", "\\", "\\\\n", "a\tb", "a\nb", "a\r\nb", "\\.", "'; DROP TABLE x; --",
    "🎈", "NULL", "null", "nullnull", '"null"', 'say "a, b"', "a,b", "%s", '{"a": 1}', "\x01\x7f", "\u2028",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=["by COPY", "in the statement"])
def test_every_text_arrives_as_it_was(reading: Connection, way: Way) -> None:
    """Those that COPY would read as its own marks, or as absent, too."""
    store = opportunities()
    rows = [row(n, competitor=text, lost_reason=None) for n, text in enumerate(NASTY)]
    with reading, reading.cursor() as c:
        store.prepare(c)
        way(store, c, rows)
        found = store.load(c, [r["id"] for r in rows])
    assert [found[r["id"]] for r in rows] == rows


@pytest.mark.parametrize("way", WAYS, ids=["by COPY", "in the statement"])
def test_every_kind_of_value_arrives_as_it_was(reading: Connection, way: Way) -> None:
    store = opportunities()
    given = row(
        1, amount="1054.50", currency="EUR", rate="1.1", expected_close="2026-12-31", probability=0,
        probability_overridden=True, team=[str(UUID(int=9))], closed_at="0999-01-01T00:00:00.000000Z",
        products=[{"product_id": str(UUID(int=3)), "note": 'a\\b"c\n', "discount": "0"}],
    )  # fmt: skip
    with reading, reading.cursor() as c:
        store.prepare(c)
        way(store, c, [given])
        assert store.load(c, [given["id"], str(UUID(int=5))]) == {given["id"]: given}


def test_the_newest_of_several_versions_stays_and_the_history_has_all(reading: Connection) -> None:
    store = opportunities()
    with reading, reading.cursor() as c:
        store.prepare(c)
        copied(store, c, [row(1, 1), row(2, 1), row(1, 2, stage="b"), row(1, 3, stage="c")])
        store.insert(c, [row(1, 4, stage="d")])
        assert store.load(c, [str(UUID(int=1))])[str(UUID(int=1))]["stage"] == "d"
        c.execute(
            "SELECT count(*), max(version) FROM pipeline_v1.opportunity_version WHERE id = %s",
            (str(UUID(int=1)),),
        )
        assert c.fetchone() == (4, 4)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
def test_the_declared_columns_are_those_of_the_table(reading: Connection, projection: Projection) -> None:
    """In number, order and type: a row is written by position and read by type."""
    spelled = {"int": "integer", "timestamptz": "timestamp with time zone"}
    with reading, reading.cursor() as c:
        for table in projection.tables:
            declared = [(name, spelled.get(kind, kind)) for name, kind in table.columns.items()]
            for name in filter(None, (table.name, table.history)):
                c.execute(
                    "SELECT column_name, data_type FROM information_schema.columns "
                    "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
                    (projection.schema, name),
                )
                assert c.fetchall() == declared


VIEWS = {
    "opportunity": "id version party pipeline stage outcome probability probability_overridden amount "
    "currency rate amount_reporting amount_weighted customer_id owner_id product_id forecast_category "
    "expected_close opened_at stage_entered_at closed_at lost_reason competitor imported team products "
    "time recorded updated_at position",
    "identity": "party customer_id",
    "identity_moved": "id kind party customer_id since",
    "customer": "id version kind organisation_name state survivor_id customer_id parent_id owner_id tags "
    "attributes external_references registered_at updated_at position preferences",
    "contact": "id version party customer_id role points external_references registered_at updated_at "
    "position",
    "consent": "id party customer_id contact_id point_id purpose legal_basis source double_opt_in given_at "
    "valid_until withdrawn_at withdrawn_source is_active updated_at position",
    "timeline": "event_id position party customer_id subject_id version type kind occurred recorded title "
    "channel actor_id actor_kind cause changes has_text",
    "customer_summary": "customer_id interactions purchases purchase_value returns return_value "
    "last_contact_at csat_answers csat_satisfied",
    "case": "id version party kind state open priority escalation channel customer_id queue owner_id "
    "category product cause opened_at state_entered_at responded_at first_resolved_at resolved_at closed_at "
    "held_since held reopened resolution_code close_code reported_sla duplicate_of imported changes time "
    "recorded updated_at position",
    "backlog": "queue priority cases oldest_opened_at mean_age",
    "board": "pipeline stage outcome owner_id team closing_on opportunities amount amount_weighted age stale",
    "outcome": "pipeline outcome lost_reason competitor owner_id closed_on opportunities amount",
    "forecast": "pipeline month forecast_category owner_id opportunities amount amount_weighted",
    "opportunity_change": "pipeline id version time recorded stage_before stage outcome_before outcome "
    "amount_before amount position",
    "case_times": "id priority queue opened_at response first_resolution resolution",
    "reopening": "resolved_on queue resolved reopened reopenings rate",
    "complaint": "product cause opened_on complaints open",
    "reported_sla": "closed_on met missed unknown",
    "last_contact": "customer_id channel last_contact_at interactions",
    "person": "id kind party customer_id name email phone points erased position",
}
CLOSED = {"person"}
VIEWS["opportunity_version"] = VIEWS["opportunity"]
VIEWS["case_version"] = VIEWS["case"]


def test_the_public_views_have_these_columns_in_this_order(reading: Connection) -> None:
    """They are a contract: columns are only ever appended. Every view of every projection is listed here."""
    assert {view for p in PROJECTIONS for view in p.views} == set(VIEWS)
    with reading, reading.cursor() as c:
        for view, columns in VIEWS.items():
            c.execute(
                "SELECT column_name FROM information_schema.columns "
                "WHERE table_schema = 'read' AND table_name = %s ORDER BY ordinal_position",
                (view,),
            )
            assert [name for (name,) in c.fetchall()] == columns.split()


def test_the_reader_sees_the_views_and_nothing_else(fresh_database: str) -> None:
    """Clear private values stand in one view, which is not the reader's."""
    assert {view for p in PROJECTIONS for view in p.closed_views} == CLOSED
    urls = migrated(fresh_database, read_side=lambda url: install(url, partitions=PARTITIONS))
    with closing(psycopg2.connect(urls.reader)) as connection:
        connection.autocommit = True
        with connection.cursor() as c:
            for view in set(VIEWS) - CLOSED:
                c.execute(f"SELECT * FROM read.{view}")
            for view in CLOSED:
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    c.execute(f"SELECT * FROM read.{view}")
            for table in [f"{p.schema}.{name}" for p in PROJECTIONS for name in names(p)] + ["control.share"]:
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    c.execute(f"SELECT * FROM {table}")
            with pytest.raises(psycopg2.errors.Error):
                c.execute("DELETE FROM read.opportunity")


def test_a_worker_may_not_delete_rows_of_a_read_model(fresh_database: str) -> None:
    urls = migrated(fresh_database, read_side=lambda url: install(url, partitions=PARTITIONS))
    with closing(psycopg2.connect(urls.worker)) as connection:
        connection.autocommit = True
        with connection.cursor() as c:
            for table in [f"{p.schema}.{name}" for p in PROJECTIONS for name in names(p)]:
                for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                        c.execute(statement)
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                c.execute("UPDATE control.active SET version = 2")
