"""A customer's overview, timeline and cases over HTTP, and finding customers, through merges and links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import ALL_PROJECTIONS, Api, database, problem, running

USD = {"currency": "USD"}


@dataclass
class Story:
    """One customer with a history: merged from two, one of them a converted lead's."""

    api: Api
    acme: str
    merged: str
    lead: str
    case: str

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = self.api.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def overview(self, id: str | None = None, **parameters: Any) -> dict[str, Any]:
        return self.get(f"/v1/customers/{id or self.acme}/overview", **parameters)

    def timeline(self, **parameters: Any) -> dict[str, Any]:
        return self.get(f"/v1/customers/{self.acme}/timeline", **parameters)

    def types(self, **parameters: Any) -> list[str]:
        return [entry["type"] for entry in self.timeline(**parameters)["entries"]]


@pytest.fixture(scope="module")
def story(postgres: LocalPostgres) -> Iterator[Story]:
    with database(postgres, "api_customer_views") as url, running(url) as served:
        yield told(served)


def told(api: Api) -> Story:
    """Purchases of two customers, a case, a contact with a consent, a lead that became the second's."""

    def post(path: str, **fields: Any) -> dict[str, Any]:
        headers = {"If-Match": "*"} if "}:" in path or path.count(":") else {}
        answer = api.client.post(f"/v1/{path}", json=fields, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        body: dict[str, Any] = answer.json()
        return body

    acme = post(
        "customers", kind="organisation", name="Acme Corporation", at="2026-01-01T00:00:00Z",
        reference={"source": "erp", "external_id": "4711"}, tags=["key account"],
        preferences={"language": "DE", "channel": "phone"},
    )["id"]  # fmt: skip
    merged = post("customers", kind="organisation", name="ACME Ltd", at="2026-01-01T00:00:00Z")["id"]
    for number, customer in enumerate([acme, acme, merged], start=1):
        post(
            "interactions", kind="purchase", channel="shop", customer_id=customer,
            amount={"amount": f"{number}0.50"} | USD, at=f"2026-02-0{number}T00:00:00Z",
            reference={"source": "shop", "external_id": str(number)},
        )  # fmt: skip
    post(
        "interactions", kind="email", direction="inbound", channel="email", customer_id=acme,
        subject="A secret subject", body="A secret body", at="2026-02-10T00:00:00Z",
        reference={"source": "mail", "external_id": "1"},
    )  # fmt: skip
    case = post(
        "cases", kind="complaint", priority=1, customer_id=merged, product="GTX", at="2026-02-11T00:00:00Z"
    )["id"]
    contact = post("contacts", customer_id=acme, name="Ann Example", at="2026-01-02T00:00:00Z")["id"]
    point = str(uuid4())
    post(f"contacts/{contact}:addPoint", kind="email", value="ann@example.org", point_id=point)
    post(
        f"contacts/{contact}:giveConsent",
        point_id=point, purpose="newsletter", legal_basis="consent", source="form",
    )  # fmt: skip
    lead = post("leads", name="Bob Builder", company="Acme", at="2026-01-05T00:00:00Z")["id"]
    for to_state in ("working", "qualified"):
        post(f"leads/{lead}:move", to_state=to_state)
    post(f"leads/{lead}:convert", pipeline="sales", customer_id=merged, amount={"amount": "500"} | USD)
    post(f"customers/{merged}:merge", survivor_id=acme)
    api.catch_up(projections=ALL_PROJECTIONS)
    return Story(api, acme, merged, lead, case)


def test_the_overview_is_of_all_that_is_the_customer_now(story: Story) -> None:
    body = story.overview()
    assert body["customer_id"] == story.acme
    assert set(body["parties"]) == {story.acme, story.merged, story.lead}
    profile = body["profile"]
    assert (profile["name"], profile["tags"], profile["merged"]) == (
        "Acme Corporation", ["key account"], [story.merged],
    )  # fmt: skip
    assert profile["references"] == [{"source": "erp", "external_id": "4711"}]
    assert profile["preferences"] == {"language": "de", "channel": "phone"}
    totals = body["totals"]
    assert (totals["purchases"], totals["purchase_value"], totals["interactions"]) == (3, "61.5", 4)
    assert totals["last_contact"]["email"] == "2026-02-10T00:00:00Z"
    assert (totals["csat"], totals["nps"]) == (None, None)
    assert [case["id"] for case in body["cases"]["items"]] == [story.case]
    assert body["opportunities"]["count"] == 1
    assert body["opportunities"]["items"][0]["amount"] == "500"
    names = {contact["name"] for contact in body["contacts"]["items"]}
    assert names == {"Ann Example", "Bob Builder"}
    assert body["contacts"]["count"] == 2
    (consent,) = body["consents"]["items"]
    assert (consent["purpose"], consent["active"]) == ("newsletter", True)
    assert len(body["timeline"]["items"]) == 5
    assert body["meta"]["projection"] == "customer_360"


def test_a_merged_customer_s_overview_is_its_survivor_s(story: Story) -> None:
    for id in (story.merged, story.lead):
        assert story.overview(id, sections="profile")["customer_id"] == story.acme


def test_sections_are_those_that_were_asked_for(story: Story) -> None:
    body = story.overview(sections="totals,profile")
    assert set(body) == {"as_of", "known_at", "customer_id", "parties", "profile", "totals", "meta"}
    refused = story.api.client.get(f"/v1/customers/{story.acme}/overview?sections=profile,secrets")
    assert "consents" in problem(refused, 422, "validation")["allowed"]
    assert story.overview(sections="contacts", first=1)["contacts"]["count"] == 2


def test_the_timeline_is_newest_first_in_pages_that_give_each_once(story: Story) -> None:
    whole = story.timeline(page_size=500)
    times = [entry["occurred"] for entry in whole["entries"]]
    assert times == sorted(times, reverse=True)
    assert whole["next_page_token"] is None
    page, found = story.timeline(page_size=3), []
    while True:
        found += page["entries"]
        if page["next_page_token"] is None:
            break
        page = story.timeline(page_size=3, page_token=page["next_page_token"])
    assert found == whole["entries"]
    parties = {entry["party"] for entry in found}
    assert {story.acme, story.merged, story.lead} <= parties


def test_the_overview_s_timeline_goes_on_at_the_timeline(story: Story) -> None:
    section = story.overview(sections="timeline")["timeline"]
    rest = story.timeline(page_token=section["next_page_token"], page_size=500)["entries"]
    assert section["items"] + rest == story.timeline(page_size=500)["entries"]


def test_the_timeline_by_kind_channel_and_period(story: Story) -> None:
    assert story.types(kind="purchase") == ["crm.interaction.recorded"] * 3
    assert len(story.types(channel="email")) == 1
    within = {"from": "2026-02-02T00:00:00Z", "to": "2026-02-10T00:00:00Z"}
    assert story.types(**within) == ["crm.interaction.recorded"] * 2
    assert story.types(kind="case") == ["crm.case.opened"]
    assert story.types(kind="case", channel="email") == []
    early = story.types(as_of="2026-01-01T00:00:00Z")
    assert early == ["crm.customer.registered"], "the other one was merged into it later"
    assert story.types(known_at="2026-02-20T00:00:00Z") == []


def test_a_timeline_token_is_bound_to_the_customer_and_its_cuts(story: Story) -> None:
    token = story.timeline(kind="purchase", page_size=1)["next_page_token"]
    assert len(story.types(page_token=token, page_size=500)) == 2
    other = story.api.client.get(f"/v1/customers/{story.merged}/timeline", params={"page_token": token})
    problem(other, 400, "page-token")
    changed = story.api.client.get(
        f"/v1/customers/{story.acme}/timeline", params={"page_token": token, "kind": "email"}
    )
    problem(changed, 400, "page-token")


def test_the_timeline_holds_no_private_text(story: Story) -> None:
    answer = story.api.client.get(f"/v1/customers/{story.acme}/timeline?page_size=500")
    for private in ("secret", "Ann Example", "ann@example.org", "Bob Builder"):
        assert private not in answer.text
    mail = next(entry for entry in answer.json()["entries"] if entry["kind"] == "email")
    assert mail["has_text"] is True
    record = story.get(f"/v1/interactions/{mail['subject_id']}")
    assert (record["subject"], record["body"]) == ("A secret subject", "A secret body")


def test_search_finds_by_name_and_by_reference(story: Story) -> None:
    by_name = story.get("/v1/customers:search", text="acm")["hits"]
    assert {story.acme, story.merged} <= {hit["id"] for hit in by_name}
    (exact,) = story.get("/v1/customers:search", text="4711")["hits"]
    assert (exact["id"], exact["by_reference"]) == (story.acme, True)
    (person,) = story.get("/v1/customers:search", text="example ann")["hits"]
    assert (person["kind"], person["name"], person["customer_id"]) == ("contact", "Ann Example", story.acme)
    assert story.get("/v1/customers:search", text="nobody")["hits"] == []
    first = story.get("/v1/customers:search", text="acme", page_size=1)
    second = story.get("/v1/customers:search", page_token=first["next_page_token"], page_size=1)
    assert first["hits"][0]["id"] != second["hits"][0]["id"]


def test_a_customer_s_cases_are_those_of_all_its_parties(story: Story) -> None:
    for id in (story.acme, story.merged):
        (case,) = story.get(f"/v1/customers/{id}/cases")["cases"]
        assert (case["id"], case["product"], case["open"]) == (story.case, "GTX", True)
    assert story.get(f"/v1/customers/{story.acme}/cases", state="closed")["cases"] == []


@pytest.mark.parametrize("path", ["overview", "timeline", "cases"])
def test_an_unknown_customer_is_404(story: Story, path: str) -> None:
    problem(story.api.client.get(f"/v1/customers/{uuid4()}/{path}"), 404, "not-found")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("timeline?colour=red", "unknown-parameter"),
        ("timeline?from=yesterday", "validation"),
        ("timeline?kind=", "validation"),
        ("timeline?page_size=0", "validation"),
        ("overview?first=51", "validation"),
        ("cases?priority=high", "validation"),
        ("cases?open=perhaps", "validation"),
        ("cases?order_by=name", "validation"),
    ],
)
def test_what_a_read_does_not_take_is_422(story: Story, path: str, code: str) -> None:
    problem(story.api.client.get(f"/v1/customers/{story.acme}/{path}"), 422, code)


def test_a_search_for_nothing_is_422(story: Story) -> None:
    problem(story.api.client.get("/v1/customers:search"), 422, "validation")
    problem(story.api.client.get("/v1/customers:search?text=%20"), 422, "validation")


def test_an_unmerge_gives_each_its_own_again(story: Story) -> None:
    """The last one: it changes the story."""
    answer = story.api.client.post(
        f"/v1/customers/{story.merged}:unmerge", json={}, headers={"If-Match": "*"}
    )
    assert answer.status_code == 200, answer.text
    story.api.catch_up(projections=ALL_PROJECTIONS)
    mine, other = story.overview(sections="totals"), story.overview(story.merged, sections="totals,cases")
    assert (mine["totals"]["purchases"], mine["totals"]["purchase_value"]) == (2, "31")
    assert (other["totals"]["purchases"], other["totals"]["purchase_value"]) == (1, "30.5")
    assert other["customer_id"] == story.merged
    assert other["cases"]["count"] == 1
