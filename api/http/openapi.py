"""The OpenAPI document: the framework's, with our problems instead of its errors, and examples of bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson
from fastapi import FastAPI

from api.http.problems import API, DOMAIN, MEDIA_TYPE, Problem

_ANY_ID: Final = "6f2c1f0e-3d7b-4f0a-9a53-0c8f3d1f7a11"
_NO_BODY: Final = object()
_SAMPLE: Final = Problem("page-token", "The list was rebuilt since. Ask for the first page again.")

Schema = dict[str, Any]

_MADE: Final[Schema] = {}


def install(app: FastAPI) -> None:
    """Makes `app.openapi()` return the document described above. All applications of a process share one,
    since they have the same routes and it takes longer than the rest of an application."""
    framework = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            if not _MADE:
                made = framework()
                _complete(made)
                _MADE.update(made)
            app.openapi_schema = _MADE
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the way that the framework documents


def _complete(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    schemas["Problem"] = _problem_schema()
    answer = {
        "description": "A problem (RFC 9457). Its `type` and `code` are permanent.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operation in _operations(document):
        responses = operation["responses"]
        responses.pop("422", None)  # the framework's own shape, which is never sent
        responses["default"] = answer
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            value = _example(content["schema"], schemas)
            content["examples"] = {"example": {"value": {} if value is _NO_BODY else value}}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _problem_schema() -> Schema:
    codes = sorted({error.code for error in DOMAIN} | set(API))
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {**text, "examples": ["urn:rapport:problem:not-found"]},
            "title": text,
            "status": {"type": "integer"},
            "detail": {**text, "description": "Fact, cause, next act. For people; may change."},
            "code": {**text, "enum": codes},
            "correlation_id": {**text, "format": "uuid", "description": "Names this request in the logs."},
        },
        "additionalProperties": True,
        "examples": [orjson.loads(bytes(_SAMPLE.response(_ANY_ID).body))],
        "description": "Further members say what a program may need: allowed transitions, versions, fields.",
    }


def _example(schema: Schema, schemas: dict[str, Schema], *, needed: bool = True) -> Any:
    """Returns an example that fits `schema`, made of its members' examples, without optional members that
    have no example. Returns `_NO_BODY` if it can make none."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, needed=needed)
    for option in schema.get("anyOf", ()):
        if (found := _example(option, schemas, needed=False)) is not _NO_BODY:
            return found
    if schema.get("type") == "object":
        return _object(schema, schemas)
    if not needed:
        return _NO_BODY
    if schema.get("type") == "array":
        item = _example(schema["items"], schemas)
        return [] if item is _NO_BODY else [item]
    if "enum" in schema:
        return schema["enum"][0]
    return _ANY_ID if schema.get("format") == "uuid" else _NO_BODY


def _object(schema: Schema, schemas: dict[str, Schema]) -> Any:
    required = schema.get("required", ())
    members = {
        name: _example(member, schemas, needed=name in required)
        for name, member in schema.get("properties", {}).items()
    }
    found = {name: value for name, value in members.items() if value is not _NO_BODY}
    return found or _NO_BODY
