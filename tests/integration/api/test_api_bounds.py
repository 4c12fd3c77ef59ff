"""Bounds and failures: sizes, rates, the framework's own refusals, readiness, and what nobody expected."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import httpx
import psycopg2
import pytest

from api.services import ApiLimits, Services
from deploy.local.postgres import LocalPostgres
from tests.support.http import Api, database, problem, running, served

LIST = "/v1/opportunities"
LIMITS = ApiLimits(body=20_000, headers=4_000, query=1_000)


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_bounds") as url, running(url, limits=LIMITS) as served_api:
        yield served_api


def like(api: Api, **given: Any) -> Services:
    """The same services with some replaced."""
    return Services(**({f.name: getattr(api.services, f.name) for f in fields(Services)} | given))


def body_of(size: int) -> bytes:
    start, end = b'{"pipeline": "sales", "stage": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_413_and_changes_nothing(api: Api, chunked: bool) -> None:
    head = api.services.head()
    for size, expected in ((20_000, 422), (20_001, 413)):
        body = body_of(size)
        answer = api.client.post(
            LIST,
            content=chunks(body) if chunked else body,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == expected, answer.text
    assert "20,000" in problem(answer, 413, "body-too-large")["detail"]
    assert api.services.head() == head


def test_the_usual_limit_of_a_body_is_one_mebibyte() -> None:
    assert ApiLimits().body == 1024 * 1024


def test_an_announced_body_is_refused_before_it_is_sent(api: Api) -> None:
    """A client that asks first (Expect: 100-continue) or sends slowly gets the response at once."""
    host, port = api.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/opportunities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_headers_above_the_limit_are_431(api: Api) -> None:
    answer = api.client.get(LIST, headers={"X-Long": "x" * 4_000})
    problem(answer, 431, "headers-too-large")


def test_a_query_above_the_limit_is_414(api: Api) -> None:
    problem(api.client.get(f"{LIST}?stage={'x' * 1_000}"), 414, "query-too-long")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "no-such-address"),
        ("GET", "/v2/opportunities", 404, "no-such-address"),
        ("GET", "/v1/opportunities/", 404, "no-such-address"),
        ("GET", "/v1/opportunities/12", 404, "no-such-address"),
        ("POST", "/v1/opportunities/00000000-0000-0000-0000-000000000001:fly", 404, "no-such-address"),
        ("DELETE", "/v1/opportunities", 405, "method-not-allowed"),
        ("POST", "/livez", 405, "method-not-allowed"),
    ],
)
def test_the_framework_s_refusals_are_problems_too(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    answer = api.client.request(method, path)
    problem(answer, status, code)
    if status == 405:
        assert answer.headers["allow"]


# A day long, since a new window begins with each of the clock's: minutes do so in the middle of tests.
def test_above_its_rate_a_key_gets_429_and_others_go_on(api: Api) -> None:
    with served(like(api, limits=ApiLimits(rate="5/day"))) as address:
        statuses = [httpx.get(address + LIST, headers=api.client.headers).status_code for _ in range(7)]
        last = httpx.get(address + LIST, headers=api.client.headers)
        other = httpx.get(address + LIST, headers={"Authorization": f"Bearer {api.key('crm:read')}"})
    assert statuses == [200] * 5 + [429] * 2
    assert "5 per 1 day" in problem(last, 429, "rate-limited")["detail"]
    assert int(last.headers["retry-after"]) >= 1
    assert other.status_code == 200


def test_who_guesses_keys_is_slowed_down_and_asks_the_database_no_more(api: Api) -> None:
    with served(like(api, limits=ApiLimits(refused_rate="3/day"))) as address:
        guesses = [
            httpx.get(address + LIST, headers={"Authorization": "Bearer rk_guess"}).status_code
            for _ in range(5)
        ]
        health = httpx.get(f"{address}/livez").status_code
    assert guesses == [401] * 3 + [429] * 2
    assert health == 200


def test_who_guesses_keys_cannot_pass_for_another_address(api: Api) -> None:
    slow = ApiLimits(refused_rate="3/day")
    with served(like(api, limits=slow)) as address:
        statuses = [
            httpx.get(address + LIST, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
            for n in range(5)
        ]
    assert statuses == [401, 401, 401, 429, 429]


def test_readiness_names_what_is_missing_while_liveness_does_not_mind(api: Api) -> None:
    reasons: list[str] = []

    def ready() -> Sequence[str]:
        return reasons

    services = like(api, ready=ready)
    with served(services) as address:
        assert httpx.get(f"{address}/readyz").status_code == 200
        reasons.append("The event store does not answer.")
        found = problem(httpx.get(f"{address}/readyz"), 503, "unavailable")
        assert found["reasons"] == reasons
        assert httpx.get(f"{address}/livez").status_code == 200


def test_a_draining_process_is_not_ready_and_still_answers(api: Api) -> None:
    draining = threading.Event()
    with served(like(api, draining=draining)) as address:
        draining.set()
        found = problem(httpx.get(f"{address}/readyz"), 503, "unavailable")
        assert "about to stop" in found["detail"]
        assert httpx.get(address + LIST, headers=api.client.headers).status_code == 200


def test_what_nobody_expected_is_500_without_a_trace_and_logged_without_values(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    personal = "ann@example.org"

    def broken() -> Sequence[str]:
        raise RuntimeError(f"{personal} has no name")

    with served(like(api, ready=broken)) as address, caplog.at_level(logging.DEBUG):
        answer = httpx.get(f"{address}/readyz")
    found = problem(answer, 500, "internal")
    assert "RuntimeError" not in answer.text
    assert "correlation id" in found["detail"]
    logged = "\n".join(
        record.getMessage() + (record.exc_text or "") for record in caplog.records if record.levelno >= 40
    )
    assert "RuntimeError" in logged
    assert found["correlation_id"] in logged
    assert "in broken" in logged, "the place is told"
    assert personal not in logged
    assert personal not in answer.text


def test_a_store_that_is_away_is_503_and_the_key_makes_a_repeat_safe(api: Api) -> None:
    class Away:
        def execute(self, *_: object, **__: object) -> None:
            raise psycopg2.OperationalError("server closed the connection")

    with served(like(api, commands=Away())) as address:
        answer = httpx.post(address + LIST, json={"pipeline": "sales"}, headers=api.client.headers)
    assert "Idempotency-Key" in problem(answer, 503, "unavailable")["detail"]
    assert "server closed" not in answer.text


def test_many_requests_at_once_are_all_answered(api: Api) -> None:
    """More than threads and database connections: they wait their turn."""
    with ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(lambda _: api.client.get(LIST).status_code, range(200)))
    assert set(statuses) == {200}


def test_answers_are_not_kept_by_caches_and_not_guessed_at(api: Api) -> None:
    answer = api.client.get(LIST)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
