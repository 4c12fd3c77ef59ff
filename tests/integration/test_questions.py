"""Every question of the three read models: by HTTP, and by a `read.*` view for who asks by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import EVERY, Api, database, problem, running

# Question: (address, view, columns of the view that answer it).
QUESTIONS = {
    "profile, owner, tags": ("/customers/{customer}/overview", "customer",
                             "organisation_name, owner_id, tags"),
    "contacts": ("/customers/{customer}/overview?sections=contacts", "contact", "id, role, points"),
    "consents": ("/customers/{customer}/overview?sections=consents", "consent", "purpose, is_active"),
    "open opportunities": (
        "/opportunities?outcome=open&customer_id={customer}", "opportunity", "customer_id, outcome",
    ),
    "open cases": ("/cases?open=true&customer_id={customer}", "case", "customer_id, open"),
    "totals, last contact": (
        "/customers/{customer}/overview?sections=totals", "customer_summary",
        "purchases, purchase_value, last_contact_at",
    ),
    "timeline by kind and period": (
        "/customers/{customer}/timeline?kind=opportunity&from=2026-01-01T00:00:00Z", "timeline",
        "kind, occurred",
    ),
    "board by owner, team and period, age and stale": (
        "/pipelines/sales/board?owner_id={ann}&team_member_id={ann}&closing_since=2026-01-01"
        "&closing_until=2027-01-01&stale_days=30", "opportunity",
        "pipeline, stage, owner_id, team, expected_close, closed_at, amount_weighted, stage_entered_at",
    ),
    "stale ones": ("/opportunities?outcome=open&stage_entered_at[lt]=2026-03-01T00:00:00Z", "opportunity",
                   "stage_entered_at"),
    "history of stages and amounts": ("/opportunities/{lost}/history", "opportunity_version",
                                      "version, stage, amount, time"),
    "won and lost with reasons": ("/pipelines/sales/outcomes", "opportunity",
                                  "outcome, lost_reason, closed_at"),
    "forecast by month and category": ("/pipelines/sales/forecast", "opportunity",
                                       "expected_close, forecast_category, amount_weighted"),
    "what changed since a date": ("/pipelines/sales/changes?since=2026-01-01T00:00:00Z",
                                  "opportunity_version", "recorded, stage, amount"),
    "cases by customer": ("/customers/{customer}/cases", "case", "customer_id"),
    "cases by queue": ("/cases?queue=desk", "case", "queue"),
    "first response and resolution": ("/service/times", "case", "responded_at, first_resolved_at, held"),
    "backlog": ("/service/backlog", "backlog", "queue, priority, cases, mean_age"),
    "reopen rate": ("/service/reopenRate", "case", "first_resolved_at, reopened"),
    "complaints by product and cause": ("/service/complaints", "case", "kind, product, cause"),
    "reported SLA": ("/service/reportedSla", "case", "reported_sla, closed_at"),
}  # fmt: skip


@dataclass
class Sales:
    """Three opportunities of one customer: one open, one won, one lost that was reopened and lost again."""

    api: Api
    ids: dict[str, str]

    def get(self, path: str) -> dict[str, Any]:
        answer = self.api.client.get("/v1" + path.format(**self.ids))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture(scope="module")
def sales(postgres: LocalPostgres) -> Iterator[Sales]:
    with database(postgres, "questions") as url, running(url) as served:
        yield sold(served)


def sold(api: Api) -> Sales:
    ann = api.create("principals", kind="agent", name="Ann")
    customer = api.create("customers", kind="organisation", name="Acme", tags=["key"])
    api.create("cases", kind="complaint", priority=1, customer_id=customer, queue="desk")
    ids = {"ann": ann, "customer": customer, "nobody": str(uuid4())}

    def change(name: str, verb: str, day: int, **fields: Any) -> None:
        answer = api.change("opportunities", ids[name], verb, at=f"2026-02-{day:02}T00:00:00Z", **fields)
        assert answer.status_code == 200, answer.text

    for number, name in enumerate(("open", "won", "lost"), start=1):
        ids[name] = api.create(
            "opportunities", pipeline="sales", customer_id=customer, owner_id=ann, at="2026-02-01T00:00:00Z",
            amount={"amount": f"{number}00", "currency": "USD"}, expected_close=f"2026-0{number + 4}-15",
        )  # fmt: skip
    change("open", "changeTeam", 2, member_ids=[ann])
    change("open", "changeForecastCategory", 2, category="commit")
    change("won", "win", 10)
    change("lost", "lose", 11, reason="price", competitor="Globex")
    change("lost", "reopen", 12)
    change("lost", "changeAmount", 13, amount={"amount": "250", "currency": "USD"})
    change("lost", "lose", 14, reason="price")
    api.catch_up(projections=EVERY)
    return Sales(api, ids)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_an_address_and_a_view(sales: Sales, question: str) -> None:
    path, view, columns = QUESTIONS[question]
    meta = sales.get(path)["meta"]
    assert meta["projection"] in ("customer_360", "pipeline", "service_history")
    assert meta["position"] == sales.api.services.head()
    with closing(psycopg2.connect(sales.api.urls.reader)) as connection, connection.cursor() as c:
        c.execute(f'SELECT {columns} FROM read."{view}"')
        assert c.fetchall() or view in ("contact", "consent"), "nobody made one here"


def test_won_and_lost_come_with_their_reasons(sales: Sales) -> None:
    body = sales.get("/pipelines/sales/outcomes?since=2026-02-01T00:00:00Z&until=2026-03-01T00:00:00Z")
    assert (body["won"], body["lost"], body["win_rate"]) == (1, 1, 0.5)
    assert body["rows"] == [
        {"outcome": "won", "lost_reason": None, "competitor": None, "count": 1, "amount": "200"},
        {"outcome": "lost", "lost_reason": "price", "competitor": None, "count": 1, "amount": "250"},
    ]
    empty = sales.get("/pipelines/sales/outcomes?since=2026-02-15T00:00:00Z")
    assert (empty["won"], empty["lost"], empty["win_rate"], empty["rows"]) == (0, 0, None, [])
    assert sales.get("/pipelines/sales/outcomes?until=2026-02-14T00:00:00Z")["lost"] == 0
    assert sales.get("/pipelines/sales/outcomes?owner_id={nobody}")["rows"] == []


def test_the_forecast_is_of_what_is_open_by_month_and_category(sales: Sales) -> None:
    (row,) = sales.get("/pipelines/sales/forecast")["rows"]
    assert row == {
        "month": "2026-05-01", "forecast_category": "commit", "count": 1, "amount": "100", "weighted": "10",
    }  # fmt: skip
    assert sales.get("/pipelines/sales/forecast?owner_id={nobody}")["rows"] == []


def test_the_history_keeps_every_close(sales: Sales) -> None:
    body = sales.get("/opportunities/{lost}/history?page_size=3")
    token = body["next_page_token"]
    rest = sales.get(f"/opportunities/{{lost}}/history?page_token={token}")
    versions = body["versions"] + rest["versions"]
    assert rest["next_page_token"] is None
    assert [(v["version"], v["outcome"], v["amount"]["amount"]) for v in versions] == [
        (1, "open", "300"), (2, "lost", "300"), (3, "open", "300"), (4, "open", "250"), (5, "lost", "250"),
    ]  # fmt: skip
    assert [v["competitor"] for v in versions] == [None, "Globex", None, None, None]
    unknown = sales.api.client.get(f"/v1/opportunities/{uuid4()}/history")
    problem(unknown, 404, "not-found")


def test_what_changed_shows_before_and_after(sales: Sales) -> None:
    """Page by page; `since` counts from when a change was recorded, so that nothing late is missed."""
    path = "/pipelines/sales/changes"
    page = sales.get(f"{path}?since=2026-01-01T00:00:00Z&page_size=2")
    rest = sales.get(f"{path}?page_token={page['next_page_token']}")
    every = page["changes"] + rest["changes"]
    assert [row["id"] for row in every] == [sales.ids[name] for name in ("open", "won", "lost")]
    assert all(row["stage_before"] is None for row in every)
    first = sales.get("/opportunities/{lost}/history")["versions"][1]["recorded"]
    since = sales.get(f"{path}?since={first}")["changes"]
    (lost,) = (row for row in since if row["id"] == sales.ids["lost"])
    assert (lost["outcome_before"], lost["amount_before"]) == ("lost", "300")
    assert (lost["outcome"], lost["amount"]) == ("lost", "250")
    assert sales.get(f"{path}?since=2999-01-01T00:00:00Z")["changes"] == []
    problem(sales.api.client.get(f"/v1{path}"), 422, "validation")


@pytest.mark.parametrize("then", ["", "&as_of=2999-01-01T00:00:00Z"], ids=["now", "as of a time"])
def test_the_board_of_a_team_and_of_a_period(sales: Sales, then: str) -> None:
    def counts(query: str) -> dict[str, int]:
        stages = sales.get(f"/pipelines/sales/board?{query}{then}")["stages"]
        return {stage["stage"]: stage["count"] for stage in stages if stage["count"]}

    assert counts("stale_days=1") == {"prospecting": 1, "won": 1, "lost": 1}
    assert counts("team_member_id={ann}") == {"prospecting": 1}
    assert counts("team_member_id={nobody}") == {}
    assert counts("closing_since=2026-05-15") == {"prospecting": 1}
    assert counts("closing_until=2026-05-15") == {"won": 1, "lost": 1}
    assert counts("closing_since=2026-02-11&closing_until=2026-02-15") == {"lost": 1}


def test_what_stands_too_long_is_stale(sales: Sales) -> None:
    def stale(query: str) -> dict[str, int | None]:
        stages = sales.get(f"/pipelines/sales/board?{query}")["stages"]
        return {stage["stage"]: stage["stale"] for stage in stages if stage["count"]}

    assert stale("stale_days=1") == {"prospecting": 1, "won": 0, "lost": 0}
    assert stale("stale_days=36500") == {"prospecting": 0, "won": 0, "lost": 0}
    assert stale("stale_days=30&as_of=2026-02-20T00:00:00Z") == {"prospecting": 0, "won": 0, "lost": 0}
    assert stale("stale_days=10&as_of=2026-02-20T00:00:00Z")["prospecting"] == 1
    assert set(stale("owner_id={ann}").values()) == {None}
