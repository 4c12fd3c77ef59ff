"""Customers by their external id over HTTP: made so, found, and once however many ask at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import Api, database, problem, running

ACME: dict[str, Any] = {
    "kind": "organisation", "name": "Acme", "attributes": {"sector": "retail"}, "tags": ["key account"],
}  # fmt: skip


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_customers") as url, running(url) as served:
        yield served


def address(external_id: str | None = None, source: str = "erp") -> str:
    return f"/v1/customers/by/{source}/{external_id or uuid4()}"


def put(api: Api, at: str, key: str | None = None, **fields: Any) -> httpx.Response:
    return api.client.put(at, json=fields, headers={"Idempotency-Key": key} if key else {})


def states(api: Api, at: str, *bodies: dict[str, Any]) -> list[tuple[int, str]]:
    answers = [put(api, at, **body) for body in bodies]
    return [(answer.status_code, answer.json()["state"]) for answer in answers]


def test_a_customer_is_created_then_unchanged_then_updated(api: Api) -> None:
    at = address()
    found = states(api, at, ACME, ACME, ACME | {"name": "Acme Corporation"}, ACME | {"tags": []})
    assert found == [(201, "created"), (200, "unchanged"), (200, "updated"), (200, "updated")]
    answer = api.client.get(at)
    record = answer.json()
    assert (answer.headers["etag"], record["version"]) == ('"3"', 3)
    assert (record["name"], record["tags"], record["attributes"]) == ("Acme", [], {"sector": "retail"})
    assert api.client.get(f"/v1/customers/{record['id']}").json() == record


def test_what_is_left_out_stays_and_what_is_named_is_all(api: Api) -> None:
    at = address()
    put(api, at, **ACME | {"attributes": {"sector": "retail", "size": "small"}})
    assert states(api, at, {"kind": "organisation", "name": "Acme"}) == [(200, "unchanged")]
    put(api, at, kind="organisation", name="Acme", attributes={"size": "large"}, tags=["new"])
    record = api.client.get(at).json()
    assert (record["attributes"], record["tags"]) == ({"size": "large"}, ["new"])


def test_preferences_are_registered_changed_upserted_and_looked_back_at(api: Api) -> None:
    german = {"language": "DE", "channel": "phone", "time_zone": "Europe/Berlin"}
    id = api.create("customers", kind="person", name="Ann", preferences=german, at="2026-01-01T00:00:00Z")
    changed = api.change(
        "customers", id, "change", preferences={"language": "en", "contact_hours": "09:00-12:00"},
        remove=["preferences.channel"], at="2026-02-01T00:00:00Z",
    )  # fmt: skip
    assert changed.status_code == 200
    now = {"language": "en", "contact_hours": "09:00-12:00", "time_zone": "Europe/Berlin"}
    assert api.read("customers", id)["preferences"] == now
    then = api.client.get(f"/v1/customers/{id}?as_of=2026-01-15T00:00:00Z").json()
    assert then["preferences"] == german | {"language": "de"}

    at = address()
    found = states(api, at, ACME | {"preferences": german}, ACME, ACME | {"preferences": {"language": "de"}})
    assert found == [(201, "created"), (200, "unchanged"), (200, "updated")]
    assert api.client.get(at).json()["preferences"] == {"language": "de"}


def test_preferences_that_are_none_of_theirs_are_refused_and_not_repeated(api: Api) -> None:
    at = address()
    for bad, code, sentence in (
        ({"colour": "red"}, "validation", "'language', 'channel', 'contact_days'"),
        ({"language": "ask for Ann"}, "invalid", "Give a language tag such as de, pt-BR or zh-Hant-TW."),
        ({"time_zone": "Europe/Atlantis"}, "invalid", "There is no time zone of that name."),
        ({"language": 5}, "validation", "string"),
        ({"language": "x" * 201}, "validation", "200"),
        (["de"], "validation", "dictionary"),
    ):
        answer = put(api, at, **ACME | {"preferences": bad})
        problem(answer, 422, code)
        assert sentence in answer.text, answer.text
        assert "Ann" not in answer.text
    problem(api.client.get(at), 404, "not-found")


def test_an_owner_and_the_profile_change_in_one_version_step_each_at_once(api: Api) -> None:
    at = address()
    put(api, at, **ACME)
    owner = api.client.post("/v1/principals", json={"kind": "agent", "name": "Ann"}).json()["id"]
    answer = put(api, at, **ACME | {"name": "Other", "owner_id": owner})
    assert (answer.json()["state"], answer.json()["version"]) == ("updated", 3)
    assert states(api, at, ACME | {"name": "Other", "owner_id": owner}) == [(200, "unchanged")]
    nobody = put(api, at, **ACME | {"name": "Third", "owner_id": str(uuid4())})
    problem(nobody, 404, "not-found")
    assert api.client.get(at).json()["version"] == 3


def test_asked_for_ten_times_at_once_a_customer_exists_once(api: Api) -> None:
    at, head = address(), api.services.head()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: put(api, at, **ACME), range(10)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.json()["state"] for answer in answers) == ["created"] + ["unchanged"] * 9
    events = api.services.crm.recorder.select_notifications(head + 1, limit=100)
    assert len(events) == 1


def test_a_repeated_key_gives_the_first_answer_whatever_came_later(api: Api) -> None:
    at, key = address(), str(uuid4())
    first = put(api, at, key, **ACME)
    put(api, at, **ACME | {"name": "Later"})
    again = put(api, at, key, **ACME)
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.json()) == (201, first.json())
    assert api.client.get(at).json()["name"] == "Later"
    problem(put(api, at, key, **ACME | {"name": "Another"}), 422, "idempotency-key-reused")


def test_a_person_keeps_its_kind_and_its_name_is_read_in_clear(api: Api) -> None:
    at = address()
    put(api, at, kind="person", name="Ann Example")
    record = api.client.get(at).json()
    assert (record["kind"], record["name"], record["closed"]) == ("person", "Ann Example", {})
    said = problem(put(api, at, **ACME), 422, "invalid")["detail"]
    assert "is registered as a person" in said
    assert "Ann" not in said


def test_external_ids_may_hold_slashes_spaces_and_other_letters(api: Api) -> None:
    for external_id in ("a/b%2Fc", "A%20B", "%C3%A4%3F%23", "..%2Fx", "1:win"):
        at = address(f"{external_id}-{uuid4()}")
        assert states(api, at, ACME, ACME) == [(201, "created"), (200, "unchanged")], external_id
        assert api.client.get(at).status_code == 200


def test_an_external_id_of_another_kind_of_record_is_refused(api: Api) -> None:
    reference = {"source": "erp", "external_id": str(uuid4())}
    product = api.client.post(
        "/v1/products",
        json={"name": "GTX", "list_price": {"amount": "1", "currency": "USD"}, "reference": reference},
    ).json()["id"]
    found = problem(put(api, address(reference["external_id"]), **ACME), 409, "already-claimed")
    assert found["id"] == product


def test_a_merged_customer_is_not_changed_and_says_who_it_is_now(api: Api) -> None:
    going, staying = address(), address()
    put(api, going, **ACME)
    survivor = put(api, staying, **ACME).json()["id"]
    id = api.client.get(going).json()["id"]
    merged = api.client.post(
        f"/v1/customers/{id}:merge", json={"survivor_id": survivor}, headers={"If-Match": '"1"'}
    )
    assert merged.status_code == 200, merged.text
    problem(put(api, going, **ACME | {"name": "Other"}), 409, "move-refused")
    record = api.client.get(going).json()
    assert (record["state"], record["survivor_id"]) == ("merged", survivor)
    assert api.client.get(staying).json()["absorbed"] == [id]


def test_a_second_system_finds_the_customer_that_it_was_made_known_to(api: Api) -> None:
    """Given a customer of one system, when another system's external id is added, then that system's upsert
    changes it and makes no second one, and both find it."""
    first, second = address(), address(source="shop")
    put(api, first, **ACME)
    id = api.client.get(first).json()["id"]
    problem(api.client.get(second), 404, "not-found")
    reference = {"source": "shop", "external_id": second.rsplit("/", 1)[1]}
    added = api.change("customers", id, "addReference", reference=reference)
    assert (added.status_code, added.json()["version"]) == (200, 2)

    assert states(api, second, ACME, ACME | {"name": "Acme Corporation"}) == [
        (200, "unchanged"), (200, "updated")
    ]  # fmt: skip
    record = api.client.get(second).json()
    assert (record["id"], record["version"]) == (id, 3)
    assert [each["source"] for each in record["references"]] == ["erp", "shop"]
    item = ACME | {"reference": reference, "name": "Acme Corporation"}
    batch = api.client.post("/v1/customers:batchUpsert", json=[item])
    assert [(each["state"], each["id"]) for each in batch.json()["results"]] == [("unchanged", id)]

    again = api.change("customers", id, "addReference", reference=reference)
    assert (again.status_code, again.json()["version"]) == (200, 3)


def test_an_external_id_that_another_record_has_is_not_added(api: Api) -> None:
    mine, other = address(), address()
    put(api, mine, **ACME)
    put(api, other, **ACME)
    id, owner = (api.client.get(at).json()["id"] for at in (mine, other))
    taken = {"source": "erp", "external_id": other.rsplit("/", 1)[1]}
    found = problem(api.change("customers", id, "addReference", reference=taken), 409, "already-claimed")
    assert found["id"] == owner
    assert f"is already the record {owner}" in found["detail"]
    assert api.read("customers", id)["version"] == 1


def test_adding_an_external_id_takes_a_version_and_a_good_one(api: Api) -> None:
    at = address()
    put(api, at, **ACME)
    to = f"/v1/customers/{api.client.get(at).json()['id']}:addReference"
    good = {"reference": {"source": "shop", "external_id": str(uuid4())}}
    problem(api.client.post(to, json=good), 428, "precondition-required")
    problem(api.client.post(to, json=good, headers={"If-Match": '"7"'}), 412, "concurrent-change")
    problem(api.send("POST", to, "crm:read", json=good, headers={"If-Match": "*"}), 403, "scope-missing")
    for bad, code in (
        ({}, "validation"),
        ({"reference": {"source": "shop"}}, "validation"),
        ({"reference": {"source": "shop", "external_id": "x" * 201}}, "validation"),
        ({"reference": {"source": "shop", "external_id": "a\x00b"}}, "validation"),
        ({"reference": {"source": "shop", "external_id": " "}}, "invalid"),
    ):
        problem(api.client.post(to, json=bad, headers={"If-Match": "*"}), 422, code)
    assert api.client.get(at).json()["version"] == 1


def test_unknown_ones_are_404_and_bad_addresses_422(api: Api) -> None:
    problem(api.client.get(address()), 404, "not-found")
    problem(api.client.get(f"/v1/customers/{uuid4()}"), 404, "not-found")
    problem(put(api, address("%00"), **ACME), 422, "validation")
    problem(put(api, address("x" * 201), **ACME), 422, "validation")
    problem(put(api, address("%20"), **ACME), 422, "invalid")
    problem(put(api, address(), **ACME | {"kind": "robot"}), 422, "validation")
    problem(put(api, address(), **ACME | {"nmae": "Acme"}), 422, "validation")


def test_reading_and_writing_need_their_own_scopes(api: Api) -> None:
    at = address()
    problem(api.send("PUT", at, "crm:read", json=ACME), 403, "scope-missing")
    assert api.send("PUT", at, "crm:write", json=ACME).status_code == 201
    problem(api.send("GET", at, "crm:write"), 403, "scope-missing")
    assert api.send("GET", at, "crm:read").status_code == 200
