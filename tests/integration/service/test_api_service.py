"""The service desk over HTTP: cases listed by filters and pages, and the reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.service.cases import FIELDS
from commands.dispatch.context import Context
from deploy.local.postgres import LocalPostgres
from domain.events.event import SYSTEM
from domain.service.case.commands import CloseCase
from tests.support.http import ALL_PROJECTIONS, Api, database, problem, running

COUNT = 12


@dataclass
class Desk:
    """Twelve cases of January 2026, a day apart; every third resolved after two days, of these the first
    reopened, the second closed, and the fourth closed by a log that says the SLA was missed. The first four
    came by phone; number 4 is `ann`'s; number 1 is escalated."""

    api: Api
    ids: list[str]
    customer: str
    ann: str

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = self.api.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def numbers(self, **parameters: Any) -> list[int]:
        return [self.ids.index(case["id"]) for case in self.get("/v1/cases", **parameters)["cases"]]


@pytest.fixture(scope="module")
def desk(postgres: LocalPostgres) -> Iterator[Desk]:
    with database(postgres, "api_service") as url, running(url) as served:
        yield filled(served)


def filled(api: Api) -> Desk:
    def post(path: str, **fields: Any) -> str:
        answer = api.client.post(f"/v1/{path}", json=fields, headers={"If-Match": "*"})
        assert answer.status_code in (200, 201), answer.text
        id: str = answer.json()["id"]
        return id

    customer = post("customers", kind="person", name="Ann Example", at="2025-01-01T00:00:00Z")
    other = post("customers", kind="person", name="Ann Exampel", at="2025-01-01T00:00:00Z")
    ann = post("principals", kind="agent", name="Ann", at="2025-01-01T00:00:00Z")
    ids = [
        post(
            "cases",
            kind="complaint" if number % 2 else "incident",
            priority=1 + number % 4,
            queue=f"line-{number % 2}",
            product="GTX" if number < 8 else "MG",
            customer_id=[customer, other, None][number % 3],
            channel="phone" if number < 4 else None,
            category="hardware" if number in (2, 3) else None,
            cause="transport" if number == 8 else None,
            owner_id=ann if number == 4 else None,
            at=f"2026-01-{number + 1:02}T00:00:00Z",
        )
        for number in range(COUNT)
    ]
    post(f"cases/{ids[1]}:escalate", level=2, at="2026-01-03T00:00:00Z")
    for number in range(0, COUNT, 3):
        post(f"cases/{ids[number]}:respond", at=f"2026-01-{number + 1:02}T01:00:00Z")
        post(f"cases/{ids[number]}:resolve", at=f"2026-01-{number + 3:02}T00:00:00Z")
    post(f"cases/{ids[0]}:reopen", at="2026-01-20T00:00:00Z")
    post(f"cases/{ids[3]}:close", code="done", at="2026-01-21T00:00:00Z")
    missed = CloseCase(
        id=UUID(ids[9]), imported=True, reported_sla=False, at=datetime(2026, 1, 22, tzinfo=UTC)
    )
    api.services.commands.execute(
        missed, Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)
    )
    post(f"customers/{other}:merge", survivor_id=customer)
    api.catch_up(projections=ALL_PROJECTIONS)
    return Desk(api, ids, customer, ann)


FILTERED: list[tuple[dict[str, str], set[int]]] = [
    ({}, set(range(COUNT))),
    ({"kind": "complaint"}, {1, 3, 5, 7, 9, 11}),
    ({"open": "false"}, {3, 6, 9}),
    ({"state": "closed"}, {3, 9}),
    ({"state[in]": "closed,in_progress"}, {0, 3, 9}),
    ({"priority[lte]": "2", "queue": "line-1"}, {1, 5, 9}),
    ({"reopened[gte]": "1"}, {0}),
    ({"opened_at[lt]": "2026-01-03T00:00:00Z"}, {0, 1}),
    ({"closed_at[gte]": "2026-01-21T00:00:00Z"}, {3, 9}),
    ({"closed_at[gt]": "2026-01-21T00:00:00Z"}, {9}),
    ({"resolved_at[lte]": "2026-01-09T00:00:00Z"}, {3, 6}),
    ({"reported_sla": "false"}, {9}),
    ({"reported_sla": "true"}, set()),
    ({"product": "MG"}, {8, 9, 10, 11}),
    ({"channel": "phone"}, {0, 1, 2, 3}),
    ({"channel": "phone", "category": "hardware", "open": "true"}, {2}),
    ({"cause[in]": "transport,wear"}, {8}),
    ({"escalation[gte]": "1"}, {1}),
    ({"escalation": "2"}, {1}),
    ({"queue": "x' OR 1=1 --"}, set()),
]


@pytest.mark.parametrize(("parameters", "expected"), FILTERED)
def test_filters(desk: Desk, parameters: dict[str, str], expected: set[int]) -> None:
    assert set(desk.numbers(**parameters)) == expected


def test_every_filter_there_is_was_tried() -> None:
    """In the table above, or in a test of its own."""
    named = {name.split("[")[0] for parameters, _ in FILTERED for name in parameters}
    assert named | {"owner_id", "customer_id", "updated_at"} == set(FIELDS)


def test_filters_by_owner(desk: Desk) -> None:
    assert desk.numbers(owner_id=desk.ann) == [4]


