"""Hostile texts in every field of every command and every parameter of every read: text, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg2
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import ALL_PROJECTIONS, Api, database, running

HOSTILE: Final = (
    # SQL, formats, a page, a shell, a path, JSON: each breaks what is not a parameter.
    """'; DROP TABLE store.event; -- ") OR 1=1 %s %(id)s %n {0} {self.__class__} ${x} `id` """
    """<script>x()</script> ../../etc/passwd "}], "$where": "1", \\N \\x41 \\.""",
    # Another line of a log, another header, another column of a copy.
    "x\r\nSet-Cookie: a=b\r\n200 OK ERROR forged line\ty",
)
JSON: Final = ("application/json", "application/problem+json")
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


class Command(NamedTuple):
    """A command: its address template, an example of its body, and the places of the texts in it."""

    method: str
    path: str
    example: dict[str, Any]
    texts: list[tuple[str, ...]]


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "injection") as url, running(url) as served:
        yield served


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.client.get("/openapi.json").json()
    return found


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The schema behind references, and of the alternatives the one that is not null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in schema:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        else:
            return schema


def texts(
    schema: dict[str, Any], document: dict[str, Any], at: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The places of all texts that are free: no ids, times, or names out of a list. `*` is a name itself."""
    schema = resolved(schema, document)
    if schema.get("type") == "object":
        for name, member in schema.get("properties", {}).items():
            yield from texts(member, document, (*at, name))
        if isinstance(schema.get("additionalProperties"), dict):
            yield from ((*at, "*"), (*at, "x"))
    elif schema.get("type") == "array":
        yield from texts(schema["items"], document, (*at, "0"))
    elif schema.get("type") == "string" and not schema.keys() & {"format", "enum", "const", "pattern"}:
        yield at


def with_text(body: Any, place: tuple[str, ...], text: str) -> Any:
    """The body with that text at that place; what is on the way and missing is made."""
    if not place:
        return text
    name, *rest = place
    if name == "0":
        return [with_text(body[0] if body else {}, tuple(rest), text)]
    body = deepcopy(body) if isinstance(body, dict) else {}
    if name == "*":
        return body | {text: "value"}
    return body | {name: with_text(body.get(name), tuple(rest), text)}


@pytest.fixture(scope="module")
def commands(document: dict[str, Any]) -> list[Command]:
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" in operation and ":batch" not in path:
                content = operation["requestBody"]["content"]["application/json"]
                example = content["examples"]["example"]["value"]
                places = list(texts(content["schema"], document))
                found.append(Command(method.upper(), path, example, places))
    return found


@pytest.fixture(scope="module")
def records(api: Api, commands: list[Command]) -> dict[str, str]:
    """A record of every collection that has commands, made from the document's examples."""
    made: dict[str, str] = {}
    examples = {command.path: command.example for command in commands if creates(command)}
    customer = api.create("customers", **examples["/v1/customers"])
    for path, example in examples.items():
        collection = path.rsplit("/", 1)[1]
        own = {"customer_id": customer} if "customer_id" in example else {}
        made[collection] = customer if collection == "customers" else api.create(collection, **example | own)
    return made


def creates(command: Command) -> bool:
    return command.path.count("/") == 2 and ":" not in command.path


def counts(api: Api) -> dict[str, int]:
    """The number of rows of all tables of store, access and read side that are not empty."""
    with closing(psycopg2.connect(api.urls.admin)) as connection, connection.cursor() as c:
        c.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
            "AND NOT starts_with(schemaname, 'pg_temp')"  # a worker's, which ends with it
        )
        tables = [row[0] for row in c.fetchall()]
        found = {}
        for table in tables:
            c.execute(f"SELECT count(*) FROM {table}")  # names out of the catalogue
            (found[table],) = c.fetchall()[0]
    return {table: rows for table, rows in found.items() if rows}


def test_no_text_of_a_command_is_taken_for_anything_but_text(
    api: Api, commands: list[Command], records: dict[str, str]
) -> None:
    before = counts(api)
    taken, refused, kept = 0, 0, set[str]()
    for command in commands:
        collection = command.path.split("/")[2].split(":")[0]
        path = command.path.replace("{id}", records.get(collection, str(UUID(int=1))))
        path = path.replace("{source}", "erp").replace("{external_id}", "4711")
        for place in command.texts:
            for text in HOSTILE:
                body = with_text(command.example, place, text)
                if collection == "contacts" and path == "/v1/contacts":
                    body |= {"customer_id": records["customers"]}
                answer = api.client.request(command.method, path, json=body, headers={"If-Match": "*"})
                said = (command.method, command.path, place, text, answer.status_code, answer.text)
                assert answer.status_code in (200, 201, 404, 409, 412, 413, 422), said
                assert answer.headers["content-type"] in JSON, said
                assert "set-cookie" not in answer.headers, said
                if answer.status_code >= 400:
                    refused += 1
                    assert text not in answer.json()["detail"], said
                    continue
                taken += 1
                if "id" not in answer.json():
                    continue  # a question, sent in a body
                shown = api.client.get(f"/v1/{collection}/{answer.json()['id']}")
                if shown.status_code == 200 and strings(shown.json()) & {text, text.strip()}:
                    kept.add(command.path)
    api.catch_up(projections=ALL_PROJECTIONS)

    after = counts(api)
    assert {table for table in before if table not in after} == set(), "nothing is emptied"
    assert all(after[table] >= rows for table, rows in before.items()), "nothing is deleted"
    assert "control.held" not in after
    assert taken > 30, "what is well-formed is taken as text"
    assert refused > 30
    creations = {command.path for command in commands if creates(command) and command.texts}
    readable = {f"/v1/{name}" for name in ("customers", "contacts", "leads", "cases", "interactions")}
    assert kept >= creations & readable, "and given back as it was sent"


def test_no_parameter_of_a_read_is_taken_for_anything_but_a_value(
    api: Api, document: dict[str, Any], records: dict[str, str]
) -> None:
    asked = 0
    for path, operations in document["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["in"] != "query":
                continue
            needed = {
                each["name"]: (each.get("examples") or each["schema"].get("examples") or ["x"])[0]
                for each in operations["get"]["parameters"]
                if each["in"] == "query" and each.get("required")
            }
            collection = path.split("/")[2].split(":")[0] if path.count("/") > 1 else ""
            if "{records}" in path and not path.endswith("/export"):  # that one needs the seals' key
                collection = "customers"
            known = path.replace("{records}", collection).replace(
                "{id}", records.get(collection, str(UUID(int=1)))
            )
            known = re.sub(r"\{\w+\}", "sales", known)
            for text in HOSTILE:
                answer = api.client.get(known, params=needed | {parameter["name"]: text})
                said = (path, parameter["name"], text, answer.status_code, answer.text[:500])
                assert answer.status_code in (200, 400, 404, 422), said
                assert "set-cookie" not in answer.headers, said
                asked += 1
                if answer.status_code >= 400:
                    assert text not in answer.json()["detail"], said
    assert asked > 100
    assert counts(api)["store.event"] > 0


def strings(found: Any) -> set[str]:
    """All texts in JSON, names of members among them."""
    if isinstance(found, str):
        return {found}
    if isinstance(found, dict):
        return set(found) | {text for value in found.values() for text in strings(value)}
    return {text for value in found for text in strings(value)} if isinstance(found, list) else set()
