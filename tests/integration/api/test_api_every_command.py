"""Bad input to every command there is: refused with a problem, never with a 500, and nothing is recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import Api, database, running

JSON = {"Content-Type": "application/json"}
BAD: dict[str, bytes] = {
    "no JSON": b'{"name": ',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "an array": b"[1, 2]",
    "a word": b'"name"',
    "null": b"null",
    "an unknown field": b'{"nmae": "Ann"}',
    "numbers where words belong": b'{"name": 1, "kind": 2, "reason": 3, "to_state": 4, "channel": 5}',
    "a character that no database holds": b'{"name": "A\\u0000", "reason": "\\u0000", "channel": "\\u0000"}',
    "half a character": b'{"name": "\\ud800", "reason": "\\ud800", "channel": "\\ud800"}',
    "a number without end": b'{"priority": 1e999, "score": 1e999, "level": 1e999}',
    "a body nested without end": b'{"attributes": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a time of no zone": b'{"at": "2026-01-01T00:00:00"}',
}


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_every_command") as url, running(url) as served:
        yield served


@pytest.fixture(scope="module")
def commands(api: Api) -> list[tuple[str, str, Any]]:
    """Method, path of a record that is not there, and the example of the body."""
    found = []
    for path, operations in api.client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            example = operation["requestBody"]["content"]["application/json"]["examples"]["example"]
            known = re.sub(r"\{[a-z_]+\}", lambda _: str(uuid4()), path)
            found.append((method.upper(), known, example["value"]))
    assert len(found) > 50, "every command of every aggregate"
    return found


@pytest.mark.parametrize("given", BAD)
def test_a_body_that_is_none_is_refused_by_every_command(
    api: Api, commands: list[tuple[str, str, Any]], given: str
) -> None:
    head = api.services.head()
    for method, path, _ in commands:
        answer = api.client.request(method, path, content=BAD[given], headers=JSON | {"If-Match": "*"})
        if path.endswith((":batch", ":batchUpsert")):  # an array of numbers is a batch whose items fail
            assert answer.status_code in (200, 400, 422), (path, answer.text)
            continue
        # A change that takes no facts may be well-formed; then there is no such record.
        assert answer.status_code in (400, 404, 422), (path, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Ann" not in answer.text, "values are never quoted"
    assert api.services.head() == head


def test_every_change_of_a_record_that_is_not_there_is_404(
    api: Api, commands: list[tuple[str, str, Any]]
) -> None:
    head = api.services.head()
    changes = [(path, example) for method, path, example in commands if re.search(r"[0-9a-f]:", path)]
    assert len(changes) > 40
    for path, example in changes:
        answer = api.client.post(path, json=example, headers={"If-Match": "*"})
        assert answer.status_code == 404, (path, answer.text)
        assert path.split("/")[-1].split(":")[0] in answer.json()["detail"], path
    assert api.services.head() == head


def test_every_change_needs_to_say_of_which_version(api: Api, commands: list[tuple[str, str, Any]]) -> None:
    for _, path, example in commands:
        if re.search(r"[0-9a-f]:", path):
            assert api.client.post(path, json=example).status_code == 428, path


def test_no_command_takes_a_query(api: Api, commands: list[tuple[str, str, Any]]) -> None:
    for method, path, example in commands:
        answer = api.client.request(method, f"{path}?force=true", json=example, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown-parameter"), path
