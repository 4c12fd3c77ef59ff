"""Leads and contacts over HTTP: every command, what is read of them, and the conversion."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import httpx
import pytest

from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from tests.support.commanding import told
from tests.support.http import KEY, Api, database, problem, running
from tests.support.store import execute

LEAD = {"name": "Ann Example", "company": "Acme", "email": "ann@example.org", "phone": "+44 20 7946 0000"}


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_people") as url, running(url) as served:
        yield served


def change(api: Api, collection: str, id: str, verb: str, *, expected: int = 200, **fields: Any) -> Any:
    """A change of the version that there is now."""
    version = api.read(collection, id)["version"]
    answer = api.client.post(
        f"/v1/{collection}/{id}:{verb}", json=fields, headers={"If-Match": f'"{version}"'}
    )
    assert answer.status_code == expected, answer.text
    return answer.json()


def qualified(api: Api, **fields: Any) -> str:
    id = api.create("leads", **LEAD | fields)
    change(api, "leads", id, "move", to_state="working")
    change(api, "leads", id, "move", to_state="qualified")
    return id


def convert(api: Api, id: str, **fields: Any) -> httpx.Response:
    return api.client.post(
        f"/v1/leads/{id}:convert", json={"pipeline": "sales"} | fields, headers={"If-Match": "*"}
    )


def test_a_lead_goes_its_way_and_is_read_in_clear(api: Api) -> None:
    owner = api.create("principals", kind="agent", name="Bob")
    id = api.create("leads", **LEAD, campaign="fair")
    for to_state in ("working", "nurturing", "working"):
        change(api, "leads", id, "move", to_state=to_state)
    change(api, "leads", id, "score", score=72, model="fit-2", reasons=["size"])
    change(api, "leads", id, "assignOwner", owner_id=owner)
    change(api, "leads", id, "disqualify", reason="other", note="They moved to another country.")
    assert api.read("leads", id)["disqualified_for"] == "other"
    change(api, "leads", id, "reopen")
    record = api.read("leads", id)
    assert {name: record[name] for name in LEAD} == LEAD
    assert (record["state"], record["score"], record["owner_id"]) == ("working", 72, owner)
    assert (record["campaign"], record["version"], record["closed"]) == ("fair", 8, {})


def test_a_key_whose_own_key_is_not_to_be_had_is_no_defect(api: Api) -> None:
    """The program was started without the key-encryption key that a person's key names."""
    id = api.create("leads", **LEAD)
    kek = "UPDATE keys.person_key SET kek = %s WHERE person = %s"
    ((before,),) = execute(api.urls.admin, "SELECT kek FROM keys.person_key WHERE person = %s", (id,))
    api.cipher.forget()
    execute(api.urls.admin, kek, ("file:0123456789abcdef", id))
    told = problem(api.client.get(f"/v1/leads/{id}"), 503, "unavailable")
    assert "the key that wraps them is not available" in told["detail"]
    execute(api.urls.admin, kek, (before, id))
    assert api.read("leads", id)["name"] == LEAD["name"]


def test_a_move_outside_the_lifecycle_is_refused(api: Api) -> None:
    id = api.create("leads", **LEAD)
    refused = change(api, "leads", id, "move", expected=409, to_state="qualified")
    assert (refused["code"], refused["state"]) == ("move-refused", "new")
    assert api.read("leads", id)["version"] == 1


def test_a_conversion_makes_customer_contact_and_opportunity_at_once(api: Api) -> None:
    id, head = qualified(api), api.services.head()
    answer = convert(api, id, amount={"amount": "100", "currency": "USD"})
    assert answer.status_code == 200, answer.text
    record = api.read("leads", id)
    made_ids = [record["customer_id"], record["contact_id"], record["opportunity_id"]]
    assert answer.json()["ids"] == [id, *made_ids]
    assert api.read("customers", record["customer_id"])["name"] == "Acme"
    contact = api.read("contacts", record["contact_id"])
    assert (contact["name"], contact["customer_id"]) == ("Ann Example", record["customer_id"])
    assert {point["kind"]: point["value"] for point in contact["points"]} == {
        "email": LEAD["email"], "phone": LEAD["phone"],
    }  # fmt: skip
    api.catch_up()
    opportunity = api.client.get(f"/v1/opportunities/{record['opportunity_id']}").json()["opportunity"]
    assert opportunity["customer_id"] == record["customer_id"]
    assert api.services.head() > head


def test_a_lead_converted_again_or_ten_times_at_once_gives_the_same_ids(api: Api) -> None:
    id = qualified(api)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: convert(api, id), range(10)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    found = {tuple(answer.json()["ids"]) for answer in [*answers, convert(api, id)]}
    assert len(found) == 1
    assert len(next(iter(found))) == 4
    assert api.read("leads", id)["state"] == "converted"


def test_a_lead_becomes_the_customer_that_is_named(api: Api) -> None:
    customer = api.create("customers", kind="organisation", name="Acme")
    id = qualified(api)
    assert convert(api, id, customer_id=customer).status_code == 200
    assert api.read("leads", id)["customer_id"] == customer
    linked = api.create("leads", **LEAD)
    change(api, "leads", linked, "linkCustomer", customer_id=customer)
    assert api.read("leads", linked)["customer_id"] == customer


