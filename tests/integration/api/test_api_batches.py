"""Many items in one request: customers made so by their external ids; all or nothing where asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import Api, database, problem, running
from tests.support.store import execute

UPSERT = "/v1/customers:batchUpsert"
BATCH = "/v1/interactions:batch"
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_batches") as url, running(url) as served:
        yield served


@pytest.fixture
def source() -> str:
    """A source of external ids of its own."""
    return str(uuid4())


def company(source: str, id: str, **fields: Any) -> dict[str, Any]:
    reference = {"source": source, "external_id": id}
    return {"reference": reference, "kind": "organisation", "name": f"Company {id}"} | fields


def call(source: str, id: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "call", "channel": "phone", "reference": {"source": source, "external_id": id}} | fields


def lines(items: Sequence[Any]) -> bytes:
    return b"".join((item if isinstance(item, bytes) else orjson.dumps(item)) + b"\n" for item in items)


def send(
    api: Api, path: str, items: Sequence[Any], *, ndjson: bool = False, key: str | None = None
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    if ndjson:
        return api.client.post(path, content=lines(items), headers=NDJSON | headers)
    return api.client.post(path, json=items, headers=headers)


def states(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["state"] for result in answer.json()["results"]]


@pytest.mark.parametrize("ndjson", [True, False], ids=["ndjson", "json"])
def test_customers_are_made_so_each_by_itself(api: Api, source: str, ndjson: bool) -> None:
    known = company(source, "known", tags=["a"])
    assert states(send(api, UPSERT, [known])) == ["created"]
    person = company(source, "known") | {"kind": "person"}
    items = [
        company(source, "new"),
        known,
        known | {"tags": ["b"], "attributes": {"sector": "retail"}},
        person,
        company(source, "new", name="Renamed"),
        company(source, "lost", parent_id=str(uuid4())),
        {"kind": "organisation"},
        company(source, "new", name="Renamed"),
        company(source, "child"),
    ]
    answer = send(api, UPSERT, items, ndjson=ndjson)
    assert states(answer) == [
        "created", "unchanged", "updated", "failed", "updated", "failed", "failed", "unchanged", "created",
    ]  # fmt: skip
    body = answer.json()
    assert [body[state] for state in ("created", "updated", "unchanged", "failed")] == [2, 2, 2, 3]
    codes = [each["problem"]["code"] for each in body["results"] if each["problem"]]
    assert codes == ["invalid", "not-found", "validation"]
    assert [each["line"] for each in body["results"]] == ([*range(1, 10)] if ndjson else [None] * 9)
    assert int(body["consistency_token"]) == api.services.head()
    record = api.read("customers", body["results"][2]["id"])
    assert (record["tags"], record["attributes"], record["version"]) == (["b"], {"sector": "retail"}, 2)
    renamed = api.read("customers", body["results"][0]["id"])
    assert (renamed["name"], renamed["version"]) == ("Renamed", 2)
    by_reference = api.client.get(f"/v1/customers/by/{source}/child").json()
    assert by_reference["id"] == body["results"][8]["id"]


def test_persons_are_made_so_with_their_names_closed(api: Api, source: str) -> None:
    items = [company(source, f"{n}", kind="person", name=f"Zebedee {n}") for n in range(20)]
    found = send(api, UPSERT, items)
    assert states(found) == ["created"] * 20
    assert api.read("customers", found.json()["results"][7]["id"])["name"] == "Zebedee 7"
    ((seen,),) = execute(
        api.urls.admin, "SELECT count(*) FROM store.event WHERE convert_from(event, 'UTF8') ~ 'Zebedee'"
    )
    assert seen == 0


def test_an_external_id_of_another_kind_of_record_fails_alone(api: Api, source: str) -> None:
    other = api.open(reference={"source": source, "external_id": "deal"})["id"]
    answer = send(api, UPSERT, [company(source, "deal"), company(source, "ours")])
    assert states(answer) == ["failed", "created"]
    refused = answer.json()["results"][0]["problem"]
    assert (refused["code"], refused["id"]) == ("already-claimed", other)


def test_a_key_answers_the_same_whatever_came_later_and_a_failed_item_is_tried_again(
    api: Api, source: str
) -> None:
    lead = str(uuid4())
    items = [company(source, "1"), company(source, "2", owner_id=lead)]
    key = str(uuid4())
    first = send(api, UPSERT, items, key=key)
    assert states(first) == ["created", "failed"]
    assert states(send(api, UPSERT, [company(source, "1", name="Changed"), company(source, "2")])) == [
        "updated", "created",
    ]  # fmt: skip
    again = send(api, UPSERT, items, key=key)
    assert states(again) == ["created", "failed"]
    assert again.json()["results"][0] == first.json()["results"][0]
    assert api.client.get(f"/v1/customers/by/{source}/1").json()["name"] == "Changed"
    other = send(api, UPSERT, [company(source, "3"), items[1]], key=key).json()["results"][0]
    assert (other["state"], other["problem"]["code"]) == ("failed", "idempotency-key-reused")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"kind": "telepathy"}, "validation"),
        ({"customer_id": str(uuid4())}, "not-found"),
        ({"reference": {"source": "known", "external_id": "known"}}, "already-recorded"),
    ],
    ids=["body", "decision", "recorded-before"],
)
@pytest.mark.parametrize("ndjson", [True, False], ids=["ndjson", "json"])
def test_all_or_nothing_is_nothing_and_names_the_item(
    api: Api, source: str, bad: dict[str, Any], code: str, ndjson: bool
) -> None:
    send(api, BATCH, [call("known", "known")])
    items = [call(source, f"{n}") for n in range(6)]
    items[4] = call(source, "4", channel="fax") | bad
    head = api.services.head()
    refused = send(api, f"{BATCH}?mode=atomic", items, ndjson=ndjson)
    body = problem(refused, 422, "item-failed")
    assert (body["index"], body["line"], body["problem"]["code"]) == (4, 5 if ndjson else None, code)
    assert "Item 4" in body["detail"]
    assert api.services.head() == head
    assert states(send(api, BATCH, items, ndjson=ndjson)).count("failed") == 1


def test_all_or_nothing_is_all_in_one_transaction(api: Api, source: str) -> None:
    items = [company(source, f"{n}") for n in range(10)]
    items += [company(source, "0", tags=["a"]), company(source, "1")]
    answer = send(api, f"{UPSERT}?mode=atomic", items)
    assert states(answer) == ["created"] * 10 + ["updated", "unchanged"]
    assert api.read("customers", answer.json()["results"][0]["id"])["tags"] == ["a"]
    ids = sorted({result["id"] for result in answer.json()["results"]})
    ((transactions, events),) = execute(
        api.urls.admin,
        "SELECT count(DISTINCT xmin::text), count(*) FROM store.event WHERE aggregate_id = ANY (%s::uuid[])",
        (ids,),
    )
    assert (transactions, events) == (1, 11)


def test_all_or_nothing_under_a_key_is_done_once(api: Api, source: str) -> None:
    items, key = [call(source, f"{n}") for n in range(5)], str(uuid4())
    first, again = (send(api, f"{BATCH}?mode=atomic", items, key=key) for _ in range(2))
    assert states(first) == ["created"] * 5
    assert first.json() == again.json()
    other = send(api, f"{BATCH}?mode=atomic", [*items[:3], call(source, "x"), *items[4:]], key=key)
    refused = problem(other, 422, "item-failed")
    assert (refused["index"], refused["problem"]["code"]) == (3, "idempotency-key-reused")
    each = send(api, BATCH, items, key=key).json()["results"][0]
    assert each["problem"]["code"] == "idempotency-key-reused", "another mode is another request"


def test_a_mode_that_is_none_is_refused(api: Api, source: str) -> None:
    problem(send(api, f"{UPSERT}?mode=some", [company(source, "1")]), 422, "validation")
    problem(send(api, f"{BATCH}?atomic=1", [call(source, "1")]), 422, "unknown-parameter")


def test_a_thousand_customers_and_their_changes_take_few_transactions(api: Api, source: str) -> None:
    items = [company(source, f"{n}") for n in range(1000)]
    assert set(states(send(api, UPSERT, items))) == {"created"}
    changed = [item | {"name": "Changed"} for item in items[:500]] + items[500:]
    found = states(send(api, UPSERT, changed))
    assert (found.count("updated"), found.count("unchanged")) == (500, 500)
    ((transactions,),) = execute(
        api.urls.admin,
        "SELECT count(DISTINCT e.xmin::text) FROM store.event e JOIN store.claim c ON c.id = e.aggregate_id"
        " WHERE c.source = %s",
        (source,),
    )
    assert transactions == 2


def test_writing_many_needs_the_scope_of_writing(api: Api, source: str) -> None:
    problem(api.send("POST", UPSERT, "crm:read", json=[company(source, "1")]), 403, "scope-missing")
