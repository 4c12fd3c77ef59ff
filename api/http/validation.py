"""Requests that do not fit their schema, as problems that name the field and never quote its value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from api.http.problems import Problem

_MAX_PROBLEMS: Final = 20
_OURS: Final = re.compile(r"[0-9]+|\[key\]|[A-Za-z][A-Za-z_-]{0,39}(?:\[[a-z]+\])?")


def _no_control(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("must not hold control characters")
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not hold the character NUL")
    return text


Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_no_control)]
"""A short text without control characters, which would break the database or a log."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(_no_nul)]
"""Free text, lines allowed; without NUL, which PostgreSQL cannot store."""


class Body(BaseModel):
    """A request body. It refuses unknown fields, since a misspelt one would be lost silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def validation_problem(error: RequestValidationError) -> Problem:
    """Returns the 422 (400 if the body is not JSON) that names at most 20 fields and their faults, no
    values."""
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        at = found[0]["loc"][-1]
        return Problem(
            "malformed",
            f"The body is not valid JSON (it breaks off at character {at}). Nothing was changed. Correct it.",
        )
    items = [{"field": _field(e["loc"]), "reason": reason_of(e)} for e in found[:_MAX_PROBLEMS]]
    first = items[0] if items else {"field": "request", "reason": "it does not fit its schema"}
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Problem(
        "validation",
        f"{first['field']}: {first['reason']}{more}. Nothing was changed. Correct the request; /docs shows "
        "what it takes.",
        errors=items,
    )


def _field(location: Sequence[Any]) -> str:
    """`body.amount.currency`, `query.page_size`, `header.If-Match`; at most 100 characters.

    A name may be the caller's own, of a misspelt field or in a map: one that does not look like a field's
    name is not repeated.
    """
    named = (part if _OURS.fullmatch(part) else "(name)" for part in map(str, location))
    return ".".join(named)[:100] or "request"


def reason_of(error: Mapping[str, Any]) -> str:
    """Returns what is wrong, without the value."""
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:].rstrip(".")[:300]
