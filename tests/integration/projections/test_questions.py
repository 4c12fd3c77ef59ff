"""Every question of the three read models: by HTTP, and by a `read.*` view for who asks by SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from deploy.local.postgres import LocalPostgres
from projections.registry import PROJECTIONS
from tests.support.http import ALL_PROJECTIONS, Api, database, problem, running

Rows = list[dict[str, Any]]


def rows_in(name: str) -> Callable[[dict[str, Any]], Rows]:
    """The rows of an answer."""
    return lambda answer: answer[name]


def items(section: str) -> Callable[[dict[str, Any]], Rows]:
    """The items of an overview's section."""
    return lambda answer: answer[section]["items"]


def whole(answer: dict[str, Any]) -> Rows:
    """An answer that is one row itself."""
    return [answer]


@dataclass(frozen=True)
class Question:
    """A question: its address, the rows of the answer, and the statement over a view that gives the same."""

    path: str
    rows: Callable[[dict[str, Any]], Rows]
    view: str


QUESTIONS = {
    "profile, owner, tags": Question(
        "/customers/{customer}/overview?sections=profile", lambda a: [a["profile"]],
        "SELECT id, kind, organisation_name AS name, state, owner_id, tags FROM read.customer WHERE id = "
        "'{customer}'",
    ),
    "contacts": Question(
        "/customers/{customer}/overview?sections=contacts", items("contacts"),
        "SELECT id, role, registered_at FROM read.contact WHERE customer_id = '{customer}'",
    ),
    "consents": Question(
        "/customers/{customer}/overview?sections=consents", items("consents"),
        "SELECT contact_id, point_id, purpose, legal_basis, source, given_at, is_active AS active "
        "FROM read.consent WHERE customer_id = '{customer}'",
    ),
    "open opportunities": Question(
        "/opportunities?outcome=open&customer_id={customer}", rows_in("opportunities"),
        "SELECT id, version, stage, probability, expected_close FROM read.opportunity "
        "WHERE outcome = 'open' AND customer_id = '{customer}'",
    ),
    "open cases": Question(
        "/cases?open=true&customer_id={customer}", rows_in("cases"),
        "SELECT id, state, priority, queue FROM read.case WHERE open AND customer_id = '{customer}'",
    ),
    "totals, CSAT": Question(
        "/customers/{customer}/overview?sections=totals", lambda a: [a["totals"]],
        "SELECT interactions, purchases, purchase_value, returns, return_value, last_contact_at, "
        "csat_answers, 100.0 * csat_satisfied / csat_answers AS csat FROM read.customer_summary "
        "WHERE customer_id = '{customer}'",
    ),
    "last contact by channel": Question(
        "/customers/{customer}/overview?sections=totals",
        lambda a: [{"channel": c, "at": at} for c, at in a["totals"]["last_contact"].items()],
        "SELECT channel, last_contact_at AS at FROM read.last_contact WHERE customer_id = '{customer}'",
    ),
    "timeline by kind and period": Question(
        "/customers/{customer}/timeline?kind=opportunity&from=2026-02-02T00:00:00Z", rows_in("entries"),
        "SELECT event_id, kind, occurred, title, changes FROM read.timeline "
        "WHERE customer_id = '{customer}' AND kind = 'opportunity' AND occurred >= '2026-02-02T00:00:00Z'",
    ),
    "board, age and stale": Question(
        "/pipelines/sales/board?stale_days=30", lambda a: [row for row in a["stages"] if row["count"]],
        "SELECT stage, sum(opportunities) AS count, sum(amount) AS amount, sum(amount_weighted) AS weighted, "
        "sum(stale) AS stale, extract(epoch FROM sum(age) / sum(opportunities)::float8) AS mean_age_seconds "
        "FROM read.board WHERE pipeline = 'sales' GROUP BY stage",
    ),
    "board by owner, team and period": Question(
        "/pipelines/sales/board?owner_id={ann}&team_member_id={ann}&closing_since=2026-05-15"
        "&closing_until=2026-05-16", lambda a: [row for row in a["stages"] if row["count"]],
        "SELECT stage, sum(opportunities) AS count, sum(amount) AS amount, sum(amount_weighted) AS weighted "
        "FROM read.board WHERE pipeline = 'sales' AND owner_id = '{ann}' AND team ? '{ann}' "
        "AND closing_on >= '2026-05-15' AND closing_on < '2026-05-16' GROUP BY stage",
    ),
    "stale ones": Question(
        "/opportunities?outcome=open&stage_entered_at[lt]=2026-03-01T00:00:00Z", rows_in("opportunities"),
        "SELECT id, stage_entered_at FROM read.opportunity "
        "WHERE outcome = 'open' AND stage_entered_at < '2026-03-01T00:00:00Z'",
    ),
    "history of stages and amounts": Question(
        "/opportunities/{lost}/history",
        lambda a: [row | {"amount": row["amount"]["amount"]} for row in a["versions"]],
        "SELECT version, time, recorded, stage, outcome, amount, lost_reason, competitor "
        "FROM read.opportunity_version WHERE id = '{lost}'",
    ),
    "won and lost with reasons": Question(
        "/pipelines/sales/outcomes?since=2026-02-01T00:00:00Z&until=2026-03-01T00:00:00Z", rows_in("rows"),
        "SELECT outcome, lost_reason, competitor, sum(opportunities) AS count, sum(amount) AS amount "
        "FROM read.outcome WHERE pipeline = 'sales' AND closed_on >= '2026-02-01' "
        "AND closed_on < '2026-03-01' GROUP BY outcome, lost_reason, competitor",
    ),
    "forecast by month and category": Question(
        "/pipelines/sales/forecast", rows_in("rows"),
        "SELECT month, forecast_category, sum(opportunities) AS count, sum(amount) AS amount, "
        "sum(amount_weighted) AS weighted FROM read.forecast WHERE pipeline = 'sales' "
        "GROUP BY month, forecast_category",
    ),
    "what changed since a date": Question(
        "/pipelines/sales/changes?since={since}", rows_in("changes"),
        "SELECT id, max(version) AS version, max(recorded) AS recorded, "
        "(array_agg(stage_before ORDER BY version))[1] AS stage_before, "
        "(array_agg(stage ORDER BY version DESC))[1] AS stage, "
        "(array_agg(amount_before ORDER BY version))[1] AS amount_before, "
        "(array_agg(amount ORDER BY version DESC))[1] AS amount "
        "FROM read.opportunity_change WHERE pipeline = 'sales' AND recorded > '{since}' GROUP BY id",
    ),
    "cases by customer": Question(
        "/customers/{customer}/cases", rows_in("cases"),
        "SELECT id, kind, state, opened_at FROM read.case WHERE customer_id = '{customer}'",
    ),
    "cases by queue": Question(
        "/cases?queue=desk", rows_in("cases"), "SELECT id, state FROM read.case WHERE queue = 'desk'"
    ),
    "first response and resolution": Question(
        "/service/times", rows_in("rows"),
        "SELECT priority, count(*) AS cases, count(response) AS responded, "
        "extract(epoch FROM avg(response)) AS response_mean, count(first_resolution) AS first_resolved, "
        "extract(epoch FROM avg(first_resolution)) AS first_resolution_mean, count(resolution) AS resolved, "
        "extract(epoch FROM avg(resolution)) AS resolution_mean, extract(epoch FROM percentile_cont(0.5) "
        "WITHIN GROUP (ORDER BY resolution)) AS resolution_median FROM read.case_times GROUP BY priority",
    ),
    "backlog": Question(
        "/service/backlog", rows_in("rows"),
        "SELECT queue, priority, cases, oldest_opened_at, mean_age AS mean_age_seconds FROM read.backlog",
    ),
    "reopen rate": Question(
        "/service/reopenRate?since=2026-03-01T00:00:00Z&until=2026-04-01T00:00:00Z", whole,
        "SELECT sum(resolved) AS resolved, sum(reopened) AS reopened, sum(reopenings) AS reopenings, "
        "sum(reopened) / sum(resolved) AS rate FROM read.reopening "
        "WHERE resolved_on >= '2026-03-01' AND resolved_on < '2026-04-01'",
    ),
    "complaints by product and cause": Question(
        "/service/complaints", rows_in("rows"),
        "SELECT product, cause, sum(complaints) AS cases, sum(open) AS open FROM read.complaint "
        "GROUP BY product, cause",
    ),
    "reported SLA": Question(
        "/service/reportedSla", whole,
        "SELECT sum(met) AS met, sum(missed) AS missed, sum(unknown) AS unknown FROM read.reported_sla",
    ),
}  # fmt: skip


