"""The read models' tables, views and queries on PostgreSQL, filled by hand-made rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from api.reads.snapshot import Snapshot
from projections import registry
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.identity.v1.queries import FOLDER as IDENTITY
from projections.identity.v1.queries import Identity
from projections.pipeline.v1.queries import Opportunities
from projections.registry import PROJECTIONS
from projections.release.schema import WrongShares, install
from projections.runtime.listing import Filter, Order
from projections.runtime.projection import Projection
from projections.runtime.statements import statement
from tests.support.toy.v1 import TOY_V1, Toys

CUSTOMER_360 = CUSTOMER_360_V1.folder

START = datetime(2017, 1, 1, tzinfo=UTC)
ANN, BOB, ACME = UUID(int=101), UUID(int=102), UUID(int=201)


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def put(connection: Connection, number: int, version: int, **given: Any) -> None:
    """One version of opportunity `number`, as the fold would leave it; the newest stands in both tables."""
    at = START + timedelta(days=10 * (version - 1))
    row: dict[str, Any] = {
        "id": str(UUID(int=number)), "version": version, "party": str(UUID(int=number)), "time": at,
        "recorded": at + timedelta(hours=1), "position": number * 10 + version, "pipeline": "maven",
        "stage": "engaging", "outcome": "open", "probability": 50, "probability_overridden": False,
        "amount": None, "currency": None, "rate": None, "owner_id": str(ANN),
        "forecast_category": "pipeline", "opened_at": START, "stage_entered_at": at, "imported": False,
    } | given  # fmt: skip
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    with connection.cursor() as c:
        c.execute(
            f"INSERT INTO pipeline_v1.opportunity_version ({names}) VALUES ({marks})", list(row.values())
        )
        c.execute("DELETE FROM pipeline_v1.opportunity WHERE id = %s", (row["id"],))
        c.execute(f"INSERT INTO pipeline_v1.opportunity ({names}) VALUES ({marks})", list(row.values()))


def usd(amount: str, rate: str = "1") -> dict[str, Any]:
    return {"amount": amount, "currency": "USD", "rate": rate}


def link(connection: Connection, party: int, kind: str, target: int | None = None) -> None:
    with connection.cursor() as c:
        c.execute(
            "INSERT INTO identity_v1.link VALUES (%s, %s, %s, now(), 1, 1, now()) "
            "ON CONFLICT (party) DO UPDATE SET target = excluded.target",
            (str(UUID(int=party)), kind, None if target is None else str(UUID(int=target))),
        )


def test_installing_twice_changes_nothing(fresh_database: str) -> None:
    """Shares keep their place, rows stay: every start of the program installs again."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection, connection.cursor() as c:
        c.execute("UPDATE control.share SET position = 7")
        connection.commit()
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection, connection.cursor() as c:
        c.execute("SELECT projection, count(*), min(position) FROM control.share GROUP BY 1 ORDER BY 1")
        assert c.fetchall() == sorted((p.name, 6, 7) for p in PROJECTIONS)


def test_another_number_of_partitions_is_refused(fresh_database: str) -> None:
    install(fresh_database, partitions=6)
    with pytest.raises(WrongShares, match="has 6 shares, but there are 3 partitions"):
        install(fresh_database, partitions=3)


def test_the_board_sums_amounts_by_stage_in_the_reporting_currency(reading: Connection) -> None:
    put(reading, 1, 1, **usd("100"))
    put(reading, 2, 1, **usd("10", rate="1.5"))
    put(reading, 3, 1)
    put(reading, 4, 1, stage="won", outcome="won", probability=100, **usd("7"))
    put(reading, 5, 1, pipeline="sales", **usd("1000"))
    engaging, won = Opportunities(reading).board("maven")
    assert (engaging.stage, engaging.count, engaging.amount) == ("engaging", 3, Decimal(115))
    assert engaging.weighted == Decimal("57.5")
    assert (won.stage, won.count, won.amount, won.weighted) == ("won", 1, Decimal(7), Decimal(7))


def test_only_open_opportunities_have_an_age_in_their_stage(reading: Connection) -> None:
    entered = datetime.now(UTC) - timedelta(days=4)
    put(reading, 1, 1, stage_entered_at=entered)
    put(reading, 2, 1, stage_entered_at=entered + timedelta(days=2))
    put(reading, 3, 1, stage="lost", outcome="lost", stage_entered_at=entered)
    engaging, lost = Opportunities(reading).board("maven")
    assert engaging.mean_age_seconds == pytest.approx(3 * 86400, abs=60)
    assert lost.mean_age_seconds is None


