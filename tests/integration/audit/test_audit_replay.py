"""Histories by HTTP and on the command line over one real store: the same answers, closed unless opened,
exported with proofs that a process without database, network and keys checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.audit import histories as audit
from commands.audit.export_reader import read
from deploy.local.postgres import LocalPostgres
from tests.support.commanding import run, told
from tests.support.http import PRINCIPAL, database, problem, running, served
from tests.support.replayed_world import Audited, alone, told_to
from tests.support.store import execute
from tests.support.working import KEY as SEAL_KEY


@pytest.fixture(scope="module")
def audited(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    home = tmp_path_factory.mktemp("home")
    with (
        database(postgres, "audit_replay") as url,
        running(url, seal_public=SEAL_KEY.public_key) as api,
    ):
        yield told_to(api, home)


SECRETS = ("Plankalkuel", "Konrad", "z3@example.org", "Loud relays", "Far too dear")


def without_secrets(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


def test_a_customer_s_history_is_that_of_all_that_is_the_customer_now(audited: Audited) -> None:
    page = audited.read(f"customers/{audited.merged}/timeline", page_size=500)
    events = [event for group in page["groups"] for event in group["events"]]
    mine = {
        audited.customer, audited.merged, audited.lead, audited.case, audited.opportunity, audited.linked,
    }  # fmt: skip
    assert mine <= {event["record"] for event in events}
    assert {audited.customer, audited.merged, audited.lead, audited.linked} == set(page["parties"])
    positions = [event["position"] for event in events]
    assert len(set(positions)) == len(positions)
    assert page["next_page_token"] is None
    assert without_secrets(json.dumps(page))

    (conversion,) = [group for group in page["groups"] if len(group["events"]) > 2]
    assert conversion["events"][0]["type"] == "crm.lead.converted"
    assert {event["actor"]["id"] for event in events} == {str(PRINCIPAL)}
    (lost,) = [event for event in events if event["type"] == "crm.opportunity.lost"]
    assert lost["reasons"] == {"reason": "price"}
    assert "changes" not in lost


def test_pages_go_on_where_the_one_before_ended_and_the_command_line_says_the_same(audited: Audited) -> None:
    path = f"customers/{audited.customer}/timeline"
    whole = audited.read(path, page_size=500, view="full")
    found: list[Any] = []
    page = audited.read(path, page_size=3, view="full")
    while True:
        found += [event for group in page["groups"] for event in group["events"]]
        if page["next_page_token"] is None:
            break
        page = audited.read(path, page_size=3, page_token=page["next_page_token"])
    assert found == [event for group in whole["groups"] for event in group["events"]]

    by_line = audited.done("timeline", "customer", audited.customer, "--full")
    assert by_line["parties"] == whole["parties"]
    assert [group["correlation"] for group in by_line["groups"]] == [
        group["correlation"] for group in whole["groups"]
    ]
    assert [change for group in by_line["groups"] for change in group["events"][0]["changes"]] == [
        change for group in whole["groups"] for change in group["events"][0]["changes"]
    ]
    first = audited.done("timeline", "customer", audited.customer, "--limit", "4")
    rest = audited.done("timeline", "customer", audited.customer, "--after", str(first["after"]))
    assert len(found) == sum(len(group["events"]) for part in (first, rest) for group in part["groups"])
    code, text = run(audited.home, "audit", "timeline", "lead", audited.lead, **audited.urls())
    assert code == 0
    assert "lead converted" in text
    assert without_secrets(text)


@pytest.mark.parametrize("kind", ["customer", "lead", "opportunity", "case"])
def test_states_differences_and_steps_agree_by_http_and_on_the_command_line(
    audited: Audited, kind: str
) -> None:
    collection, id = audited.records()[kind]
    now = audited.read(f"{collection}/{id}/state")
    assert now["version"] == audited.api.read(collection, id)["version"] if kind != "opportunity" else True
    assert audited.done("state", kind, id)["state"] == now["state"]
    first = audited.read(f"{collection}/{id}/state", version=1)
    assert first["version"] == 1
    assert audited.done("state", kind, id, "--version", "1")["state"] == first["state"]

    fields = audited.read(f"{collection}/{id}/diff", **{"from": "1"})["fields"]
    by_line = audited.done("diff", kind, id, "--from", "1")["fields"]
    assert [(each["field"], each["before"], each["after"]) for each in fields] == [
        (each["field"], each["before"], each["after"]) for each in by_line
    ]
    for each in fields:
        assert each["events"]
        if "." not in each["field"]:
            assert now["state"][each["field"]] == each["after"]
            assert first["state"][each["field"]] in (each["before"], [])

    steps = audited.read(f"{collection}/{id}/steps")["steps"]
    assert [step["version"] for step in steps] == list(range(1, now["version"] + 1))
    by_line = audited.done("step", kind, id)["steps"]
    assert [step["changes"] for step in by_line] == [step["changes"] for step in steps]
    token = audited.read(f"{collection}/{id}/steps", page_size=1)["next_page_token"]
    if now["version"] > 1:
        assert audited.read(f"{collection}/{id}/steps", page_token=token)["steps"] == steps[1:]
    assert without_secrets(json.dumps([now, first, fields, steps]))


def test_a_moment_is_a_version_or_a_time_and_before_the_first_event_there_is_nothing(
    audited: Audited,
) -> None:
    path = f"leads/{audited.lead}"
    created = audited.read(f"{path}/steps")["steps"][0]["time"]
    assert audited.read(f"{path}/state", as_of=created)["version"] == 1
    assert audited.done("state", "lead", audited.lead, "--at", created)["version"] == 1
    problem(audited.get(f"{path}/state", as_of="2020-01-01T00:00:00Z"), 404, "not-found")
    problem(audited.get(f"{path}/state", version=99), 422, "invalid")
    problem(audited.get(f"{path}/diff", **{"from": "yesterday"}), 422, "validation")
    problem(audited.get(f"{path}/diff", **{"from": "3", "to": "1"}), 422, "invalid")
    problem(audited.get(f"{path}/timeline", view="short"), 422, "validation")
    changed = audited.read(f"{path}/diff", **{"from": created, "to": "2"})["fields"]
    assert {each["field"] for each in changed} == {"state"}
    assert audited.said("state", "lead", audited.lead, "--at", "noon")[0] == 2
    assert audited.said("state", "lead", audited.lead, "--at", "2026-01-01", "--version", "1")[0] == 2


@pytest.mark.parametrize("what", ["timeline", "state", "diff", "steps", "export"])
def test_a_record_of_another_kind_is_not_found(audited: Audited, what: str) -> None:
    problem(audited.get(f"cases/{audited.lead}/{what}"), 404, "not-found")
    problem(audited.get(f"customers/{audited.lead}/{what}"), 404, "not-found")


def test_private_values_are_opened_only_where_asked_for_with_the_right_to(audited: Audited) -> None:
    path = f"/v1/audit/leads/{audited.lead}/state"
    send = audited.api.send
    problem(send("GET", path, "crm:read"), 403, "scope-missing")
    closed = send("GET", path, "audit:read").json()["state"]
    assert closed["email"] == {"closed": "not_opened", "of": f"{audited.lead}:1"}
    problem(send("GET", f"{path}?open=true", "audit:read"), 403, "scope-missing")
    opened = send("GET", f"{path}?open=true", "audit:read", "crm:read").json()["state"]
    assert (opened["name"], opened["email"]) == ("Zuse Plankalkuel", "z3@example.org")

    assert audited.done("state", "lead", audited.lead, "--open")["state"] == opened
    lost = audited.done("diff", "opportunity", audited.opportunity, "--from", "1", "--open")["fields"]
    assert "Far too dear" in json.dumps(lost)
    page = audited.read(f"customers/{audited.customer}/timeline", view="full", open="true", page_size=500)
    assert "Konrad Plankalkuel" in json.dumps(page)
    assert page["groups"][0]["actor"]["name"] is None


def test_a_raw_export_opens_on_another_machine_to_the_same_state(audited: Audited, tmp_path: Path) -> None:
    audited.seal()  # what was recorded by other tests
    file = tmp_path / "history.jsonl"
    written = audited.done("export", "customer", audited.customer, str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert written["lines"] == len(file.read_bytes().splitlines())
    assert without_secrets(file.read_text())
    assert audited.said("export", "customer", audited.customer, str(file))[0] == 2  # never replaced

    public = SEAL_KEY.public_key().public_bytes_raw().hex()
    opened = alone(tmp_path, "audit", "open", str(file), "--key", public, "--json")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    data = json.loads(opened.stdout)["data"]
    assert data["state"] == audited.read(f"customers/{audited.customer}/state")["state"]
    assert (data["sound"], data["unsealed"], data["key_given"]) == (True, 0, True)
    assert data["events"] == data["proven"] > 10
    earlier = told(audited.home, "audit", "open", str(file), "--version", "1")
    assert earlier[0] == 0
    assert earlier[1]["state"] == audited.read(f"customers/{audited.customer}/state", version=1)["state"]

    whole = file.read_bytes()
    at = whole.index(b'"event":"') + 60
    file.write_bytes(whole[:at] + (b"A" if whole[at : at + 1] != b"A" else b"B") + whole[at + 1 :])
    code, changed = run(audited.home, "audit", "open", str(file))
    assert code == 1
    assert "error: Line 3: The event at position" in changed
    assert "at version" not in changed


@pytest.mark.parametrize("kind", ["customer", "lead", "opportunity", "case"])
def test_a_history_of_each_kind_is_told_and_exported_by_http_and_on_the_command_line(
    audited: Audited, kind: str, tmp_path: Path
) -> None:
    """In every form; a raw export opens to the state that there is, with its proofs."""
    audited.seal()
    collection, id = audited.records()[kind]
    page = audited.read(f"{collection}/{id}/timeline", page_size=500)
    assert audited.done("timeline", kind, id)["groups"] == page["groups"]
    assert all(
        event["actor"]["id"] and event["time"] for group in page["groups"] for event in group["events"]
    )
    raw = tmp_path / "raw"
    audited.done("export", kind, id, str(raw))
    sent = audited.get(f"{collection}/{id}/export")
    by_line, by_http = (
        read(lines.splitlines(keepends=True), SEAL_KEY.public_key())
        for lines in (raw.read_bytes(), sent.content)
    )
    assert by_line.sound
    assert by_http.sound
    assert by_line.proven == by_http.proven >= len(by_line.facts) > 0
    code, opened, said = told(audited.home, "audit", "open", str(raw))
    assert code == 0, said
    assert opened["state"] == audited.read(f"{collection}/{id}/state")["state"]
    for form in ("decoded", "readable"):
        file = tmp_path / form
        audited.done("export", kind, id, str(file), "--form", form)
        sent = audited.get(f"{collection}/{id}/export", form=form)
        assert sent.status_code == 200, sent.text
        assert id in sent.text
        assert id in file.read_text()
        assert without_secrets(sent.text + file.read_text())


def test_what_is_not_sealed_yet_is_exported_without_proof_and_told(audited: Audited, tmp_path: Path) -> None:
    late = audited.api.create("cases", kind="question", priority=2, customer_id=audited.customer)
    file = tmp_path / "late.jsonl"
    audited.done("export", "case", late, str(file))
    code, data, findings = told(audited.home, "audit", "open", str(file))
    assert (code, data["unsealed"], data["state"]["kind"]) == (1, 1, "question")
    assert findings[0].startswith("Without proof: 1 of 1 events.")


def test_who_was_handed_a_history_in_clear_stands_in_it(audited: Audited, tmp_path: Path) -> None:
    before = {event["id"] for event in exports(audited)}
    by_http = audited.get(f"customers/{audited.customer}/export", form="decoded", open="true")
    assert by_http.status_code == 200
    assert "z3@example.org" in by_http.text
    assert by_http.headers["content-disposition"].endswith(f'customer-{audited.customer}.decoded.jsonl"')
    file = tmp_path / "history.txt"
    written = audited.done("export", "customer", audited.customer, str(file), "--form", "readable")
    assert "opportunity lost (reason: price)" in file.read_text()
    assert without_secrets(file.read_text())

    made = [event for event in exports(audited) if event["id"] not in before]
    assert [event["position"] for event in made][-1] == written["recorded"]
    assert made[0]["actor"]["id"] == str(PRINCIPAL)
    assert made[1]["actor"]["kind"] == "user"
    lines = [json.loads(line) for line in by_http.text.splitlines()]
    (own,) = [line for line in lines if line.get("id") == made[0]["id"]]
    assert own["data"] == {"kind": "customer", "id": audited.customer, "form": "decoded", "opened": True}


def exports(audited: Audited) -> list[dict[str, Any]]:
    """The events that say that the customer's history was handed out."""
    page = audited.read(f"customers/{audited.customer}/timeline", page_size=500)
    events = [event for group in page["groups"] for event in group["events"]]
    return [event for event in events if event["type"] == "crm.privacy.history_exported"]


