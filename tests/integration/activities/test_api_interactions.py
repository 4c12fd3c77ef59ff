"""Interactions over HTTP: taken in once however often they are sent, corrected, linked, and read in clear."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args
from uuid import uuid4

import httpx
import orjson
import psycopg2
import pytest

from deploy.local.postgres import LocalPostgres
from domain.activities.interaction.events import InteractionKind
from tests.support.http import Api, database, problem, running

BATCH = "/v1/interactions:batch"
NDJSON = {"Content-Type": "application/x-ndjson"}
EMAIL: dict[str, Any] = {
    "kind": "email", "direction": "inbound", "channel": "email",
    "subject": "The second pallet", "body": "It is missing.\nSince Monday.", "at": "2026-01-02T03:04:05Z",
}  # fmt: skip
PURCHASE: dict[str, Any] = {
    "kind": "purchase", "channel": "shop", "amount": {"amount": "29.33", "currency": "USD"},
    "items": [{"sku": "CD", "quantity": "2", "price": {"amount": "14.665", "currency": "USD"}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_interactions") as url, running(url) as served:
        yield served


def sent(**fields: Any) -> dict[str, Any]:
    """An interaction under a reference of its own unless one is named."""
    return {"reference": {"source": "mail", "external_id": str(uuid4())}} | fields


def post(api: Api, body: dict[str, Any], **headers: str) -> httpx.Response:
    return api.client.post("/v1/interactions", json=body, headers=headers)


def taken(api: Api, **fields: Any) -> str:
    answer = post(api, sent(**fields))
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def lines(*bodies: Any) -> bytes:
    return b"".join((body if isinstance(body, bytes) else orjson.dumps(body)) + b"\n" for body in bodies)


def test_an_interaction_is_created_and_then_unchanged(api: Api) -> None:
    body = sent(**EMAIL)
    first, again = post(api, body), post(api, body)
    assert (first.status_code, first.json()["state"]) == (201, "created")
    assert (again.status_code, again.json()["state"]) == (200, "unchanged")
    assert first.json()["id"] == again.json()["id"]
    assert first.headers["location"] == f"/v1/interactions/{first.json()['id']}"
    record = api.read("interactions", first.json()["id"])
    assert (record["version"], record["subject"], record["body"]) == (1, EMAIL["subject"], EMAIL["body"])
    assert (record["occurred_at"], record["reference"]) == (EMAIL["at"], body["reference"])


def test_sent_ten_times_at_once_it_is_there_once(api: Api) -> None:
    body, head = sent(**EMAIL), api.services.head()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: post(api, body), range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len(api.services.crm.recorder.select_notifications(head + 1, limit=100)) == 1


def test_who_sends_again_can_read_what_was_there(api: Api) -> None:
    """The first answer may have been lost: the second one's token must lead a read behind the record."""
    body = sent(**EMAIL)
    first = int(post(api, body).json()["consistency_token"])
    assert int(post(api, body).json()["consistency_token"]) >= first
    again = api.client.post(BATCH, json=[body, body]).json()
    assert (again["unchanged"], int(again["consistency_token"]) >= first) == (2, True)


def test_another_one_under_the_same_reference_is_refused_and_names_the_first(api: Api) -> None:
    body = sent(**EMAIL)
    id = post(api, body).json()["id"]
    found = problem(post(api, body | {"body": "Something else."}), 409, "already-recorded")
    assert found["id"] == id
    assert "Something else" not in str(found)
    assert api.read("interactions", id)["body"] == EMAIL["body"]


def test_a_repeated_key_gives_the_first_answer(api: Api) -> None:
    body, key = sent(**EMAIL), str(uuid4())
    first, again = (post(api, body, **{"Idempotency-Key": key}) for _ in range(2))
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.json()) == (201, first.json())


def test_subjects_and_bodies_are_not_in_the_database(api: Api) -> None:
    taken(api, **EMAIL | {"body": "a sentence like no other", "subject": "peculiar words"})
    with psycopg2.connect(api.urls.admin) as connection, connection.cursor() as c:
        c.execute("SELECT count(*) FROM store.event WHERE convert_from(event, 'UTF8') ~ 'no other|peculiar'")
        assert c.fetchone() == (0,)


