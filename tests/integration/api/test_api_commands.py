"""Commands over HTTP: preconditions, idempotency, refusals, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.postgres import LocalPostgres
from domain.sales.opportunity.state import evolve
from tests.support.http import PRINCIPAL, Api, database, problem, running

USD = {"amount": "100.50", "currency": "USD"}


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_commands") as url, running(url) as served:
        yield served


def register(api: Api, collection: str, **fields: Any) -> str:
    answer = api.client.post(f"/v1/{collection}", json=fields)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def agent(api: Api) -> str:
    return register(api, "principals", kind="agent", name="Ann Example")


def events(api: Api, id: str) -> list[Any]:
    found = api.services.crm.repository.event_store.get(id)  # type: ignore[arg-type]
    return list(found)


def test_opening_answers_id_version_token_and_where_it_is(api: Api) -> None:
    answer = api.client.post("/v1/opportunities", json={"pipeline": "sales", "amount": USD})
    assert answer.status_code == 201
    body = answer.json()
    assert body["version"] == 1
    assert body["ids"] == [body["id"]]
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/v1/opportunities/{body['id']}"
    assert answer.headers["consistency-token"] == body["consistency_token"]
    assert int(body["consistency_token"]) == api.services.head()


def test_the_event_says_who_when_and_in_which_request(api: Api) -> None:
    correlation = str(uuid4())
    answer = api.client.post(
        "/v1/opportunities",
        json={"pipeline": "sales", "at": "2026-01-02T03:04:05+02:00"},
        headers={"Correlation-Id": correlation},
    )
    (event,) = events(api, answer.json()["id"])
    assert str(event.correlation) == correlation == answer.headers["correlation-id"]
    assert (event.actor.id, event.actor.kind) == (PRINCIPAL, "service_account")
    assert event.time.isoformat() == "2026-01-02T01:04:05+00:00"


def test_a_correlation_id_that_is_no_uuid_is_replaced(api: Api) -> None:
    answer = api.client.get("/v1/pipelines", headers={"Correlation-Id": "ann@example.org"})
    assert len(answer.headers["correlation-id"]) == 36


def test_every_move_of_an_opportunity(api: Api) -> None:
    owner, other = agent(api), agent(api)
    customer = register(api, "customers", kind="organisation", name="Acme")
    product = register(api, "products", name="GTX", list_price=USD)
    id = api.open(amount=USD, owner_id=owner)["id"]
    item = {"product_id": product, "quantity": "2", "price": USD, "discount": "10"}
    moves: list[tuple[str, dict[str, Any]]] = [
        ("moveStage", {"stage": "proposal"}),
        ("changeAmount", {"amount": {"amount": "7", "currency": "EUR", "rate": "1.1"}}),
        ("linkCustomer", {"customer_id": customer}),
        ("assignOwner", {"owner_id": other}),
        ("changeTeam", {"member_ids": [owner, other]}),
        ("changeProducts", {"items": [item]}),
        ("changeCloseDate", {"expected_close": "2027-03-31"}),
        ("changeForecastCategory", {"category": "commit"}),
        ("overrideProbability", {"probability": 66}),
        ("lose", {"reason": "other", "note": "They liked the other one.", "competitor": "Initech"}),
        ("reopen", {}),
        ("win", {"amount": USD}),
    ]
    for version, (verb, fields) in enumerate(moves, start=1):
        answer = api.move(id, verb, version, **fields)
        assert (answer.status_code, answer.headers.get("etag")) == (200, f'"{version + 1}"'), answer.text
    names = [type(event.payload).__name__ for event in events(api, id)]
    assert names == [
        "Opened", "StageChanged", "AmountChanged", "CustomerLinked", "OwnerAssigned", "TeamChanged",
        "ProductsChanged", "CloseDateChanged", "ForecastCategoryChanged", "ProbabilityOverridden", "Lost",
        "Reopened", "Won",
    ]  # fmt: skip
    api.catch_up()
    row = api.client.get(f"/v1/opportunities/{id}").json()["opportunity"]
    assert (row["outcome"], row["probability"], row["forecast_category"]) == ("won", 100, "commit")
    assert row["amount"] == {"amount": "100.5", "currency": "USD", "rate": "1"}
    assert (row["customer_id"], row["owner_id"], row["team"]) == (customer, other, [owner, other])
    assert row["products"][0]["quantity"] == "2"


def test_a_change_that_needs_no_facts_needs_no_body(api: Api) -> None:
    id = api.open()["id"]
    assert api.move(id, "win", 1).status_code == 200
    answer = api.client.post(f"/v1/opportunities/{id}:reopen", headers={"If-Match": '"2"'})
    assert answer.status_code == 200, answer.text


def test_a_move_without_if_match_is_428_and_changes_nothing(api: Api) -> None:
    id = api.open()["id"]
    answer = api.client.post(f"/v1/opportunities/{id}:win", json={})
    assert "If-Match" in problem(answer, 428, "precondition-required")["detail"]
    assert len(events(api, id)) == 1


@pytest.mark.parametrize("sent", ["1", 'W/"1"', '"1", "2"', '"01"', '"-1"', '"1', "", '"99999999999999999"'])
def test_an_if_match_that_is_no_etag_of_ours_is_400(api: Api, sent: str) -> None:
    id = api.open()["id"]
    answer = api.client.post(f"/v1/opportunities/{id}:win", json={}, headers={"If-Match": sent})
    problem(answer, 400, "malformed")


def test_a_stale_version_is_412_and_says_which_there_is(api: Api) -> None:
    id = api.open()["id"]
    assert api.move(id, "moveStage", 1, stage="proposal").status_code == 200
    found = problem(api.move(id, "moveStage", 1, stage="negotiation"), 412, "concurrent-change")
    assert (found["expected"], found["found"]) == (1, 2)
    assert len(events(api, id)) == 2


def test_a_star_takes_whatever_version_there_is(api: Api) -> None:
    id = api.open()["id"]
    api.move(id, "moveStage", 1, stage="proposal")
    answer = api.client.post(f"/v1/opportunities/{id}:win", json={}, headers={"If-Match": "*"})
    assert answer.json()["version"] == 3


def test_of_ten_changes_to_one_version_one_is_made(api: Api) -> None:
    id = api.open()["id"]
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(
                lambda percent: api.move(id, "overrideProbability", 1, probability=percent), range(50, 60)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    assert len(events(api, id)) == 2


def keyed(api: Api, key: str, path: str = "/v1/opportunities", **fields: Any) -> httpx.Response:
    return api.client.post(path, json=fields, headers={"Idempotency-Key": key})


def test_the_same_key_and_request_give_the_same_answer_once_recorded(api: Api) -> None:
    key, head = str(uuid4()), api.services.head()
    first = keyed(api, key, pipeline="sales", amount=USD)
    again = keyed(api, key, amount=USD, pipeline="sales")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    # Not the next position: changes that were refused at the same time, by a test before, have burnt some.
    assert len(api.services.crm.recorder.select_notifications(head + 1, limit=10)) == 1


def test_the_same_key_with_another_request_is_refused(api: Api) -> None:
    key = str(uuid4())
    keyed(api, key, pipeline="sales")
    problem(keyed(api, key, pipeline="small"), 422, "idempotency-key-reused")
    problem(keyed(api, key, "/v1/products", name="X", list_price=USD), 422, "idempotency-key-reused")


def test_a_repeated_move_is_not_stale_though_its_version_has_passed(api: Api) -> None:
    """The client that lost the answer repeats the request as it was, old If-Match included."""
    id = api.open()["id"]
    headers = {"If-Match": '"1"', "Idempotency-Key": str(uuid4())}
    first = api.client.post(f"/v1/opportunities/{id}:win", json={}, headers=headers)
    again = api.client.post(f"/v1/opportunities/{id}:win", json={}, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert len(events(api, id)) == 2


def test_ten_requests_with_one_key_at_once_record_once(api: Api) -> None:
    key, head = str(uuid4()), api.services.head()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: keyed(api, key, pipeline="sales"), range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(api.services.crm.recorder.select_notifications(head + 1, limit=10)) == 1


def test_a_repeated_refusal_is_the_same_refusal(api: Api) -> None:
    id = api.open()["id"]
    api.move(id, "win", 1)
    headers = {"If-Match": '"2"', "Idempotency-Key": str(uuid4())}
    for _ in range(2):
        answer = api.client.post(f"/v1/opportunities/{id}:win", json={}, headers=headers)
        assert problem(answer, 409, "move-refused")["allowed"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
def test_a_malformed_key_is_400(api: Api, key: str) -> None:
    problem(keyed(api, key, pipeline="sales"), 400, "malformed")


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"pipeline": "nowhere"}, "invalid", "sales"),
        ({"pipeline": "sales", "stage": "nowhere"}, "invalid", "prospecting"),
        ({"pipeline": "sales", "amount": {"amount": "-1", "currency": "USD"}}, "invalid", "negative"),
        ({"pipeline": "sales", "amount": {"amount": "1", "currency": "XXX"}}, "invalid", "ISO 4217"),
        ({"pipeline": "sales", "amount": {"amount": "NaN", "currency": "USD"}}, "validation", "body.amount"),
        ({"pipeline": "sales", "amount": {"amount": "1e400", "currency": "USD"}}, "validation", "amount"),
        ({"pipeline": "sales", "amount": {"amount": "1", "currency": "DOLLARS"}}, "validation", "currency"),
        ({"pipeline": "sales", "amount": "100"}, "validation", "body.amount"),
        ({"pipeline": "sales", "owner": "x"}, "validation", "body.owner"),
        ({"pipeline": "sales", "owner_id": "ann@example.org"}, "validation", "body.owner_id"),
        ({"pipeline": "sales", "at": "2026-01-01T00:00:00"}, "validation", "body.at"),
        ({"pipeline": "sales", "at": 0}, "validation", "written as in"),
        ({"pipeline": "sales", "at": "0001-01-01T00:00:00+14:00"}, "validation", "years 1 to 9999"),
        ({"pipeline": "sales", "expected_close": 0}, "validation", "2017-12-31"),
        ({"pipeline": "sales", "amount": {"amount": 0.1, "currency": "USD"}}, "validation", "string"),
        ({"pipeline": "sales", "at": "2999-01-01T00:00:00Z"}, "time-refused", "ahead"),
        ({"pipeline": "sa\x00les"}, "validation", "control"),
        ({}, "validation", "body.pipeline"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    api: Api, fields: dict[str, Any], code: str, said: str
) -> None:
    head = api.services.head()
    answer = api.client.post("/v1/opportunities", json=fields)
    assert said in problem(answer, 422, code)["detail"]
    assert "ann@example.org" not in answer.text, "a refusal never quotes personal values"
    assert api.services.head() == head


def test_a_lone_surrogate_is_refused(api: Api) -> None:
    answer = api.client.post(
        "/v1/opportunities",
        content=rb'{"pipeline": "\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    problem(answer, 422, "validation")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b'{"pipeline": ' + b"9" * 5_000 + b"}"])
def test_what_cannot_be_parsed_is_400(api: Api, body: bytes) -> None:
    answer = api.client.post("/v1/opportunities", content=body, headers={"Content-Type": "application/json"})
    problem(answer, 400, "malformed")


def test_broken_json_is_400_and_says_where(api: Api) -> None:
    answer = api.client.post(
        "/v1/opportunities", content=b'{"pipeline": ', headers={"Content-Type": "application/json"}
    )
    assert "character 13" in problem(answer, 400, "malformed")["detail"]


def test_a_body_that_is_not_marked_as_json_is_415(api: Api) -> None:
    answer = api.client.post(
        "/v1/opportunities", content=b'{"pipeline": "sales"}', headers={"Content-Type": "text/plain"}
    )
    problem(answer, 415, "media-type")


def test_an_unknown_id_is_404(api: Api) -> None:
    problem(api.move(str(uuid4()), "win", 1), 404, "not-found")


def test_a_second_record_of_one_external_id_is_409_and_names_the_first(api: Api) -> None:
    reference = {"source": "erp", "external_id": "4711"}
    first = register(api, "customers", kind="organisation", name="Acme", reference=reference)
    answer = api.client.post(
        "/v1/customers", json={"kind": "organisation", "name": "Acme", "reference": reference}
    )
    assert problem(answer, 409, "already-claimed")["id"] == first


def test_customers_merge_and_unmerge(api: Api) -> None:
    one, two = (register(api, "customers", kind="person", name=name) for name in ("Ann", "Anne"))
    headers = {"If-Match": '"1"'}
    merged = api.client.post(f"/v1/customers/{one}:merge", json={"survivor_id": two}, headers=headers)
    assert merged.status_code == 200, merged.text
    assert set(merged.json()["ids"]) == {one, two}
    undone = api.client.post(f"/v1/customers/{one}:unmerge", headers={"If-Match": '"2"'})
    assert (undone.status_code, undone.json()["version"]) == (200, 3)


@pytest.mark.parametrize(
    ("collection", "made", "verb", "fields"),
    [
        ("customers", {"kind": "organisation", "name": "Acme"}, "change", {"attributes": {"sector": "it"}}),
        ("customers", {"kind": "person", "name": "Ann"}, "change", {"name": "Anne", "add_tags": ["vip"]}),
        ("principals", {"kind": "team", "name": "East"}, "change", {"region": "East"}),
        ("principals", {"kind": "agent", "name": "Bob"}, "deactivate", {"reason": "left"}),
        ("products", {"name": "GTX", "list_price": USD}, "changePrice", {"price": {**USD, "amount": "9"}}),
        ("products", {"name": "GTX", "list_price": USD}, "discontinue", {}),
    ],
)
def test_changes_of_the_other_records(
    api: Api, collection: str, made: dict[str, Any], verb: str, fields: dict[str, Any]
) -> None:
    id = register(api, collection, **made)
    answer = api.client.post(f"/v1/{collection}/{id}:{verb}", json=fields, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json().get("version")) == (200, 2), answer.text


@pytest.mark.parametrize(
    ("collection", "made", "there", "back", "recorded"),
    [
        ("principals", {"kind": "agent", "name": "Bob"}, "deactivate", "reactivate", "Reactivated"),
        ("products", {"name": "GTX", "list_price": USD}, "discontinue", "reintroduce", "Reintroduced"),
    ],
)
def test_what_was_ended_is_taken_up_again(
    api: Api, collection: str, made: dict[str, Any], there: str, back: str, recorded: str
) -> None:
    id = register(api, collection, **made)
    for version, verb in enumerate((there, back), start=1):
        answer = api.client.post(f"/v1/{collection}/{id}:{verb}", headers={"If-Match": f'"{version}"'})
        assert (answer.status_code, answer.json().get("version")) == (200, version + 1), answer.text
    assert type(events(api, id)[-1].payload).__name__ == recorded


def test_a_customer_is_given_to_an_owner_who_may_change(api: Api) -> None:
    id = register(api, "customers", kind="organisation", name="Acme")
    for version, owner in enumerate((agent(api), agent(api)), start=1):
        answer = api.client.post(
            f"/v1/customers/{id}:assignOwner", json={"owner_id": owner}, headers={"If-Match": f'"{version}"'}
        )
        assert (answer.status_code, answer.json().get("version")) == (200, version + 1), answer.text
        assert api.read("customers", id)["owner_id"] == owner


def test_a_change_that_changes_nothing_keeps_the_version(api: Api) -> None:
    id = api.open()["id"]
    answer = api.move(id, "moveStage", 1, stage="prospecting")
    token = str(api.services.head())  # behind the opening, whose own answer may have been lost
    assert answer.json() == {"id": id, "version": 1, "ids": [id], "consistency_token": token}


def test_what_was_recorded_is_what_the_aggregate_replays(api: Api) -> None:
    opened = api.open(amount=USD)
    api.move(opened["id"], "win", 1)
    state = api.services.crm.load("opportunity", evolve, UUID(opened["id"]))
    assert (state.outcome, state.version) == ("won", 2)
