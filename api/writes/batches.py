"""Many items in one request: read from a JSON array or from NDJSON, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

import orjson
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.http.problems import Problem
from api.http.validation import Body, validation_problem

NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
MAX_ITEMS: Final = 1_000
"""Most items of one request."""
LONGEST: Final = 256 * 1024
"""Most bytes of one item's line."""

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Item(Generic[B]):
    """One item: its index from 0, its line from 1 (in NDJSON), and its body, or the problem with it."""

    index: int
    line: int | None
    body: B | Problem


@dataclass(frozen=True, slots=True)
class Sent:
    """A raw body, and whether it is NDJSON."""

    content: bytes
    lines: bool


async def sent(request: Request) -> Sent:
    """Returns the body; its size and media type are checked already."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Sent(await request.body(), media_type == NDJSON)


SentBatch = Annotated[Sent, Depends(sent)]


def items(found: Sent, shape: type[B]) -> list[Item[B]]:
    """Returns the items in order. Raises `Problem` for a body that is not a list of items, or too long."""
    parts = list(_lines(found.content) if found.lines else _elements(found.content))
    if not parts or len(parts) > MAX_ITEMS:
        raise Problem(
            "validation",
            f"The request has {len(parts):,} items; 1 to {MAX_ITEMS:,} are allowed. "
            "Nothing was changed. Send them in several requests.",
        )
    return [Item(index, line, _checked(content, shape)) for index, (line, content) in enumerate(parts)]


def _elements(content: bytes) -> Iterator[tuple[None, Any]]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Problem("malformed", f"The body is not valid JSON ({_where(error)}). {_HOW}") from error
    if not isinstance(found, list):
        raise Problem("malformed", f"The body is not an array. {_HOW}")
    yield from ((None, element) for element in found)


def _lines(content: bytes) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: bytes) -> Any:
    if len(line) > LONGEST:
        return Problem(
            "body-too-large",
            f"The line has {len(line):,} bytes; at most {LONGEST:,} are allowed. "
            "Send less, and keep long texts as attachments.",
        )
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return Problem("malformed", f"The line is not valid JSON ({_where(error)}). Correct it.")


def _where(error: orjson.JSONDecodeError) -> str:
    return f"it breaks off at character {error.pos}"


def _checked(content: Any, shape: type[B]) -> B | Problem:
    if isinstance(content, Problem):
        return content
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        return validation_problem(RequestValidationError(error.errors(include_url=False)))


def request_body(shape: type[Body], example: Any) -> dict[str, Any]:
    """Returns the body's OpenAPI; `shape` is the model of an item."""
    one = shape.model_json_schema(ref_template="#/components/schemas/{model}")
    one.pop("$defs", None)
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"type": "array", "items": one, "maxItems": MAX_ITEMS}},
                NDJSON: {
                    "schema": {"type": "string", "description": "One item as JSON in each line."},
                    "examples": {"example": {"value": _ndjson([example])}},
                },
            },
        }
    }


def _ndjson(values: Sequence[Any]) -> str:
    return "".join(orjson.dumps(value).decode() + "\n" for value in values)


_HOW: Final = f"Nothing was changed. Send a JSON array, or one item a line as {NDJSON}."
