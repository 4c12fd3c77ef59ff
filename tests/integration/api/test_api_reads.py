"""Reads over HTTP: one opportunity, filters, orders, pages, the board, and what an answer says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from api.sales.opportunities import FIELDS
from deploy.local.postgres import LocalPostgres
from tests.support.http import Api, database, problem, running

COUNT = 23


def usd(amount: int) -> dict[str, str]:
    return {"amount": str(amount), "currency": "USD"}


@dataclass
class Filled:
    """An API with opportunities in it. `ids[n]` was opened on day n + 1 of 2026 for n dollars (every fifth
    without an amount); every fourth is won a month later, number 5 is lost on January 30; `ann` owns the even
    ones, `bob` the odd ones; every tenth is for the product `gtx`."""

    api: Api
    ids: list[str]
    ann: str
    bob: str
    acme: str
    acme_inc: str
    gtx: str

    def get(self, path: str = "/v1/opportunities", **parameters: Any) -> dict[str, Any]:
        answer = self.api.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def numbers(self, **parameters: Any) -> list[int]:
        """The numbers of the opportunities on one page, in its order."""
        return [self.ids.index(row["id"]) for row in self.get(**parameters)["opportunities"]]

    def pages(self, **parameters: Any) -> list[list[int]]:
        """All pages, each by following the token of the one before."""
        found: list[list[int]] = []
        token: dict[str, Any] = {}
        while True:
            page = self.get(**(token or parameters))
            found.append([self.ids.index(row["id"]) for row in page["opportunities"]])
            if page["next_page_token"] is None:
                return found
            token = {"page_token": page["next_page_token"], "page_size": parameters.get("page_size", 50)}


@pytest.fixture(scope="module")
def filled(postgres: LocalPostgres) -> Iterator[Filled]:
    with database(postgres, "api_reads") as url, running(url) as api:
        post = api.client.post
        ann, bob = (
            post("/v1/principals", json={"kind": "agent", "name": name, "at": "2025-01-01T00:00:00Z"}).json()[
                "id"
            ]
            for name in ("Ann", "Bob")
        )
        acme, acme_inc = (
            post(
                "/v1/customers", json={"kind": "organisation", "name": "Acme", "at": "2025-01-01T00:00:00Z"}
            ).json()["id"]
            for _ in range(2)
        )
        gtx = api.create("products", name="GTX", list_price=usd(5), at="2025-01-01T00:00:00Z")
        ids = []
        for n in range(COUNT):
            made = api.open(
                amount=None if n % 5 == 0 else usd(n),
                owner_id=bob if n % 2 else ann,
                customer_id={1: acme, 2: acme_inc}.get(n),
                product_id=None if n % 10 else gtx,
                stage="proposal" if n % 3 == 0 else "prospecting",
                forecast_category="omitted" if n == 2 else "pipeline",
                expected_close=f"2026-06-{n + 1:02}" if n < 20 else None,
                at=f"2026-01-{n + 1:02}T00:00:00Z",
            )
            ids.append(made["id"])
            if n % 4 == 0:
                assert api.move(made["id"], "win", 1, at=f"2026-02-{n + 1:02}T00:00:00Z").status_code == 200
            if n == 5:
                lost = api.move(made["id"], "lose", 1, reason="price", at="2026-01-30T00:00:00Z")
                assert lost.status_code == 200
        post(
            f"/v1/customers/{acme_inc}:merge",
            json={"survivor_id": acme, "at": "2026-03-01T00:00:00Z"},
            headers={"If-Match": '"1"'},
        )
        api.catch_up()
        yield Filled(api, ids, ann, bob, acme, acme_inc, gtx)


def test_the_newest_change_comes_first(filled: Filled) -> None:
    assert filled.numbers() == list(range(COUNT - 1, -1, -1))


FILTERED: list[tuple[dict[str, str], set[int]]] = [
    ({"outcome": "won"}, {0, 4, 8, 12, 16, 20}),
    ({"stage": "proposal"}, {3, 6, 9, 15, 18, 21}),
    ({"stage[in]": "proposal,won"}, {0, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21}),
    ({"amount[gte]": "21"}, {21, 22}),
    ({"amount[gt]": "21", "amount[lt]": "23"}, {22}),
    ({"amount": "7.00"}, {7}),
    ({"probability[gte]": "50", "outcome": "open"}, {3, 6, 9, 15, 18, 21}),
    ({"opened_at[lt]": "2026-01-03T00:00:00Z"}, {0, 1}),
    ({"opened_at[lte]": "2026-01-03T01:00:00+01:00"}, {0, 1, 2}),
    ({"closed_at[gte]": "2026-02-17T00:00:00Z"}, {16, 20}),
    ({"stage_entered_at[gte]": "2026-02-17T00:00:00Z"}, {16, 20}),
    ({"stage_entered_at[lte]": "2026-01-03T00:00:00Z"}, {1, 2}),
    ({"expected_close": "2026-06-08"}, {7}),
    ({"expected_close[lt]": "2026-06-03"}, {0, 1}),
    ({"forecast_category": "omitted"}, {2}),
    ({"lost_reason": "price"}, {5}),
    ({"currency": "USD", "amount[lte]": "3"}, {1, 2, 3}),
    ({"currency[in]": "EUR,GBP"}, set()),
    ({"pipeline": "small"}, set()),
    ({"stage": "proposal' OR 1=1 --"}, set()),
]


@pytest.mark.parametrize(("parameters", "expected"), FILTERED)
def test_filters(filled: Filled, parameters: dict[str, str], expected: set[int]) -> None:
    assert set(filled.numbers(**parameters)) == expected


def test_every_filter_there_is_was_tried() -> None:
    """In the table above, or in a test of its own."""
    named = {name.split("[")[0] for parameters, _ in FILTERED for name in parameters}
    assert named | {"owner_id", "customer_id", "product_id", "updated_at"} == set(FIELDS)


def test_filters_by_product(filled: Filled) -> None:
    assert set(filled.numbers(product_id=filled.gtx)) == {0, 10, 20}


def test_filters_by_the_last_change(filled: Filled) -> None:
    """As of when it was recorded, whatever time it names."""
    last = {row["id"]: row["updated_at"] for row in filled.get(page_size=500)["opportunities"]}
    moment = last[filled.ids[20]]
    assert filled.numbers(**{"updated_at[gt]": moment}) == [22, 21]
    assert filled.numbers(**{"updated_at[gte]": moment, "outcome": "won"}) == [20]
    assert filled.numbers(**{"updated_at[lte]": last[filled.ids[1]]}) == [1, 0]


def test_filters_by_owner(filled: Filled) -> None:
    assert {n % 2 for n in filled.numbers(owner_id=filled.ann)} == {0}
    assert len(filled.numbers(**{"owner_id[in]": f"{filled.ann},{filled.bob}"})) == COUNT


def test_a_customer_s_opportunities_include_those_of_customers_merged_into_it(filled: Filled) -> None:
    assert set(filled.numbers(customer_id=filled.acme)) == {1, 2}
    assert set(filled.numbers(**{"customer_id[in]": filled.acme})) == {1, 2}
    assert filled.numbers(customer_id=str(uuid4())) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("opened_at", list(range(COUNT))),
        ("-opened_at", list(range(COUNT - 1, -1, -1))),
        (
            "-amount,opened_at",
            [22, 21, 19, 18, 17, 16, 14, 13, 12, 11, 9, 8, 7, 6, 4, 3, 2, 1, 0, 5, 10, 15, 20],
        ),
        ("stage,-opened_at", None),
    ],
)
@pytest.mark.parametrize("page_size", [1, 7, 23, 50])
def test_pages_in_any_order_give_each_once(
    filled: Filled, order: str, expected: list[int] | None, page_size: int
) -> None:
    pages = filled.pages(order_by=order, page_size=page_size)
    found = [n for page in pages for n in page]
    assert sorted(found) == list(range(COUNT))
    assert expected is None or found == expected
    assert {len(page) for page in pages[:-1]} <= {page_size}


def test_a_page_token_carries_its_filters(filled: Filled) -> None:
    first = filled.get(outcome="won", order_by="opened_at", page_size=4)
    assert filled.numbers(page_token=first["next_page_token"]) == [16, 20]
    same = {"outcome": "won", "order_by": "opened_at", "page_token": first["next_page_token"]}
    assert filled.numbers(**same) == [16, 20]


@pytest.mark.parametrize("other", [{"outcome": "lost"}, {"owner_id": str(uuid4())}, {"order_by": "amount"}])
def test_other_arguments_beside_a_page_token_are_400(filled: Filled, other: dict[str, str]) -> None:
    first = filled.get(outcome="won", order_by="opened_at", page_size=4)
    answer = filled.api.client.get(
        "/v1/opportunities", params=other | {"page_token": first["next_page_token"]}
    )
    problem(answer, 400, "page-token")


def test_a_page_is_not_disturbed_by_changes_behind_it(filled: Filled) -> None:
    first = filled.get(order_by="opened_at", page_size=5)
    filled.api.move(filled.ids[1], "changeForecastCategory", "1", category="commit")
    filled.api.catch_up()
    assert filled.numbers(page_token=first["next_page_token"], page_size=3) == [5, 6, 7]


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("colour=red", "unknown-parameter", "does not know the parameter(s) colour. Allowed: "),
        ("ada@example.org", "unknown-parameter", "parameter(s) one that is not a name. Allowed: "),
        ("amount[like]=1", "unknown-parameter", "amount[gte]"),
        ("stage=a&stage=b", "unknown-parameter", "more than once"),
        ("owner_id=ann", "validation", "owner_id"),
        ("amount[gte]=cheap", "validation", "amount[gte]"),
        ("amount=NaN", "validation", "amount"),
        ("amount=1e999", "validation", "amount"),
        ("probability=101", "validation", "probability"),
        ("updated_at[gte]=2026-01-01T00:00:00", "validation", "with its zone"),
        ("updated_at[gte]=0", "validation", "written as in"),
        ("opened_at[gt]=0001-01-01T00:00:00%2B14:00", "validation", "years 1 to 9999"),
        ("expected_close=1e9", "validation", "2017-12-31"),
        ("stage=%ff%00", "validation", "control"),
        ("amount=1e-20", "validation", "decimal places"),
        ("stage=%00", "validation", "control"),
        ("stage=", "validation", "stage"),
        ("page_size=0", "validation", "query.page_size"),
        ("page_size=501", "validation", "query.page_size"),
        ("order_by=name", "validation", "updated_at"),
        ("order_by=amount,-amount", "validation", "different"),
        ("order_by=", "validation", "order_by"),
        ("wait_ms=10001", "validation", "query.wait_ms"),
        ("on_timeout=maybe", "validation", "stale"),
        ("owner_id[in]=" + ",".join([str(uuid4())] * 101), "validation", "100"),
    ],
)
def test_what_a_list_does_not_take_is_422(filled: Filled, query: str, code: str, said: str) -> None:
    answer = filled.api.client.get(f"/v1/opportunities?{query}")
    assert said in problem(answer, 422, code)["detail"]


def test_a_page_token_of_nobody_is_400(filled: Filled) -> None:
    problem(filled.api.client.get("/v1/opportunities?page_token=rubbish"), 400, "page-token")


def test_one_opportunity_has_its_version_as_etag(filled: Filled) -> None:
    answer = filled.api.client.get(f"/v1/opportunities/{filled.ids[4]}")
    row = answer.json()["opportunity"]
    assert (answer.headers["etag"], row["version"], row["outcome"]) == ('"2"', 2, "won")
    assert row["closed_at"] == "2026-02-05T00:00:00Z"
    assert row["amount"] == {"amount": "4", "currency": "USD", "rate": "1"}


def test_an_unknown_opportunity_is_404(filled: Filled) -> None:
    id = str(uuid4())
    assert id in problem(filled.api.client.get(f"/v1/opportunities/{id}"), 404, "not-found")["detail"]


def board(filled: Filled, **parameters: Any) -> dict[str, tuple[int, str]]:
    body = filled.get("/v1/pipelines/sales/board", **parameters)
    return {stage["stage"]: (stage["count"], stage["amount"]) for stage in body["stages"]}


def test_the_board_has_every_stage_in_order_and_sums_to_the_list(filled: Filled) -> None:
    body = filled.get("/v1/pipelines/sales/board")
    assert [stage["stage"] for stage in body["stages"]] == [
        "prospecting", "qualification", "proposal", "negotiation", "won", "lost",
    ]  # fmt: skip
    rows = filled.get(page_size=500)["opportunities"]
    total = sum(Decimal(row["amount"]["amount"]) for row in rows if row["amount"])
    weighted = sum(
        Decimal(row["amount"]["amount"]) * row["probability"] / 100 for row in rows if row["amount"]
    )
    assert body["totals"]["count"] == len(rows) == COUNT
    assert Decimal(body["totals"]["amount"]) == total
    assert Decimal(body["totals"]["weighted"]) == weighted
    won = next(stage for stage in body["stages"] if stage["stage"] == "won")
    assert (won["count"], won["amount"], won["kind"], won["mean_age_seconds"]) == (6, "40", "won", None)


def test_the_board_as_of_a_business_time(filled: Filled) -> None:
    then = board(filled, as_of="2026-01-04T00:00:00Z")
    assert then["prospecting"] == (2, "3")
    assert then["proposal"] == (2, "3")
    assert then["won"] == (0, "0")
    assert board(filled, as_of="2026-02-06T00:00:00Z")["won"] == (2, "4")
    assert sum(count for count, _ in board(filled, as_of="2025-12-31T00:00:00Z").values()) == 0


def test_the_board_as_of_now_is_the_board(filled: Filled) -> None:
    assert board(filled, as_of="2027-12-31T00:00:00Z") == board(filled)


def test_the_board_as_it_was_known_before_anything_was_recorded_is_empty(filled: Filled) -> None:
    """The history is of January, but it was recorded during this test."""
    known = board(filled, as_of="2026-02-06T00:00:00Z", known_at="2026-02-06T00:00:00Z")
    assert sum(count for count, _ in known.values()) == 0


def test_the_board_of_one_owner(filled: Filled) -> None:
    counts = [
        sum(count for count, _ in board(filled, owner_id=owner).values())
        for owner in (filled.ann, filled.bob)
    ]
    assert counts == [12, 11]


@pytest.mark.parametrize("given", ["nowhere", "SALES", "a%20b"])
def test_an_unknown_pipeline_is_refused(filled: Filled, given: str) -> None:
    answer = filled.api.client.get(f"/v1/pipelines/{given}/board")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_pipelines_are_listed_with_stages_and_lost_reasons(filled: Filled) -> None:
    sales, small = filled.get("/v1/pipelines")["pipelines"]
    assert (sales["id"], small["id"]) == ("sales", "small")
    assert sales["lost_reasons"] == ["price", "other"]
    assert sales["stages"][0] == {
        "id": "prospecting", "name": "Prospecting", "kind": "open", "probability": 10,
    }  # fmt: skip


def test_an_answer_says_where_it_comes_from(filled: Filled) -> None:
    meta = filled.get()["meta"]
    assert meta == {
        "projection": "pipeline", "version": 1, "position": filled.api.services.head(),
        "lag": {"events": 0, "seconds": 0.0}, "source": "read_model", "stale": False, "parked": 0,
        "parked_here": None,
        "models": [
            {
                "projection": name, "version": 1, "position": filled.api.services.head(),
                "lag": {"events": 0, "seconds": 0.0},
            }
            for name in ("pipeline", "identity")
        ],
    }  # fmt: skip
