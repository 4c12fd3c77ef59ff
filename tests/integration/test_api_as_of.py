"""Looking back over HTTP: `as_of` and `known_at` for customer, case, opportunity, timeline and board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore
from deploy.local.postgres import LocalPostgres
from tests.support.http import EVERY, KEY, Api, database, problem, running

BEFORE, FIRST, SECOND, LATER = (f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3, 4))


@dataclass
class Past:
    """A customer of February that was merged away in March, with a case and an opportunity that was linked
    to it in March; all was recorded during this test."""

    api: Api
    customer: str
    survivor: str
    person: str
    case: str
    opportunity: str

    def get(self, path: str, **cut: str) -> httpx.Response:
        return self.api.client.get(f"/v1/{path}", params=cut)

    def read(self, path: str, **cut: str) -> dict[str, Any]:
        answer = self.get(path, **cut)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def every(self) -> dict[str, str]:
        """The five, by what they are called."""
        return {
            "customer": f"customers/{self.customer}",
            "case": f"cases/{self.case}",
            "opportunity": f"opportunities/{self.opportunity}",
            "timeline": f"customers/{self.customer}/timeline",
            "board": "pipelines/sales/board",
        }


@pytest.fixture(scope="module")
def past(postgres: LocalPostgres) -> Iterator[Past]:
    with database(postgres, "api_as_of") as url, running(url) as served:
        yield told(served)


def told(api: Api) -> Past:
    customer = api.create("customers", kind="organisation", name="ACME Ltd", at=FIRST)
    survivor = api.create("customers", kind="organisation", name="Acme", at=FIRST)
    person = api.create("customers", kind="person", name="Ann Example", at=FIRST)
    case = api.create("cases", kind="complaint", priority=3, customer_id=customer, subject="Noise", at=FIRST)
    opportunity = api.create(
        "opportunities", pipeline="sales", amount={"amount": "10", "currency": "USD"}, at=FIRST
    )

    def change(collection: str, id: str, verb: str, **fields: Any) -> None:
        answer = api.change(collection, id, verb, at=SECOND, **fields)
        assert answer.status_code == 200, answer.text

    change("cases", case, "changePriority", priority=1)
    change("opportunities", opportunity, "linkCustomer", customer_id=customer)
    change("opportunities", opportunity, "changeAmount", amount={"amount": "25", "currency": "USD"})
    change("customers", customer, "merge", survivor_id=survivor)
    api.catch_up(projections=EVERY)
    return Past(api, customer, survivor, person, case, opportunity)


def without_cut(body: dict[str, Any]) -> dict[str, Any]:
    """An answer without what it repeats of the question, its age, and the ages in the board's stages."""
    for stage in body.get("stages", ()):
        stage["mean_age_seconds"] = None
    return {name: value for name, value in body.items() if name not in ("as_of", "known_at", "meta")}


@pytest.mark.parametrize("what", ["customer", "case", "opportunity", "timeline", "board"])
def test_as_of_now_equals_now(past: Past, what: str) -> None:
    path = past.every()[what]
    now = without_cut(past.read(path))
    for cut in ({"as_of": LATER}, {"known_at": "2999-01-01T00:00:00Z"}):
        assert without_cut(past.read(path, **cut)) == now


@pytest.mark.parametrize("what", ["customer", "case", "opportunity"])
def test_before_its_first_event_a_record_is_not_there(past: Past, what: str) -> None:
    path = past.every()[what]
    problem(past.get(path, as_of=BEFORE), 404, "not-found")
    problem(past.get(path, as_of=LATER, known_at=LATER), 404, "not-found")


@pytest.mark.parametrize("cut", [{"as_of": BEFORE}, {"known_at": LATER}, {"as_of": LATER, "known_at": LATER}])
def test_before_the_first_event_timeline_and_board_are_empty(past: Past, cut: dict[str, str]) -> None:
    assert past.read(past.every()["timeline"], **cut)["entries"] == []
    assert past.read(past.every()["board"], **cut)["totals"]["count"] == 0


def test_a_customer_is_itself_before_it_was_merged(past: Past) -> None:
    path = past.every()["customer"]
    then, now = past.read(path, as_of=FIRST), past.read(path)
    assert (then["state"], then["survivor_id"], then["version"]) == ("active", None, 1)
    assert (now["state"], now["survivor_id"], now["version"]) == ("merged", past.survivor, 2)
    assert past.read(f"customers/{past.survivor}", as_of=FIRST)["absorbed"] == []
    assert past.get(path, as_of=FIRST).headers["etag"] == '"1"'


def test_a_case_has_the_priority_of_then(past: Past) -> None:
    path = past.every()["case"]
    assert (past.read(path, as_of=FIRST)["priority"], past.read(path)["priority"]) == (3, 1)
    assert past.read(path, as_of=FIRST)["subject"] == "Noise"


def test_an_opportunity_is_nobody_s_before_it_was_linked(past: Past) -> None:
    path = past.every()["opportunity"]
    then, now = past.read(path, as_of=FIRST), past.read(path)
    assert then["meta"]["projection"] == "pipeline"
    assert then["opportunity"]["customer_id"] is None
    assert then["opportunity"]["amount"]["amount"] == "10"
    assert now["opportunity"]["customer_id"] == past.customer
    assert now["opportunity"]["amount"]["amount"] == "25"
    board = past.read(past.every()["board"], as_of=FIRST)
    assert (board["totals"]["count"], board["totals"]["amount"]) == (1, "10")


def test_the_timeline_of_then_is_of_all_that_is_the_customer_now(past: Past) -> None:
    """What was linked and merged later shows its past from before that too."""
    entries = past.read(f"customers/{past.survivor}/timeline", as_of=FIRST)["entries"]
    assert {entry["subject_id"] for entry in entries} == {
        past.customer, past.survivor, past.case, past.opportunity,
    }  # fmt: skip
    assert {entry["occurred"] for entry in entries} == {FIRST}


def test_a_look_back_needs_no_read_model_to_have_caught_up(past: Past) -> None:
    made = past.api.create("opportunities", pipeline="small", at=FIRST)
    problem(past.get(f"opportunities/{made}"), 404, "not-found")
    assert past.read(f"opportunities/{made}", as_of=SECOND)["opportunity"]["version"] == 1
    past.api.catch_up(projections=EVERY)


def test_what_was_erased_is_erased_at_every_time(past: Past) -> None:
    """The past is read with the keys that there are now, or erasure would hide nothing from a look back."""
    path = f"customers/{past.person}"
    assert past.read(path, as_of=FIRST)["name"] == "Ann Example"
    PostgresKeyStore(past.api.urls.app, FileKek(KEY)).destroy(UUID(past.person))
    past.api.cipher.forget()
    then = past.read(path, as_of=FIRST)
    assert (then["name"], then["closed"]) == (None, {"name": "erased"})
    assert past.read(path) == then


@pytest.mark.parametrize("sent", ["yesterday", "2026-02-01", "1769904000", ""])
def test_a_time_that_is_none_is_refused(past: Past, sent: str) -> None:
    for path in past.every().values():
        problem(past.get(path, as_of=sent), 422, "validation")