def test_a_purchase_a_survey_and_attachments(api: Api) -> None:
    record = api.read("interactions", taken(api, **PURCHASE))
    assert record["amount"] == {"amount": "29.33", "currency": "USD", "rate": None}
    assert record["items"][0]["price"]["amount"] == "14.665"
    survey = {"question": "nps", "score": 9}
    assert (
        api.read("interactions", taken(api, kind="survey_answer", channel="web", survey=survey))["survey"]
        == survey
    )
    files = [
        {"reference": f"s3://files/{n}", "sha256": "0" * 64, "media_type": "application/pdf", "size": n}
        for n in range(2)
    ]
    named = [file | {"file_name": f"{n} Ann.pdf"} for n, file in enumerate(files)]
    assert api.read("interactions", taken(api, **EMAIL, attachments=named))["attachments"] == named
    unnamed = [file | {"file_name": None} for file in files]
    assert api.read("interactions", taken(api, **EMAIL, attachments=files))["attachments"] == unnamed


def test_a_correction_keeps_the_first_and_shows_the_last(api: Api) -> None:
    id = taken(api, **PURCHASE)
    amount = {"amount": "31", "currency": "USD"}
    answer = api.change("interactions", id, "correct", amount=amount, channel="store", reason="Read wrongly.")
    assert answer.status_code == 200, answer.text
    record = api.read("interactions", id)
    assert (record["amount"]["amount"], record["channel"], record["corrections"]) == ("31", "store", 1)
    assert record["version"] == 2
    mail = taken(api, **EMAIL)
    assert api.change("interactions", mail, "correct", body="It was the third.").status_code == 200
    assert api.read("interactions", mail)["body"] == "It was the third."
    problem(api.change("interactions", mail, "correct", amount=amount), 422, "invalid")


def test_an_interaction_is_linked_later(api: Api) -> None:
    customer = api.create("customers", kind="person", name="Ann")
    case = api.create("cases", kind="question")
    deal = api.open()["id"]
    id = taken(api, **EMAIL)
    linked = api.change("interactions", id, "link", customer_id=customer, case_id=case, opportunity_id=deal)
    assert linked.status_code == 200, linked.text
    record = api.read("interactions", id)
    assert (record["customer_id"], record["case_id"], record["opportunity_id"]) == (customer, case, deal)
    problem(api.change("interactions", id, "link"), 422, "invalid")
    problem(api.change("interactions", id, "link", case_id=str(uuid4())), 404, "not-found")


def test_a_batch_answers_for_each_item_in_its_order(api: Api) -> None:
    known = sent(**EMAIL)
    known_id = post(api, known).json()["id"]
    bodies = [
        sent(**EMAIL),
        known,
        known | {"channel": "other"},
        sent(**EMAIL | {"kind": "telepathy"}),
        b'{"kind": "email",',
        b"",
        sent(**PURCHASE, customer_id=str(uuid4())),
        sent(**PURCHASE),
    ]
    answer = api.client.post(BATCH, content=lines(*bodies), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["created"], found["unchanged"], found["failed"]) == (2, 1, 4)
    assert [(each["line"], each["state"]) for each in found["results"]] == [
        (1, "created"), (2, "unchanged"), (3, "failed"), (4, "failed"), (5, "failed"), (7, "failed"),
        (8, "created"),
    ]  # fmt: skip
    assert found["results"][1]["id"] == known_id
    codes = [each["problem"]["code"] for each in found["results"] if each["problem"]]
    assert codes == ["already-recorded", "validation", "malformed", "not-found"]
    assert found["results"][2]["problem"]["id"] == known_id
    assert found["results"][3]["problem"]["errors"][0]["field"] == "kind"
    assert int(found["consistency_token"]) == api.services.head()
    again = api.client.post(BATCH, content=lines(bodies[0], bodies[-1]), headers=NDJSON).json()
    assert (again["created"], again["unchanged"], again["failed"]) == (0, 2, 0)


def test_every_kind_is_taken_and_read_back(api: Api) -> None:
    kinds = get_args(InteractionKind)
    more = {"survey_answer": {"survey": {"question": "csat", "score": 4}}, "purchase": PURCHASE}
    bodies = [sent(channel="other") | more.get(kind, {}) | {"kind": kind} for kind in kinds]
    found = api.client.post(BATCH, content=lines(*bodies), headers=NDJSON).json()
    assert (found["created"], found["failed"]) == (len(kinds), 0), found
    records = [api.read("interactions", each["id"]) for each in found["results"]]
    assert [record["kind"] for record in records] == list(kinds)