def test_the_board_as_of_a_time_shows_each_opportunity_as_it_was(reading: Connection) -> None:
    put(reading, 1, 1, stage="prospecting", **usd("5"))
    put(reading, 1, 2, stage="engaging", owner_id=str(BOB), **usd("6"))
    put(reading, 1, 3, stage="won", outcome="won", **usd("9"))
    board = Opportunities(reading).board

    def stages(**cut: Any) -> list[tuple[str, Decimal]]:
        return [(s.stage, s.amount) for s in board("maven", **cut)]

    assert stages(as_of=START - timedelta(seconds=1)) == []
    assert stages(as_of=START) == [("prospecting", Decimal(5))]
    assert stages(as_of=START + timedelta(days=10)) == [("engaging", Decimal(6))]
    assert stages(as_of=START + timedelta(days=99)) == [("won", Decimal(9))]
    # Recorded an hour after it happened: not known yet at the moment itself.
    assert stages(known_at=START + timedelta(days=10)) == [("prospecting", Decimal(5))]
    assert stages(as_of=START, known_at=START + timedelta(days=99)) == [("prospecting", Decimal(5))]
    # Whose it was then counts, not whose it is or was before.
    assert stages(as_of=START + timedelta(days=10), owner_id=BOB) == [("engaging", Decimal(6))]
    assert stages(as_of=START + timedelta(days=10), owner_id=ANN) == []
    assert board("maven", as_of=START + timedelta(days=13))[0].mean_age_seconds == 3 * 86400


ORDERS = [
    [Order("amount")],
    [Order("amount", descending=True)],
    [Order("stage"), Order("amount", descending=True)],
    [Order("closed_at"), Order("updated_at")],
    [Order("expected_close", descending=True)],
    [],
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda o: ",".join(f"{'-' * x.descending}{x.field}" for x in o))
def test_pages_together_are_the_list_in_order(reading: Connection, order: list[Order]) -> None:
    """Equal values and absent ones too: nothing is shown twice, nothing is left out."""
    for n in range(1, 24):
        money = {} if n % 5 == 0 else usd(str(n % 4))
        closed = START + timedelta(days=n % 3) if n % 2 else None
        put(reading, n, 1, stage=("engaging", "won")[n % 2], closed_at=closed, **money)
    whole = Opportunities(reading).list(order=order, page_size=100)
    assert (len(whole.rows), whole.after) == (23, None)
    paged: list[dict[str, Any]] = []
    after = None
    while True:
        page = Opportunities(reading).list(order=order, page_size=5, after=after)
        paged += page.rows
        after = page.after
        if after is None:
            break
    assert paged == whole.rows
    if order and order[0].field == "amount":
        amounts = [row["amount"] if row["amount"] is not None else -1 for row in paged]
        assert amounts == sorted(amounts, reverse=order[0].descending)


def test_the_list_is_filtered(reading: Connection) -> None:
    for n in range(1, 7):
        owner = ANN if n % 2 else BOB
        put(reading, n, 1, owner_id=str(owner), customer_id=str(ACME) if n == 3 else None, **usd(str(n)))

    def found(*filters: Filter) -> list[int]:
        rows = Opportunities(reading).list(filters, [Order("amount")]).rows
        return [row["id"].int for row in rows]

    assert found(Filter("owner_id", "eq", BOB)) == [2, 4, 6]
    assert found(Filter("owner_id", "in", [ANN, BOB])) == [1, 2, 3, 4, 5, 6]
    assert found(Filter("owner_id", "in", [])) == []
    assert found(Filter("amount", "gte", Decimal(3)), Filter("amount", "lt", Decimal(5))) == [3, 4]
    assert found(Filter("customer_id", "eq", ACME)) == [3]
    assert found(Filter("updated_at", "gt", START + timedelta(hours=1))) == []
    assert found(Filter("stage", "in", ["engaging"])) == [1, 2, 3, 4, 5, 6]


def test_one_opportunity_is_read_by_its_id(reading: Connection) -> None:
    put(reading, 1, 1, probability=50, **usd("10.50", rate="2"))
    row = Opportunities(reading).get(UUID(int=1))
    assert row is not None
    assert (row["id"], row["amount"], row["amount_reporting"]) == (
        UUID(int=1),
        Decimal("10.50"),
        Decimal("21"),
    )
    assert (row["amount_weighted"], row["updated_at"]) == (Decimal("10.5"), START + timedelta(hours=1))
    assert Opportunities(reading).get(UUID(int=2)) is None


def test_identity_follows_merges_and_links_to_their_end(reading: Connection) -> None:
    for customer in (1, 2, 3):
        link(reading, customer, "customer")
    link(reading, 1, "customer", target=2)
    link(reading, 2, "customer", target=3)
    link(reading, 11, "opportunity", target=1)
    link(reading, 12, "opportunity")
    identity = Identity(reading)
    assert [identity.customer_of(UUID(int=n)) for n in (1, 2, 3, 11)] == [UUID(int=3)] * 4
    assert identity.customer_of(UUID(int=12)) is None
    assert identity.members(UUID(int=3)) == [UUID(int=n) for n in (3, 1, 2, 11)]
    link(reading, 1, "customer", target=None)
    assert identity.customer_of(UUID(int=11)) == UUID(int=1)
    assert identity.members(UUID(int=3)) == [UUID(int=3), UUID(int=2)]


