"""The queries and views of `service_history` on PostgreSQL, beside sums made in Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from statistics import mean, median
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from projections.release.schema import install
from projections.runtime.listing import Filter, Order
from projections.service_history.v1.fold import COLUMNS
from projections.service_history.v1.projection import SERVICE_HISTORY_V1
from projections.service_history.v1.queries import Cases

START = datetime(2026, 3, 1, tzinfo=UTC)
ACME, BOLT = UUID(int=1), UUID(int=2)

VIEW = [
    "id", "version", "party", "kind", "state", "open", "priority", "escalation", "channel", "customer_id",
    "queue", "owner_id", "category", "product", "cause", "opened_at", "state_entered_at", "responded_at",
    "first_resolved_at", "resolved_at", "closed_at", "held_since", "held", "reopened", "resolution_code",
    "close_code", "reported_sla", "duplicate_of", "imported", "changes", "time", "recorded", "updated_at",
    "position",
]  # fmt: skip


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to a read side with this model and nothing in it."""
    install(fresh_database, [SERVICE_HISTORY_V1], partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def put(connection: Connection, number: int, **given: Any) -> None:
    """Case `number`, opened so many days after the start, as the fold would leave it."""
    opened = START + timedelta(days=number)
    row: dict[str, Any] = {
        **dict.fromkeys(COLUMNS), "id": str(UUID(int=100 + number)), "version": 1,
        "party": str(UUID(int=100 + number)), "time": opened, "recorded": opened, "position": number,
        "kind": "incident", "state": "new", "open": True, "priority": 3, "escalation": 0,
        "opened_at": opened, "state_entered_at": opened, "held_us": 0, "reopened": 0, "imported": False,
        "changes": 0,
    } | given  # fmt: skip
    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    with connection.cursor() as c:
        for table in ('"case"', "case_version"):
            c.execute(
                f"INSERT INTO service_history_v1.{table} ({names}) VALUES ({marks})", list(row.values())
            )


def closed(number: int, *, hours: int, on_hold: int = 0, reopened: int = 0, met: bool | None = None) -> Any:
    """The columns of a case that was resolved and closed so many hours after it was opened."""
    at = START + timedelta(days=number, hours=hours)
    return {
        "state": "closed", "open": False, "responded_at": at - timedelta(hours=hours / 2),
        "first_resolved_at": at, "resolved_at": at, "closed_at": at, "held_us": on_hold * 3_600_000_000,
        "reopened": reopened, "reported_sla": met,
    }  # fmt: skip


def test_one_case_and_the_list(reading: Connection) -> None:
    """Filters, order and pages; a customer's cases are those of all its members."""
    for number in range(6):
        put(reading, number, priority=1 + number % 3, customer_id=str(ACME if number % 2 else BOLT))
    cases = Cases(reading)
    assert [row["position"] for row in cases.list([Filter("customer_id", "in", [ACME])]).rows] == [1, 3, 5]
    order = [Order("priority"), Order("opened_at", descending=True)]
    seen, after = [], None
    while True:
        page = cases.list((), order, 4, after)
        seen += [row["position"] for row in page.rows]
        after = page.after
        if after is None:
            break
    assert seen == sorted(range(6), key=lambda n: (1 + n % 3, -n))
    found = cases.get(UUID(int=103))
    assert found is not None
    assert (found["customer_id"], found["held"]) == (ACME, timedelta(0))
    assert cases.get(UUID(int=999)) is None


def test_the_backlog_counts_what_is_open(reading: Connection) -> None:
    put(reading, 0, queue="net")
    put(reading, 1, queue="net")
    put(reading, 2, queue="net", priority=1)
    put(reading, 3)
    put(reading, 4, queue="net", **closed(4, hours=1))
    backlog = Cases(reading).backlog()
    assert [(b.queue, b.priority, b.cases, b.oldest_opened_at) for b in backlog] == [
        ("net", 1, 1, START + timedelta(days=2)),
        ("net", 3, 2, START),
        (None, 3, 1, START + timedelta(days=3)),
    ]
    with reading.cursor() as c:
        c.execute("SELECT queue, priority, cases FROM read.backlog ORDER BY priority, queue")
        assert c.fetchall() == [("net", 1, 1), ("net", 3, 2), (None, 3, 1)]


def test_reopening_is_a_rate_over_what_was_resolved_and_null_over_nothing(reading: Connection) -> None:
    cases = Cases(reading)
    assert (cases.reopening().resolved, cases.reopening().rate) == (0, None)
    put(reading, 0, **closed(0, hours=1, reopened=2))
    put(reading, 1, **closed(1, hours=1))
    put(reading, 2, **closed(2, hours=1))
    put(reading, 3)
    found = cases.reopening()
    assert (found.resolved, found.reopened, found.reopenings) == (3, 1, 2)
    assert found.rate == pytest.approx(1 / 3)
    later = cases.reopening(since=START + timedelta(days=1), until=START + timedelta(days=2))
    assert (later.resolved, later.reopened, later.rate) == (1, 0, 0.0)


def test_times_are_means_and_medians_by_priority_less_the_hold(reading: Connection) -> None:
    hours = {0: (10, 4), 1: (2, 0), 2: (30, 1)}
    for number, (taken, on_hold) in hours.items():
        put(reading, number, **closed(number, hours=taken, on_hold=on_hold))
    put(reading, 3)
    put(reading, 4, priority=1)
    came_back = {"resolved_at": None, "closed_at": None, "state": "in_progress", "open": True}
    put(reading, 5, priority=2, **(closed(5, hours=8, reopened=1) | came_back))
    urgent, back, usual = Cases(reading).times()
    assert (back.first_resolved, back.first_resolution_mean) == (1, 8 * 3600.0)
    assert (back.resolved, back.resolution_mean) == (0, None)
    assert (urgent.priority, urgent.cases, urgent.responded, urgent.response_mean) == (1, 1, 0, None)
    assert (usual.cases, usual.responded, usual.first_resolved, usual.resolved) == (4, 3, 3, 3)
    gross = [3600.0 * t for t, _ in hours.values()]
    net = [3600.0 * (t - h) for t, h in hours.values()]
    assert usual.response_median == pytest.approx(median(t / 2 for t in gross))
    assert usual.first_resolution_mean == pytest.approx(mean(gross))
    assert usual.resolution_mean == pytest.approx(mean(net))
    assert usual.resolution_median == pytest.approx(median(net))


def test_the_logs_verdicts_are_counted_as_they_were_given(reading: Connection) -> None:
    for number, met in enumerate([True, False, False, None]):
        put(reading, number, **closed(number, hours=1, met=met))
    put(reading, 9)
    found = Cases(reading).verdicts()
    assert (found.met, found.missed, found.unknown) == (1, 2, 1)


def test_complaints_by_product_and_cause(reading: Connection) -> None:
    put(reading, 0, kind="complaint", product="GTX", cause="late")
    put(reading, 1, kind="complaint", product="GTX", cause="late", **closed(1, hours=1))
    put(reading, 2, kind="complaint", product="MG")
    put(reading, 3, product="GTX")
    found = Cases(reading).complaints()
    assert [(c.product, c.cause, c.cases, c.open) for c in found] == [
        ("GTX", "late", 2, 1),
        ("MG", None, 1, 1),
    ]


@pytest.mark.parametrize("view", ["case", "case_version"])
def test_the_columns_of_the_views_are_a_contract(reading: Connection, view: str) -> None:
    """Columns are only ever appended: who appends one appends it here, and changes nothing else."""
    put(reading, 0)
    with reading.cursor() as c:
        c.execute(f"SELECT * FROM read.{view}")
        assert [column.name for column in c.description or ()] == VIEW
        assert len(c.fetchall()) == 1