def test_a_raw_export_by_http_is_one_that_opens_and_holds_no_clear_value(audited: Audited) -> None:
    answer = audited.get(f"leads/{audited.lead}/export")
    assert answer.headers["content-type"] == "application/jsonl"
    found = read(answer.content.splitlines(keepends=True), SEAL_KEY.public_key())
    assert found.sound
    assert len(found.facts) == audited.read(f"leads/{audited.lead}/state")["version"] == found.proven
    assert without_secrets(answer.text)
    problem(audited.get(f"leads/{audited.lead}/export", open="true"), 422, "validation")


def test_a_history_opened_is_a_read_that_is_recorded_where_reads_are(audited: Audited) -> None:
    path = f"/v1/audit/leads/{audited.lead}"
    with served(replace(audited.api.services, audit_reads=True)) as address:
        client = httpx.Client(base_url=address, headers=audited.api.client.headers, timeout=20)
        with client:
            for what in ("timeline", "state", "diff", "steps"):
                assert client.get(f"{path}/{what}").status_code == 200
            assert read_events(audited) == []
            for what in (
                "timeline?view=full&open=true",
                "state?open=true",
                "diff?open=true",
                "steps?open=true",
            ):
                problem(client.get(f"{path}/{what}"), 428, "purpose-required")
                answer = client.get(f"{path}/{what}", headers={"Purpose": "audit.test"})
                assert answer.status_code == 200, answer.text
    found = read_events(audited)
    assert [event["data"]["purpose"] for event in found] == ["audit.test"] * 4
    assert found[0]["data"]["records"] == [audited.lead]

    code, data, _ = told(
        audited.home, "audit", "state", "lead", audited.lead, "--open", RAPPORT_AUDIT_READS="private",
        **audited.urls(),
    )  # fmt: skip
    assert (code, data["state"]["email"]) == (0, "z3@example.org")
    assert read_events(audited)[-1]["data"]["purpose"] == "audit.cli"