def test_filters_by_the_last_change(desk: Desk) -> None:
    """As of when it was recorded, whatever time it names."""
    eighth = desk.get("/v1/cases", cause="transport")["cases"][0]["updated_at"]
    (third,) = desk.get("/v1/cases", **{"closed_at[lte]": "2026-01-21T00:00:00Z"})["cases"]
    assert desk.numbers(**{"updated_at[gt]": third["updated_at"]}) == [9]
    assert set(desk.numbers(**{"updated_at[gt]": eighth})) == {0, 1, 3, 6, 9, 10, 11}
    assert set(desk.numbers(**{"updated_at[lte]": eighth})) == {2, 4, 5, 7, 8}


def test_a_customer_filter_follows_merges(desk: Desk) -> None:
    mine = {number for number in range(COUNT) if number % 3 != 2}
    assert set(desk.numbers(customer_id=desk.customer)) == mine
    cases = desk.get(f"/v1/customers/{desk.customer}/cases", page_size=500)["cases"]
    assert {desk.ids.index(case["id"]) for case in cases} == mine


@pytest.mark.parametrize("order", ["opened_at", "-opened_at", "priority,-opened_at", "-closed_at"])
@pytest.mark.parametrize("page_size", [1, 5])
def test_pages_in_any_order_give_each_once(desk: Desk, order: str, page_size: int) -> None:
    whole = desk.numbers(order_by=order, page_size=500)
    assert sorted(whole) == list(range(COUNT))
    body, found = desk.get("/v1/cases", order_by=order, page_size=page_size), []
    while True:
        found += [desk.ids.index(case["id"]) for case in body["cases"]]
        if body["next_page_token"] is None:
            break
        body = desk.get("/v1/cases", page_token=body["next_page_token"], page_size=page_size)
    assert found == whole


def test_a_row_has_the_case_s_clocks(desk: Desk) -> None:
    (row,) = desk.get("/v1/cases", state="closed", customer_id=desk.customer, priority=4)["cases"]
    assert (row["opened_at"], row["responded_at"]) == ("2026-01-04T00:00:00Z", "2026-01-04T01:00:00Z")
    assert (row["first_resolved_at"], row["resolved_at"]) == ("2026-01-06T00:00:00Z",) * 2
    assert (row["closed_at"], row["close_code"], row["held_seconds"]) == (
        "2026-01-21T00:00:00Z", "done", 0.0,
    )  # fmt: skip
    record = desk.get(f"/v1/cases/{row['id']}")
    assert (record["version"], record["state"]) == (row["version"], "closed")


def test_the_backlog_sums_to_the_open_cases(desk: Desk) -> None:
    report = desk.get("/v1/service/backlog")
    assert report["cases"] == len(desk.numbers(open="true")) == 9
    assert sum(row["cases"] for row in report["rows"]) == 9
    assert [row["priority"] for row in report["rows"]] == sorted(row["priority"] for row in report["rows"])
    assert all(row["mean_age_seconds"] > 0 for row in report["rows"])
    assert report["meta"]["projection"] == "service_history"


def test_the_reopen_rate_of_a_period(desk: Desk) -> None:
    whole = desk.get("/v1/service/reopenRate")
    assert (whole["resolved"], whole["reopened"], whole["reopenings"], whole["rate"]) == (4, 1, 1, 0.25)
    later = desk.get("/v1/service/reopenRate", since="2026-01-04T00:00:00Z")
    assert (later["resolved"], later["rate"], later["since"]) == (3, 0.0, "2026-01-04T00:00:00Z")
    nothing = desk.get("/v1/service/reopenRate", since="2027-01-01T00:00:00Z")
    assert (nothing["resolved"], nothing["rate"]) == (0, None)


def test_the_times_by_priority(desk: Desk) -> None:
    rows = {row["priority"]: row for row in desk.get("/v1/service/times")["rows"]}
    assert {priority: row["cases"] for priority, row in rows.items()} == {1: 3, 2: 3, 3: 3, 4: 3}
    assert sum(row["responded"] for row in rows.values()) == 4
    assert rows[4]["response_mean"] == 3600.0
    assert rows[4]["resolution_median"] == 2 * 86400.0
    early = desk.get("/v1/service/times", until="2026-01-02T00:00:00Z")["rows"]
    assert [(row["priority"], row["cases"], row["resolved"]) for row in early] == [(1, 1, 0)]
    assert early[0]["resolution_mean"] is None


def test_complaints_by_product(desk: Desk) -> None:
    report = desk.get("/v1/service/complaints")
    found = {row["product"]: (row["cases"], row["open"]) for row in report["rows"]}
    assert (report["cases"], found) == (6, {"GTX": (4, 3), "MG": (2, 1)})


def test_the_log_s_verdicts_are_counted_and_where_it_says_nothing_that_is_unknown(desk: Desk) -> None:
    report = desk.get("/v1/service/reportedSla")
    assert (report["met"], report["missed"], report["unknown"]) == (0, 1, 1)


@pytest.mark.parametrize(
    "query",
    [
        "times?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "times?since=yesterday",
        "complaints?until=2026-01-01",
        "backlog?since=2026-01-01T00:00:00Z",
        "reopenRate?rate=1",
    ],
)
def test_what_a_report_does_not_take_is_422(desk: Desk, query: str) -> None:
    answer = desk.api.client.get(f"/v1/service/{query}")
    assert answer.status_code == 422
    problem(answer, 422, answer.json()["code"])