def test_a_loop_between_shares_ends_and_shows_each_as_itself(reading: Connection) -> None:
    """A was merged into B, then released, then B into A: one share may be a step behind the other."""
    link(reading, 1, "customer", target=2)
    link(reading, 2, "customer", target=1)
    link(reading, 11, "opportunity", target=1)
    identity = Identity(reading)
    assert identity.customer_of(UUID(int=1)) == UUID(int=1)
    assert identity.customer_of(UUID(int=2)) == UUID(int=2)
    assert set(identity.members(UUID(int=1))) == {UUID(int=1), UUID(int=2), UUID(int=11)}


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
def test_a_question_is_asked_of_its_own_version_alone(projection: Projection) -> None:
    """A view shows the version that is active at the query, also in the middle of a request that has
    begun with another one: the profile would be version 1's and the consents version 2's."""
    folder, asked = projection.folder, {}
    for file in folder.rglob("*.sql"):
        if file.name != "views.sql":
            asked[file.name] = re.sub(r"--.*", "", file.read_text())
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text())
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        asked[file.name] = "; ".join(
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
        )
    assert len(asked) > 5
    assert [name for name, text in asked.items() if re.search(r"\bread\.", text)] == []
    others = [p.schema for p in PROJECTIONS if p.name != projection.name]
    assert [name for name, text in asked.items() if any(f"{schema}." in text for schema in others)] == []


def test_a_swap_in_the_middle_of_a_request_changes_nothing_for_it(reading: Connection) -> None:
    """Where the views show another version already, its answer is its own version's to the end."""
    link(reading, 1, "customer", target=2)
    link(reading, 2, "customer")
    with reading.cursor() as c:
        c.execute(
            "INSERT INTO customer_360_v1.consent "
            "(id, version, position, recorded, party, contact_id, point_id, purpose, source, "
            "double_opt_in, given_at) SELECT 'c', 1, 1, now(), party, party, party, 'news', "
            "'form', false, now() FROM identity_v1.link WHERE party = %s",
            (str(UUID(int=1)),),
        )
        for view in ("identity", "consent"):
            c.execute("SELECT string_agg(format('NULL::%%s AS %%I', format_type(atttypid, atttypmod), "
                      "attname), ', ' ORDER BY attnum) FROM pg_attribute "
                      "WHERE attrelid = %s::regclass AND attnum > 0",
                      (f"read.{view}",))  # fmt: skip
            (columns,) = c.fetchone() or ("",)
            c.execute(f"CREATE OR REPLACE VIEW read.{view} AS SELECT {columns} WHERE false")
    assert Identity(reading).customer_of(UUID(int=1)) == UUID(int=2)
    cluster = Identity(reading).cluster(UUID(int=1))
    with reading.cursor() as c:
        c.execute(statement(CUSTOMER_360 / "sql" / "consents.sql"), cluster.parameters() | {"limit": 5})
        assert [(row[2], row[10], row[12]) for row in c.fetchall()] == [("news", True, 1)]


def test_the_customers_of_many_parties_are_what_the_view_shows(reading: Connection) -> None:
    for party, target in ((1, 2), (2, 3), (3, None), (4, 5), (5, 4), (11, 1), (12, None), (13, 5)):
        link(reading, party, "customer" if party < 10 else "opportunity", target)
    with reading.cursor() as c:
        c.execute("SELECT party, customer_id FROM read.identity")
        shown = dict(c.fetchall())
    assert {str(party): str(of) if of else None for party, of in shown.items()} == {
        str(party): str(of) if of else None
        for party, of in Identity(reading).customers_of([UUID(int=n) for n in range(20)]).items()
    }


def test_a_filter_on_party_reads_identity_by_index(reading: Connection) -> None:
    """The view walks per row; as one recursive query over everything it would read the whole table."""
    with reading.cursor() as c:
        c.execute(
            "INSERT INTO identity_v1.link SELECT gen_random_uuid(), 'customer', NULL, now(), 1, 1, now() "
            "FROM generate_series(1, 5000)"
        )
        c.execute("ANALYZE identity_v1.link")
        for asked, values in (
            ("SELECT customer_id FROM read.identity WHERE party = %(party)s", {"party": str(UUID(int=1))}),
            (statement(IDENTITY / "customers.sql"), {"parties": [str(UUID(int=1))]}),
        ):
            c.execute(f"EXPLAIN {asked}", values)
            plan = "\n".join(line for (line,) in c.fetchall())
            assert "Seq Scan" not in plan, plan


def test_a_registered_read_model_is_asked_by_the_api(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The active version's questions, of whatever the registry has."""
    install(fresh_database, [TOY_V1], partitions=6)
    monkeypatch.setattr(registry, "PROJECTIONS", (*PROJECTIONS, TOY_V1))
    with closing(psycopg2.connect(fresh_database)) as connection:
        with connection.cursor() as c:
            c.execute("INSERT INTO toy_v1.customer (id, version, events) VALUES (%s, 3, 3)", (str(ACME),))
        look = Snapshot(connection, "toy", 1, 3, 0, {"toy": 1}, {"toy": 3})
        assert look.ask("toy", Toys).events(ACME) == 3
