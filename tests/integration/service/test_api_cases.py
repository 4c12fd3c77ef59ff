"""Cases over HTTP: every command, and what is read of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.postgres import LocalPostgres
from domain.configuration.reasons import Reasons
from tests.support.http import Api, database, problem, running

COMPLAINT = {"kind": "complaint", "priority": 2, "queue": "first-line", "subject": "The pallet is missing"}


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_cases") as url, running(url) as served:
        yield served


def opened(api: Api, **fields: Any) -> str:
    return api.create("cases", **COMPLAINT | fields)


def test_a_case_through_every_command(api: Api) -> None:
    owner = api.create("principals", kind="agent", name="Bob")
    customer = api.create("customers", kind="person", name="Ann")
    id = opened(api, description="Since Monday.\nNobody answers.", attributes={"site": "Leeds"})
    steps: list[tuple[str, dict[str, Any]]] = [
        ("assign", {"owner_id": owner}),
        ("move", {"to_state": "in_progress"}),
        ("respond", {}),
        ("changePriority", {"priority": 1}),
        ("escalate", {"level": 2}),
        ("change", {"product": "GTX Pro", "remove": ["attributes.site"]}),
        ("linkCustomer", {"customer_id": customer}),
        ("resolve", {"code": "sent-again", "cause": "carrier", "note": "It stood at the wrong gate."}),
        ("close", {"code": "confirmed"}),
        ("reopen", {}),
        ("resolve", {"code": "refund"}),
        ("close", {}),
    ]
    for verb, fields in steps:
        answer = api.change("cases", id, verb, **fields)
        assert answer.status_code == 200, (verb, answer.text)
    record = api.read("cases", id)
    assert record["version"] == 1 + len(steps)
    assert (record["state"], record["priority"], record["escalation"]) == ("closed", 1, 2)
    assert (record["owner_id"], record["customer_id"], record["queue"]) == (owner, customer, "first-line")
    assert (record["product"], record["attributes"], record["cause"]) == ("GTX Pro", {}, "carrier")
    assert (record["subject"], record["description"]) == (
        COMPLAINT["subject"], "Since Monday.\nNobody answers.",
    )  # fmt: skip
    first, second = record["resolutions"]
    assert (first["code"], first["note"]) == ("sent-again", "It stood at the wrong gate.")
    assert (second["code"], second["note"]) == ("refund", None)
    assert record["opened_at"] <= record["responded_at"] <= first["time"] <= record["closed_at"]
    assert (record["reopened"], record["closed"]) == (1, {})


def test_a_case_that_is_rejected_or_the_same_as_another(api: Api) -> None:
    first, second, third = opened(api), opened(api), opened(api)
    assert api.change("cases", second, "markDuplicate", of=first).status_code == 200
    assert api.change("cases", third, "reject", reason="not-ours").status_code == 200
    assert (api.read("cases", second)["state"], api.read("cases", second)["duplicate_of"]) == (
        "duplicate",
        first,
    )
    rejected = api.read("cases", third)
    assert (rejected["state"], rejected["rejected_for"]) == ("rejected", "not-ours")


def test_reasons_are_listed_as_they_are_configured_and_named_in_a_refusal(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Reasons(lead_disqualified=("too-small",), case_rejected=("abuse", "other"))
    monkeypatch.setattr(api.services.commands, "reasons", ours)
    listed = api.client.get("/v1/reasons")
    assert (listed.status_code, listed.json()) == (
        200, {"lead_disqualified": ["too-small"], "case_rejected": ["abuse", "other"]}
    )  # fmt: skip
    id, prospect = opened(api), api.create("leads", company="Isdom")
    said = problem(api.change("cases", id, "reject", reason="not-ours"), 422, "invalid")["detail"]
    assert said == "There is no reason 'not-ours'. Name one of: abuse, other."
    said = problem(api.change("leads", prospect, "disqualify", reason="spam"), 422, "invalid")["detail"]
    assert said == "There is no reason 'spam'. Name one of: too-small."


def test_the_reason_other_needs_a_note_that_no_stored_byte_shows(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.services.commands, "reasons", Reasons(case_rejected=("other",)))
    id = opened(api)
    said = problem(api.change("cases", id, "reject", reason="other"), 422, "invalid")["detail"]
    assert said == 'The reason "other" needs a note. Write what it was.'
    problem(api.change("cases", id, "reject", reason="other", note=""), 422, "validation")
    problem(api.change("cases", id, "reject", reason="other", note=" "), 422, "invalid")
    done = api.change("cases", id, "reject", reason="other", note="Ann rang in person.")
    assert done.status_code == 200
    assert api.read("cases", id)["rejected_for"] == "other"
    stored = api.services.crm.recorder.select_events(id)
    assert len(stored) == 2
    assert b"Ann" not in stored[-1].state


@pytest.mark.parametrize(
    ("verb", "fields", "status", "code"),
    [
        ("close", {}, 409, "move-refused"),
        ("reopen", {}, 409, "move-refused"),
        ("move", {"to_state": "in_progress"}, 409, "move-refused"),
        ("move", {"to_state": "resolved"}, 422, "validation"),
        ("changePriority", {"priority": 5}, 422, "validation"),
        ("escalate", {"level": -1}, 422, "validation"),
        ("change", {"remove": ["state"]}, 422, "invalid"),
        ("reject", {"reason": "no idea"}, 422, "invalid"),
        ("markDuplicate", {"of": str(uuid4())}, 404, "not-found"),
        ("linkCustomer", {"customer_id": str(uuid4())}, 404, "not-found"),
        ("respond", {"interaction_id": str(uuid4())}, 404, "not-found"),
        ("resolve", {"at": "2001-01-01T00:00:00Z"}, 422, "time-refused"),
        ("resolve", {"note": ""}, 422, "validation"),
        ("resolve", {"reported_sla": True}, 422, "validation"),
        ("assign", {"imported": True}, 422, "validation"),
    ],
)
def test_what_a_new_case_cannot_do_is_refused_and_records_nothing(
    api: Api, verb: str, fields: dict[str, Any], status: int, code: str
) -> None:
    id = opened(api)
    problem(api.change("cases", id, verb, **fields), status, code)
    assert api.read("cases", id)["version"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "robot"},
        COMPLAINT | {"priority": 0},
        COMPLAINT | {"state": "closed"},
        COMPLAINT | {"x": 1},
    ],
)
def test_what_is_no_case_is_refused(api: Api, body: dict[str, Any]) -> None:
    problem(api.client.post("/v1/cases", json=body), 422, "validation")


def test_the_service_desk_has_a_scope_of_its_own(api: Api) -> None:
    id = opened(api)
    refused = api.send("POST", f"/v1/cases/{id}:resolve", "crm:write", json={}, headers={"If-Match": "*"})
    assert problem(refused, 403, "scope-missing")["scope"] == "service:write"
    done = api.send("POST", f"/v1/cases/{id}:resolve", "service:write", json={}, headers={"If-Match": "*"})
    assert done.status_code == 200, done.text
    problem(api.send("GET", f"/v1/cases/{id}", "service:write"), 403, "scope-missing")


def test_an_external_id_opens_one_case(api: Api) -> None:
    reference = {"source": "desk", "external_id": str(uuid4())}
    id = opened(api, reference=reference)
    found = problem(
        api.client.post("/v1/cases", json=COMPLAINT | {"reference": reference}), 409, "already-claimed"
    )
    assert found["id"] == id
    assert api.read("cases", id)["references"] == [reference]
