"""Many clients of the API at once: the same keys and the same external ids, once, with one answer."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from commands.store.idempotency import Answer
from deploy.local.postgres import LocalPostgres
from tests.support.at_once import at_once
from tests.support.http import PRINCIPAL, Api, database, problem, running
from tests.support.store import execute, session

CLIENTS = 32
RECORDS = 6


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_at_once") as url, running(url) as served:
        yield served


def counted(api: Api, type: str) -> int:
    ((count,),) = execute(api.urls.admin, "SELECT count(*) FROM store.event WHERE type = %s", (type,))
    assert isinstance(count, int)
    return count


def patient(api: Api, method: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """Sends it again when the response says so."""
    until = time.monotonic() + 60
    while True:
        answer = api.client.request(method, path, json=body, headers=headers, timeout=60)
        if answer.status_code not in (409, 429) or "retry-after" not in answer.headers:
            return answer
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)


@pytest.mark.timeout(240)
def test_thirty_two_clients_with_the_same_keys_are_answered_alike(api: Api) -> None:
    """Given requests under keys, when 32 clients at once send them all, and again, then each key made one
    record, and every answer says the same of it."""
    before = counted(api, "crm.opportunity.opened")

    def send(number: int) -> set[tuple[str, bytes]]:
        names = [f"alike-{n}" for n in range(RECORDS)] * 2
        random.Random(number).shuffle(names)
        answers = set()
        for name in names:
            answer = patient(
                api, "POST", "/v1/opportunities", {"pipeline": "sales"}, **{"Idempotency-Key": name}
            )
            assert answer.status_code == 201, answer.text
            answers.add((name, answer.content))
        return answers

    found = at_once(CLIENTS, send)
    assert all(each == found[0] for each in found)
    assert not isinstance(found[0], Exception)
    assert len(found[0]) == RECORDS
    assert counted(api, "crm.opportunity.opened") == before + RECORDS
    other = api.client.post(
        "/v1/opportunities", json={"pipeline": "small"}, headers={"Idempotency-Key": "alike-0"}
    )
    problem(other, 422, "idempotency-key-reused")


@pytest.mark.timeout(240)
def test_thirty_two_clients_with_the_same_external_ids_find_one_record_of_each(api: Api) -> None:
    """Given external ids, when 32 clients at once put customers there, some one by one, some many at once,
    some registering, then there is one of each, and every answer names that one."""
    before = counted(api, "crm.customer.registered")
    names = [f"{n}" for n in range(RECORDS)]
    bodies = {name: {"kind": "organisation", "name": f"Company {name}"} for name in names}

    def send(number: int) -> dict[str, str]:
        mixed = random.Random(number).sample(names, RECORDS)
        if number % 3 == 0:
            items = [bodies[name] | {"reference": {"source": "race", "external_id": name}} for name in mixed]
            answer = patient(api, "POST", "/v1/customers:batchUpsert", items)
            assert answer.json()["failed"] == 0, answer.text
            return {name: result["id"] for name, result in zip(mixed, answer.json()["results"], strict=True)}
        if number % 3 == 1:
            return {
                name: patient(api, "PUT", f"/v1/customers/by/race/{name}", bodies[name]).json()["id"]
                for name in mixed
            }
        return {name: registered(name) for name in mixed}

    def registered(name: str) -> str:
        body = bodies[name] | {"reference": {"source": "race", "external_id": name}}
        answer = patient(api, "POST", "/v1/customers", body)
        assert answer.status_code in (201, 409), answer.text
        id: str = answer.json()["id"]  # the problem names the record that there is
        return id

    found = at_once(CLIENTS, send)
    assert all(each == found[0] for each in found)
    assert counted(api, "crm.customer.registered") == before + RECORDS


@contextmanager
def under_way(api: Api, key: str) -> Iterator[None]:
    """Another request of the same principal with this key, whose transaction stays open."""
    answer = Answer(201, (UUID(int=1),), (1,))
    row = api.services.commands.idempotency.row(PRINCIPAL, key, b"", answer)
    with session(api.urls.app) as first, first.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store.idempotency VALUES (%s, %s, %s, 201, %s, now() + interval '1 hour')",
            (str(row.principal), row.key_hmac, row.request_hmac, row.answer),
        )
        yield


@pytest.mark.parametrize(
    ("path", "key", "body"),
    [
        ("/v1/opportunities", "slow", {"pipeline": "sales"}),
        (
            "/v1/interactions:batch",
            "slow-batch/1",
            [
                {"kind": "call", "channel": "phone", "reference": {"source": "slow", "external_id": f"{n}"}}
                for n in range(40)
            ],
        ),
    ],
    ids=["one", "batch"],
)
def test_a_request_that_runs_is_waited_for_and_then_said_to_run(
    api: Api, path: str, key: str, body: Any
) -> None:
    """Given the same request under way, when it comes again, then it waits two seconds, however many items
    it has, and learns when to try again; when the first one has gone, it is done."""
    head = api.services.head()
    headers = {"Idempotency-Key": key.partition("/")[0]}
    with under_way(api, key):
        started = time.monotonic()
        answer = api.client.post(path, json=body, headers=headers)
        seconds = time.monotonic() - started
        problem(answer, 409, "request-in-progress")
        assert answer.headers["retry-after"] == "2"
        assert 1.9 < seconds < 10
        assert api.services.head() == head
    assert patient(api, "POST", path, body, **headers).status_code in (200, 201)


def test_eight_clients_with_the_same_batch_are_answered_alike(api: Api) -> None:
    """Given a batch under a key, when eight clients send it at once, then each item is there once, and every
    answer is the same to the byte."""
    items = [
        {"kind": "call", "channel": "phone", "reference": {"source": "pbx", "external_id": f"{n}"}}
        for n in range(100)
    ]
    before = counted(api, "crm.interaction.recorded")
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda _: (
                    patient(
                        api, "POST", "/v1/interactions:batch", items, **{"Idempotency-Key": "the-batch"}
                    ).content
                ),
                range(8),
            )
        )
    assert len(set(answers)) == 1
    assert orjson.loads(answers[0])["created"] == 100
    assert counted(api, "crm.interaction.recorded") == before + 100