def test_a_conversion_that_is_refused_makes_nothing(api: Api) -> None:
    new, ready, head = api.create("leads", **LEAD), qualified(api), api.services.head()
    problem(convert(api, new), 409, "move-refused")
    problem(convert(api, ready, pipeline="nowhere"), 422, "invalid")
    problem(convert(api, ready, customer_id=str(uuid4())), 404, "not-found")
    assert api.services.head() == head


def test_a_contact_s_points_and_consents(api: Api) -> None:
    customer = api.create("customers", kind="organisation", name="Acme")
    id = api.create("contacts", customer_id=customer, name="Ann Example", role="purchasing")
    point = str(uuid4())
    change(api, "contacts", id, "addPoint", kind="email", value="Ann@Example.org", point_id=point)
    change(api, "contacts", id, "addPoint", kind="phone", value="+44 20 7946 0000")
    change(api, "contacts", id, "verifyPoint", point_id=point, method="link")
    change(
        api, "contacts", id, "giveConsent",
        point_id=point, purpose="newsletter", legal_basis="consent", source="form", double_opt_in=True,
    )  # fmt: skip
    change(api, "contacts", id, "withdrawConsent", point_id=point, purpose="newsletter", source="link")
    change(api, "contacts", id, "change", name="Ann Other", remove=["role"])
    record = api.read("contacts", id)
    assert (record["name"], record["role"], record["version"]) == ("Ann Other", None, 7)
    email, phone = record["points"]
    assert (email["id"], email["value"], email["verified_by"]) == (point, "Ann@Example.org", "link")
    (consent,) = record["consents"]
    assert (consent["purpose"], consent["double_opt_in"]) == ("newsletter", True)
    assert consent["withdrawn_at"] >= consent["given_at"]
    change(api, "contacts", id, "removePoint", point_id=phone["id"])
    assert [each["removed"] for each in api.read("contacts", id)["points"]] == [False, True]


def test_whose_an_address_may_be_is_found_by_the_blind_index(api: Api, tmp_path: Path) -> None:
    """Given an address that two contacts share, and one that has used it before, when it is looked up in any
    spelling, then all are found, the result says who uses it now, and no read model has to have heard of
    it."""
    customer = api.create("customers", kind="organisation", name="Acme")
    ann, bob, former = (api.create("contacts", customer_id=customer, name=name) for name in "ABC")
    for contact, spelling in (
        (ann, "Info@Quux.example"),
        (bob, "info@quux.example "),
        (former, "INFO@QUUX.EXAMPLE"),
    ):
        change(api, "contacts", contact, "addPoint", kind="email", value=spelling)
    (point,) = api.read("contacts", former)["points"]
    change(api, "contacts", former, "removePoint", point_id=point["id"])

    def found(**asked: str) -> dict[str, bool]:
        answer = api.client.post("/v1/contacts:lookup", json=asked)
        assert answer.status_code == 200, answer.text
        assert "quux" not in answer.text.lower()
        candidates = answer.json()["candidates"]
        assert {each["customer_id"] for each in candidates} <= {customer}
        return {each["contact_id"]: each["current"] for each in candidates}

    everybody = {ann: True, bob: True, former: False}
    assert found(kind="email", value=" inFO@quux.EXAMPLE") == everybody
    assert found(kind="email", value="other@quux.example") == {}
    assert found(kind="social", value="info@quux.example") == {}
    refused = problem(
        api.client.post("/v1/contacts:lookup", json={"kind": "email", "value": "quux"}), 422, "invalid"
    )
    assert "quux" not in str(refused)
    problem(api.client.post("/v1/contacts:lookup", json={"kind": "fax", "value": "1"}), 422, "validation")

    Secrets(tmp_path / "secrets").keep("kek", KEY.hex)
    Secrets(tmp_path / "secrets").keep("id-key", KEY.hex)
    with patch("sys.stdin", StringIO("info@quux.example\n")):
        code, told_, said = told(tmp_path, "privacy", "find", "email", RAPPORT_STORE_URL=api.urls.app)
    assert code == 0, said
    assert {each["contact_id"]: each["current"] for each in told_["candidates"]} == everybody


def test_refusals_quote_no_contact_point(api: Api) -> None:
    customer = api.create("customers", kind="organisation", name="Acme")
    id = api.create("contacts", customer_id=customer, name="Ann Example")
    refused = change(api, "contacts", id, "addPoint", expected=422, kind="email", value="secret-address")
    assert "secret-address" not in str(refused)
    unknown = change(api, "contacts", id, "verifyPoint", expected=422, point_id=str(uuid4()), method="x")
    assert unknown["code"] == "invalid"


def test_what_needs_a_version_or_a_scope_says_so(api: Api) -> None:
    id = api.create("leads", **LEAD)
    problem(api.client.post(f"/v1/leads/{id}:reopen", json={}), 428, "precondition-required")
    problem(api.send("GET", f"/v1/leads/{id}", "crm:write"), 403, "scope-missing")
    problem(api.send("POST", "/v1/leads", "service:write", json=LEAD), 403, "scope-missing")
    problem(api.client.get(f"/v1/contacts/{id}"), 404, "not-found")
    problem(api.client.post("/v1/leads", json={}), 422, "invalid")
