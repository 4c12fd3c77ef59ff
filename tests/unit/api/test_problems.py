"""The table of problems: complete, permanent, and rendered as RFC 9457 says."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

import commands
import domain
from api.http import problems
from domain.kernel import errors

CODES = {
    "refused": 409,
    "not-found": 404,
    "invalid": 422,
    "move-refused": 409,
    "time-refused": 422,
    "concurrent-change": 412,
    "changed-again": 409,
    "already-claimed": 409,
    "already-recorded": 409,
    "changed-since-import": 409,
    "idempotency-key-reused": 422,
    "request-in-progress": 409,
    "event-too-large": 413,
    "unknown-event-type": 500,
    "undecodable": 500,
    "erased": 409,
    "legal-hold": 409,
    "identity-behind": 503,
    "certificate-too-early": 409,
    "not-erased": 409,
    "key-missing": 503,
    "recovery-needed": 503,
    "malformed": 400,
    "page-token": 400,
    "unauthenticated": 401,
    "scope-missing": 403,
    "principal-deactivated": 403,
    "no-such-address": 404,
    "method-not-allowed": 405,
    "body-too-large": 413,
    "query-too-long": 414,
    "media-type": 415,
    "validation": 422,
    "unknown-parameter": 422,
    "item-failed": 422,
    "precondition-required": 428,
    "rate-limited": 429,
    "headers-too-large": 431,
    "purpose-required": 428,
    "internal": 500,
    "seal-differs": 500,
    "unavailable": 503,
    "not-yet-visible": 503,
    "parked": 503,
}
"""Frozen: clients hold these. A code may be added, none may change or go."""


def all_errors() -> Iterator[type[errors.DomainError]]:
    """Every domain error that any module of ours defines."""
    for package in (domain, commands):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    pending = [errors.DomainError]
    while pending:
        found = pending.pop()
        yield found
        pending.extend(found.__subclasses__())


def test_every_domain_error_stands_in_the_table_itself() -> None:
    missing = [error.__qualname__ for error in all_errors() if error not in problems.DOMAIN]
    assert not missing, f"add a row to api/http/problems.py for {missing}"


def test_codes_and_statuses_are_frozen() -> None:
    found = {error.code: kind.status for error, kind in problems.DOMAIN.items()}
    found |= {code: kind.status for code, kind in problems.API.items()}
    assert found == CODES
    assert len(problems.DOMAIN) + len(problems.API) == len(found), "two errors share a code"


def test_a_domain_error_becomes_a_problem_with_its_facts_as_members() -> None:
    refused = errors.MoveRefused(
        record_type="opportunity", state="won", move="be won", allowed=("be reopened",)
    )
    answer = problems.domain_response(refused, "c0ffee")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert orjson.loads(bytes(answer.body)) == {
        "type": "urn:rapport:problem:move-refused",
        "title": "Move refused",
        "status": 409,
        "detail": "The opportunity is won; it cannot be won. Allowed from won: be reopened.",
        "code": "move-refused",
        "correlation_id": "c0ffee",
        "state": "won",
        "move": "be won",
        "allowed": ["be reopened"],
    }


@pytest.mark.parametrize(
    ("error", "member", "value"),
    [
        (errors.ConcurrentChange(id=UUID(int=1), expected=2, found=3), "found", 3),
        (
            errors.AlreadyClaimed(source="erp", external_id="7", id=UUID(int=7)),
            "id",
            "00000000-0000-0000-0000-000000000007",
        ),
        (
            errors.TimeRefused(
                named=datetime(2017, 1, 1, tzinfo=UTC), bound=datetime(2018, 1, 1, tzinfo=UTC), ahead=False
            ),
            "bound",
            "2018-01-01T00:00:00Z",
        ),
        (errors.EventTooLarge(size=600_000, limit=524_288), "limit", 524_288),
    ],
)
def test_members_are_plain_json(error: errors.DomainError, member: str, value: object) -> None:
    assert orjson.loads(bytes(problems.domain_response(error).body))[member] == value


def test_a_request_in_progress_says_when_to_come_back() -> None:
    assert problems.domain_response(errors.RequestInProgress()).headers["retry-after"] == "2"


def test_the_api_s_own_problems_carry_headers_and_members() -> None:
    problem = problems.Problem("rate-limited", "Too fast. Wait.", headers={"X-A": "1"}, rate="1/second")
    answer = problem.response()
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["x-a"]) == (429, "1", "1")
    body = orjson.loads(bytes(answer.body))
    assert body["rate"] == "1/second"
    assert "correlation_id" not in body