def plain(value: Any) -> Any:
    """A value as both sides can be compared: numbers to the thousandth, instants in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return plain(value.total_seconds())
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and "T" in value and value.endswith("Z"):
        return plain(datetime.fromisoformat(value))
    try:
        return round(float(value), 3)
    except (TypeError, ValueError):
        return str(value)


@dataclass
class Sales:
    """Three opportunities of one customer: one open, one won, one lost that was reopened and lost again. And
    what it bought, said and complained about."""

    api: Api
    ids: dict[str, str]

    def get(self, path: str) -> dict[str, Any]:
        answer = self.api.client.get("/v1" + path.format(**self.ids))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture(scope="module")
def sales(postgres: LocalPostgres) -> Iterator[Sales]:
    with database(postgres, "questions") as url, running(url) as api:
        yield sold(api)


def sold(api: Api) -> Sales:
    ann = api.create("principals", kind="agent", name="Ann")
    customer = api.create("customers", kind="organisation", name="Acme", tags=["key"])
    ids = {"ann": ann, "customer": customer, "nobody": str(uuid4())}
    served(api, customer)

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
    api.catch_up(projections=ALL_PROJECTIONS)
    made = Sales(api, ids)
    ids["since"] = made.get("/opportunities/{lost}/history")["versions"][1]["recorded"]
    return made


def served(api: Api, customer: str) -> None:
    """A contact with a consent, purchases, a mail and a survey; three complaints, two of them resolved, of
    these one reopened and one closed."""
    contact = api.create("contacts", customer_id=customer, name="Ann Example", role="buyer")
    point = str(uuid4())
    api.change("contacts", contact, "addPoint", kind="email", value="ann@example.org", point_id=point)
    given = api.change(
        "contacts",
        contact,
        "giveConsent",
        point_id=point,
        purpose="news",
        legal_basis="consent",
        source="form",
    )
    assert given.status_code == 200, given.text
    taken: list[tuple[str, str, dict[str, Any]]] = [
        ("purchase", "shop", {"amount": {"amount": "10.50", "currency": "USD"}}),
        ("purchase", "web", {"amount": {"amount": "20", "currency": "USD"}}),
        ("return", "shop", {"amount": {"amount": "5", "currency": "USD"}}),
        ("email", "email", {"direction": "inbound"}),
        ("survey_answer", "email", {"survey": {"question": "csat", "score": 4}}),
        ("survey_answer", "web", {"survey": {"question": "csat", "score": 2}}),
    ]
    for number, (kind, channel, more) in enumerate(taken, start=1):
        api.create(
            "interactions", kind=kind, channel=channel, customer_id=customer, **more,
            at=f"2026-02-{number:02}T00:00:00Z", reference={"source": "test", "external_id": str(number)},
        )  # fmt: skip
    for number, product in enumerate(("GTX", "GTX", None), start=1):
        case = api.create(
            "cases", kind="complaint", priority=1, customer_id=customer, queue="desk", product=product,
            cause="transport" if number == 1 else None, at=f"2026-03-{number:02}T00:00:00Z",
        )  # fmt: skip
        if number < 3:
            api.change("cases", case, "respond", at=f"2026-03-{number:02}T0{number}:00:00Z")
            api.change("cases", case, "resolve", at=f"2026-03-{number + 3:02}T00:00:00Z")
            done = ("reopen", "close")[number - 1]
            answer = api.change("cases", case, done, at="2026-03-20T00:00:00Z")
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered_by_http_and_by_a_view_with_the_same_figures(
    sales: Sales, question: str
) -> None:
    asked = QUESTIONS[question]
    answer = sales.get(asked.path)
    assert answer["meta"]["projection"] in ("customer_360", "pipeline", "service_history")
    assert answer["meta"]["position"] == sales.api.services.head()
    with (
        closing(psycopg2.connect(sales.api.urls.reader)) as connection,
        connection.cursor(cursor_factory=RealDictCursor) as c,
    ):
        c.execute(asked.view.format(**sales.ids))
        shown = [plain(dict(row)) for row in c.fetchall()]
    assert shown, "nothing is compared"
    columns = shown[0].keys()
    told = [plain({name: row[name] for name in columns}) for row in asked.rows(answer)]
    ages = [name for name in columns if "age" in name]  # taken at each answer's own now
    for row, other in zip(sorted(told, key=repr), sorted(shown, key=repr), strict=True):
        for name in ages:
            assert row.pop(name) == pytest.approx(other.pop(name), abs=120)
        assert row == other


def test_every_view_answers_a_question() -> None:
    """Those of `identity` say whose a record is; the others are compared with what HTTP says."""
    asked = {name for question in QUESTIONS.values() for name in re.findall(r"read\.(\w+)", question.view)}
    shown = {view for p in PROJECTIONS if p.name != "identity" for view in p.views}
    assert shown - asked == {"person", "case_version"}, "clear names, and the history of a case"


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
