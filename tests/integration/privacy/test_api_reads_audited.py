"""Reads of private values, where they are recorded: who, whose, what for; and none without that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from commands.privacy.reads import Read, reads_of
from commands.store.application import Crm
from deploy.local.postgres import LocalPostgres
from deploy.secrets import Secrets
from domain.kernel.errors import EventTooLarge
from tests.support.commanding import run
from tests.support.http import ALL_PROJECTIONS, PRINCIPAL, Api, database, problem, running

SECRET = "Quillfeather"
HEADER = {"Purpose": "support.call"}


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_reads_audited") as url, running(url, audit_reads=True) as served:
        yield served


@pytest.fixture(scope="module")
def ids(api: Api) -> dict[str, str]:
    """A record of each kind, with a private value in each private field."""
    customer = api.create("customers", kind="person", name=f"Ada {SECRET}")
    organisation = api.create("customers", kind="organisation", name="Isdom")
    contact = api.create("contacts", customer_id=organisation, name=f"Bea {SECRET}")
    api.change("contacts", contact, "addPoint", kind="email", value=f"{SECRET}@example.org")
    made = {
        "customers": customer,
        "organisations": organisation,
        "contacts": contact,
        "leads": api.create("leads", name=f"Cle {SECRET}"),
        "cases": api.create("cases", kind="question", customer_id=organisation, subject=SECRET),
        "interactions": api.create(
            "interactions", kind="email", channel="email", customer_id=organisation, body=SECRET,
            reference={"source": "mail", "external_id": "1"},
        ),
    }  # fmt: skip
    api.catch_up(projections=ALL_PROJECTIONS)
    return made


def recorded(api: Api, party: str) -> list[Read]:
    return list(reads_of(api.services.read_pool, UUID(party)))


MOST_OPEN = {"open": "true", "view": "full", "form": "decoded"}
"""What lets an answer hold as much as it can, where an address takes it."""


def every_read(api: Api, ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Template and address of every GET, of each record that its address may name."""
    for path, operations in api.client.get("/openapi.json").json()["paths"].items():
        operation = operations.get("get")
        if operation is None or path in ("/metrics", "/livez", "/readyz"):
            continue
        taken = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
        query = {
            name: (each.get("examples") or each["schema"].get("examples") or ["x"])[0]
            for name, each in taken.items()
            if each.get("required")
        } | {name: value for name, value in MOST_OPEN.items() if name in taken}
        query |= {"text": SECRET} if path == "/v1/customers:search" else {}
        for collection in ids if "{records}" in path else [path.split("/")[-1 if path.count("/") < 2 else 2]]:
            collection = collection.split(":")[0]
            id = ids.get(collection, str(uuid4()))
            known = path.replace("{id}", id).replace("{records}", collection)
            yield path, str(httpx.URL(re.sub(r"\{\w+\}", "x", known), params=query))


def test_no_read_gives_a_private_value_without_a_purpose_and_each_is_recorded_with_one(
    api: Api, ids: dict[str, str]
) -> None:
    """Every address there is: one that gives private values and forgets to say so fails here."""
    giving = set()
    for template, address in every_read(api, ids):
        before = api.services.head()
        api.catch_up(projections=("identity",))  # an export asks who a person is now
        silent = api.client.get(address)
        assert SECRET.lower() not in silent.text.lower(), f"{address} gave it without a purpose"
        exported = template.endswith("/export")  # that it is, is recorded besides
        assert exported or api.services.head() == before
        api.catch_up(projections=("identity",))
        told = api.client.get(address, headers=HEADER)
        if SECRET.lower() in told.text.lower():
            giving.add(template)
            problem(silent, 428, "purpose-required")
            assert api.services.head() > before + 2 * exported, f"{address} gave it, and that is not recorded"
        else:
            assert silent.status_code == told.status_code, address
            assert exported or api.services.head() == before, (
                f"{address} gave nothing, and a read is recorded"
            )
    collections = ("customers", "contacts", "leads", "cases", "interactions")
    of_records = {f"/v1/{name}/{{id}}" for name in collections}
    assert giving >= of_records | {"/v1/customers/{id}/overview", "/v1/customers:search"}
    audits = {f"/v1/audit/{{records}}/{{id}}/{what}" for what in ("timeline", "state", "steps", "export")}
    assert giving >= audits | {"/v1/customers/{id}/export"}


def test_a_read_says_who_whose_when_and_what_for(api: Api, ids: dict[str, str]) -> None:
    correlation = str(uuid4())
    before = len(recorded(api, ids["organisations"]))

    answer = api.client.get(
        f"/v1/contacts/{ids['contacts']}", headers=HEADER | {"Correlation-Id": correlation}
    )

    assert answer.json()["name"] == f"Bea {SECRET}"
    read = recorded(api, ids["organisations"])[before]
    assert (read.by, read.by_kind, read.purpose) == (PRINCIPAL, "service_account", "support.call")
    assert (read.route, read.records) == ("/v1/contacts/{id}", (UUID(ids["contacts"]),))
    assert read.correlation == UUID(correlation)


def test_a_list_is_recorded_under_each_party_that_it_shows(api: Api, ids: dict[str, str]) -> None:
    parties = [ids[name] for name in ("customers", "organisations", "leads")]
    before = [len(recorded(api, party)) for party in parties]

    hits = api.client.get("/v1/customers:search", params={"text": SECRET}, headers=HEADER).json()["hits"]

    assert len(hits) == 3
    assert [len(recorded(api, party)) for party in parties] == [count + 1 for count in before]