def read_events(audited: Audited) -> list[dict[str, Any]]:
    """The recorded reads of the lead's party."""
    rows = execute(
        audited.api.urls.app,
        "SELECT event FROM store.event WHERE party = %s AND type = %s ORDER BY position",
        (audited.lead, "crm.privacy.private_read"),
    )
    return [json.loads(bytes(event)) for (event,) in rows]


def test_a_history_too_long_for_an_answer_is_refused_with_what_to_do(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_EVENTS", 3)
    refused = problem(audited.get(f"leads/{audited.lead}/export"), 422, "validation")
    assert "`rapport audit export`" in refused["detail"]


def test_what_was_changed_in_the_store_is_not_handed_out_as_proven(audited: Audited, tmp_path: Path) -> None:
    """As a superuser would change it, past the guards of the table."""
    audited.seal()
    change = (
        "SET session_replication_role = replica;"
        " UPDATE store.event SET event = {} WHERE aggregate_id = %s AND version = 1"
    )
    admin = audited.api.urls.admin
    execute(admin, change.format("event || ' '::bytea"), (audited.case,))
    try:
        answer = problem(audited.get(f"cases/{audited.case}/export"), 500, "seal-differs")
        assert "`rapport audit verify`" in answer["detail"]
        file = tmp_path / "history.jsonl"
        words = ("audit", "export", "case", audited.case, str(file))
        code, text = run(audited.home, *words, **audited.urls())
        assert code == 1
        assert "are not those of the seal" in text
        assert list(tmp_path.iterdir()) == []
    finally:
        execute(admin, change.format("substring(event FOR length(event) - 1)"), (audited.case,))
    assert audited.get(f"cases/{audited.case}/export").status_code == 200
