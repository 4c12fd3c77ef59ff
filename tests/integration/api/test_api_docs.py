"""The OpenAPI document and its page: complete, with examples, and without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import Api, database, running

Document = dict[str, Any]


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_docs") as url, running(url) as served:
        yield served


@pytest.fixture(scope="module")
def document(api: Api) -> Document:
    found: Document = api.client.get("/openapi.json").json()
    return found


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Rapport"


def test_every_operation_has_a_summary_a_text_and_an_id_of_its_own(document: Document) -> None:
    found = list(operations(document))
    assert len({operation["operationId"] for _, operation in found}) == len(found)
    bare = [
        name for name, operation in found if not operation.get("summary") or not operation.get("description")
    ]
    assert not bare


def test_the_query_parameters_that_are_documented_are_those_that_are_allowed(
    api: Api, document: Document
) -> None:
    """Of each address without a body: what the refusal of another one lists is what the document lists."""
    seen = 0
    for name, operation in operations(document):
        method, path = name.split()
        if method != "GET" or not path.startswith("/v1/"):
            continue
        documented = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
        answer = api.client.get(re.sub(r"{[^}]+}", str(UUID(int=7)), path), params={"colour": "red"})
        problem = answer.json()
        # An address may refuse what stands in its path first.
        assert answer.status_code == 422, (name, problem)
        if problem["code"] == "unknown-parameter":
            assert problem["allowed"] == documented, name
            seen += 1
    assert seen > 25


def test_every_operation_documents_its_problems(document: Document) -> None:
    for name, operation in operations(document):
        assert "application/problem+json" in operation["responses"]["default"]["content"], name
        assert "422" not in operation["responses"], (
            f"{name} documents the framework's error, which is not sent"
        )


def test_every_command_documents_key_precondition_and_body(document: Document) -> None:
    for name, operation in operations(document):
        if not name.startswith("POST"):
            continue
        headers = {p["name"]: p for p in operation["parameters"] if p["in"] == "header"}
        assert "idempotency-key" in headers, name
        assert ("if-match" in headers) == ("}:" in name), name
        assert operation["requestBody"]["content"]["application/json"]["schema"], name


def test_bodies_have_examples(document: Document) -> None:
    """The page fills a request with them, so that it can be tried at once."""
    for name, operation in operations(document):
        if name.startswith("POST"):
            content = operation["requestBody"]["content"]["application/json"]
            value = content["examples"]["example"]["value"]
            schema = content["schema"]
            if schema.get("type") == "array":
                schema, (value,) = schema["items"], value
            model = schema.get("$ref", "").rsplit("/", 1)[-1]
            required = document["components"]["schemas"].get(model, {}).get("required", [])
            assert set(required) <= set(value), name


def test_the_example_of_every_registration_works_as_it_stands(api: Api, document: Document) -> None:
    people = ("products", "principals", "customers", "leads")
    for collection in (*people, "opportunities", "cases", "interactions"):
        path = f"/v1/{collection}"
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            answer = api.client.post(path, json=example["value"])
            assert answer.status_code == 201, answer.text


BEFORE: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "opportunities:reopen": [("win", {})],
    "contacts:verifyPoint": [("addPoint", {})],
    "contacts:removePoint": [("addPoint", {})],
    "contacts:giveConsent": [("addPoint", {})],
    "contacts:withdrawConsent": [("addPoint", {}), ("giveConsent", {})],
    "customers:unmerge": [("merge", {})],
    "leads:reopen": [("disqualify", {})],
    "leads:convert": [("move", {}), ("move", {"to_state": "qualified"})],
    "cases:close": [("resolve", {})],
    "cases:reopen": [("resolve", {})],
    "principals:reactivate": [("deactivate", {})],
    "products:reintroduce": [("discontinue", {})],
}
"""What a record goes through before a change is possible, as the examples have it but for these fields."""


def test_the_example_of_every_change_works_as_it_stands(api: Api, document: Document) -> None:
    """But for the ids in it, which stand for records of one's own: here for some that are there."""
    examples = {
        path: operations["post"]["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
        for path, operations in document["paths"].items()
        if "post" in operations
    }
    known = {
        "customer_id": api.create("customers", kind="organisation", name="Acme"),
        "survivor_id": api.create("customers", kind="person", name="Ann"),
        "owner_id": api.create("principals", kind="agent", name="Bob"),
        "product_id": api.create("products", **examples["/v1/products"]),
        "of": api.create("cases", **examples["/v1/cases"]),
    }
    known["member_ids"] = known["owner_id"]

    def filled(value: Any) -> Any:
        """The example with ids that are there, by the names of their fields."""
        if isinstance(value, list):
            return [filled(each) for each in value]
        if not isinstance(value, dict):
            return value
        found = {name: filled(each) for name, each in value.items()}
        ids = {name: known[name] for name in found if name in known}
        return found | {name: [id] if name == "member_ids" else id for name, id in ids.items()}

    changes = [path for path in examples if "/{id}:" in path and not path.endswith(":erase")]
    assert len(changes) > 40
    for path in changes:
        collection, verb = path.removeprefix("/v1/").split("/{id}:")
        body = filled(examples[f"/v1/{collection}"])
        if "reference" in body:
            body["reference"]["external_id"] = path  # an external id is of one record
        id = api.create(collection, **body)
        for step, fields in [*BEFORE.get(f"{collection}:{verb}", []), (verb, {})]:
            example = filled(examples[f"/v1/{collection}/{{id}}:{step}"]) | fields
            answer = api.change(collection, id, step, **example)
            assert answer.status_code == 200, f"{path}, {step} {example}: {answer.text}"
            if step == "addPoint":
                known["point_id"] = api.read("contacts", id)["points"][0]["id"]


def test_every_reference_in_the_document_leads_somewhere(document: Document) -> None:
    text = httpx.Response(200, json=document).text
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document["components"]["schemas"], name


def test_the_page_and_all_it_loads_come_from_this_server(api: Api) -> None:
    page = httpx.get(f"{api.address}/docs")
    assert page.status_code == 200
    assert "://" not in page.text, "the page must not name another server"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    for path in loaded:
        answer = httpx.get(api.address + path)
        assert answer.status_code == 200, path
        assert len(answer.content) > 1000
    script = httpx.get(f"{api.address}/docs/assets/swagger-ui-bundle.js").text
    assert "SwaggerUIBundle" in script


def test_the_page_may_load_nothing_from_elsewhere(api: Api) -> None:
    policy = httpx.get(f"{api.address}/docs").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