def test_whose_an_address_is_is_a_read_too(api: Api, ids: dict[str, str]) -> None:
    """Though the answer holds ids alone."""
    (point,) = api.client.get(f"/v1/contacts/{ids['contacts']}", headers=HEADER).json()["points"]
    asked = {"kind": point["kind"], "value": point["value"]}
    before = len(recorded(api, ids["organisations"]))
    problem(api.client.post("/v1/contacts:lookup", json=asked), 428, "purpose-required")
    answer = api.client.post("/v1/contacts:lookup", json=asked, headers=HEADER)
    assert [each["contact_id"] for each in answer.json()["candidates"]] == [ids["contacts"]]
    assert [read.route for read in recorded(api, ids["organisations"])[before:]] == ["/v1/contacts:lookup"]


def test_a_look_back_is_a_read_too(api: Api, ids: dict[str, str]) -> None:
    api.catch_up(projections=ALL_PROJECTIONS)
    at = {"as_of": datetime.now(UTC).isoformat()}
    for party, record in ((ids["customers"], ids["customers"]), (ids["organisations"], ids["contacts"])):
        address = f"/v1/customers/{party}/overview"
        problem(api.client.get(address, params=at), 428, "purpose-required")
        assert SECRET in api.client.get(address, params=at, headers=HEADER).text
        assert recorded(api, party)[-1].records == (UUID(record),)


def test_what_holds_nothing_private_needs_no_purpose(api: Api, ids: dict[str, str]) -> None:
    assert api.client.get(f"/v1/customers/{ids['organisations']}").status_code == 200
    hits = api.client.get("/v1/customers:search", params={"text": "Isdom"})
    assert (hits.status_code, len(hits.json()["hits"])) == (200, 1)


@pytest.mark.parametrize("purpose", ["", "Ada Lovelace", "x" * 65, "support call", "ada@example.org"])
def test_a_purpose_that_is_no_code_is_refused_and_not_quoted(
    api: Api, ids: dict[str, str], purpose: str
) -> None:
    answer = api.client.get(f"/v1/leads/{ids['leads']}", headers={"Purpose": purpose})
    body = problem(answer, 400, "malformed")
    assert not purpose or purpose not in body["detail"]


def test_what_cannot_be_recorded_is_not_given(
    api: Api, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> list[int]:
        raise EventTooLarge(size=2, limit=1)

    monkeypatch.setattr(Crm, "record", refuse)
    answer = api.client.get(f"/v1/leads/{ids['leads']}", headers=HEADER)
    problem(answer, 503, "unavailable")
    assert SECRET not in answer.text
    assert "etag" not in answer.headers


def test_reads_are_listed_on_the_command_line(api: Api, ids: dict[str, str], tmp_path: Path) -> None:
    api.client.get(f"/v1/leads/{ids['leads']}", headers=HEADER)

    code, said = run(tmp_path, "audit", "reads", "--party", ids["leads"], RAPPORT_STORE_URL=api.urls.app)
    assert code == 0
    assert re.search(rf"{PRINCIPAL} +service_account +support.call +/v1/leads/\{{id\}} +{ids['leads']}", said)
    assert SECRET not in said

    code, said = run(tmp_path, "audit", "reads", "--party", str(uuid4()), RAPPORT_STORE_URL=api.urls.app)
    assert (code, "RAPPORT_AUDIT_READS is off here" in said) == (0, True)


def test_what_a_contact_had_allowed_is_answered_by_http_and_on_the_command_line(
    api: Api, ids: dict[str, str], tmp_path: Path
) -> None:
    contact = ids["contacts"]
    (point,) = api.client.get(f"/v1/contacts/{contact}", headers=HEADER).json()["points"]
    api.change(
        "contacts", contact, "giveConsent",
        point_id=point["id"], purpose="news", legal_basis="consent", source="form", double_opt_in=True,
    )  # fmt: skip
    now = datetime.now(UTC)
    asked = {"purpose": "news", "on": now.isoformat(), "channel": "email"}

    answer = api.client.get(f"/v1/contacts/{contact}/consents:at", params=asked)

    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"] == "allowed"
    (period,) = answer.json()["points"][0]["periods"]
    assert (period["why"], period["event"]["id"]) == ("consent", f"{contact}:3")
    before = api.client.get(f"/v1/contacts/{contact}/consents:at", params=asked | {"on": "2020-01-01"})
    assert before.json()["verdict"] == "refused"
    unclear = api.client.get(f"/v1/contacts/{contact}/consents:at", params=asked | {"on": "yesterday"})
    problem(unclear, 422, "invalid")
    nobody = api.client.get(f"/v1/contacts/{uuid4()}/consents:at", params=asked)
    problem(nobody, 404, "not-found")
    Secrets(tmp_path / "secrets").ensure()
    words = ("privacy", "consent", contact, "--purpose", "news", "--on", now.isoformat())
    code, said = run(tmp_path, *words, RAPPORT_STORE_URL=api.urls.app)
    assert code == 0, said
    assert said.startswith(f"Allowed: the contact {contact}, news, ")
    position = period["event"]["position"]
    assert f"(event {contact}:3, position {position}, of " in said
    assert "legal basis consent, double opt-in, source form)" in said