def test_a_json_array_says_the_same_and_has_no_lines(api: Api) -> None:
    body = sent(**EMAIL)
    found = api.client.post(BATCH, json=[body, body, 7, sent(**PURCHASE)]).json()
    assert [(each["index"], each["line"], each["state"]) for each in found["results"]] == [
        (0, None, "created"), (1, None, "unchanged"), (2, None, "failed"), (3, None, "created"),
    ]  # fmt: skip


def test_a_batch_with_a_key_is_answered_the_same_twice(api: Api) -> None:
    content, key = lines(sent(**EMAIL), sent(**PURCHASE)), {"Idempotency-Key": str(uuid4())}
    first, again = (api.client.post(BATCH, content=content, headers=NDJSON | key).json() for _ in range(2))
    assert first == again
    assert first["created"] == 2


def test_a_thousand_items_are_taken_and_one_more_is_refused_whole(api: Api) -> None:
    slim = {"kind": "web_visit", "channel": "web"}
    bodies = [sent(**slim) for _ in range(1001)]
    head = api.services.head()
    refused = api.client.post(BATCH, content=lines(*bodies), headers=NDJSON)
    assert "1,001" in problem(refused, 422, "validation")["detail"]
    assert api.services.head() == head
    answer = api.client.post(BATCH, content=lines(*bodies[1:]), headers=NDJSON)
    assert answer.json()["created"] == 1000


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"", "application/x-ndjson", 422, "validation"),
        (b"\n\n", "application/x-ndjson", 422, "validation"),
        (b"[]", "application/json", 422, "validation"),
        (b"{}", "application/json", 400, "malformed"),
        (b"[", "application/json", 400, "malformed"),
        (b"\xff\xfe", "application/json", 400, "malformed"),
        (b"a,b\n", "text/csv", 415, "media-type"),
        (b"x" * (2**20 + 1), "application/x-ndjson", 413, "body-too-large"),
    ],
)
def test_what_is_no_batch_is_refused_whole(
    api: Api, content: bytes, media_type: str, status: int, code: str
) -> None:
    head = api.services.head()
    answer = api.client.post(BATCH, content=content, headers={"Content-Type": media_type})
    problem(answer, status, code)
    assert api.services.head() == head


def test_a_line_that_is_too_long_fails_by_itself(api: Api) -> None:
    long = b'{"body": "' + b"x" * (300 * 1024) + b'"}'
    found = api.client.post(BATCH, content=lines(long, sent(**EMAIL)), headers=NDJSON).json()
    assert [each["state"] for each in found["results"]] == ["failed", "created"]
    assert found["results"][0]["problem"]["code"] == "body-too-large"


def test_lines_are_for_batches_alone(api: Api) -> None:
    answer = api.client.post("/v1/interactions", content=lines(sent(**EMAIL)), headers=NDJSON)
    problem(answer, 415, "media-type")


def test_problems_quote_no_text_that_was_sent(api: Api) -> None:
    bad = sent(**EMAIL | {"subject": "secret\x01words", "direction": "secretly"})
    answer = api.client.post(BATCH, content=lines(bad, b'{"secret": tru'), headers=NDJSON)
    assert "secret" not in answer.text
    assert answer.json()["failed"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "telepathy"},
        {"direction": "sideways"},
        {"duration_seconds": -1},
        {"amount": {"amount": 1.5, "currency": "USD"}, "kind": "purchase"},
        {"survey": {"question": "nps", "score": 11}},
        {"participants": ["ann"]},
        {"at": "yesterday"},
        {"reference": None},
        {"imported": True},
    ],
)
def test_what_does_not_fit_is_422(api: Api, fields: dict[str, Any]) -> None:
    problem(post(api, sent(**EMAIL) | fields), 422, "validation")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": {"amount": "1", "currency": "USD"}}, "amount"),
        ({"kind": "survey_answer"}, "survey"),
        ({"attachments": [{"reference": "x", "sha256": "0", "media_type": "a/b", "size": 1}]}, "sha256"),
    ],
)
def test_what_the_domain_does_not_take_is_422(api: Api, fields: dict[str, Any], said: str) -> None:
    assert said in problem(post(api, sent(**EMAIL) | fields), 422, "invalid")["detail"]


def test_reading_and_writing_need_their_own_scopes(api: Api) -> None:
    id = taken(api, **EMAIL)
    problem(api.send("GET", f"/v1/interactions/{id}", "crm:write"), 403, "scope-missing")
    assert api.send("GET", f"/v1/interactions/{id}", "crm:read").status_code == 200
    problem(api.send("POST", BATCH, "crm:read", json=[sent(**EMAIL)]), 403, "scope-missing")
