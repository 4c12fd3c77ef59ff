"""Executing a command: preconditions, idempotency keys, context, and the response."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel, Field

from api.http.context import correlation_of
from api.http.problems import Problem
from api.http.validation import Body
from api.services import Services
from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Outcome

_ETAG: Final = re.compile(r'"(0|[1-9][0-9]{0,8})"')
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


class Recorded(BaseModel):
    """The changes of a command."""

    id: UUID
    version: int = Field(description="Version of the record afterwards; also the ETag.")
    ids: list[UUID] = Field(description="All records that the command changed, this one first.")
    consistency_token: str = Field(
        description="Send it as Consistency-Token with a read that must see this change.", examples=["1042"]
    )


@dataclass(frozen=True, slots=True)
class Precondition:
    """The version of `If-Match`, or None for `*` (any version)."""

    version: int | None


def if_match(
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag last read, in quotes; `*` for any version. Without it: 428.",
            examples=['"3"'],
        ),
    ] = None,
) -> Precondition:
    """Returns the precondition of a change to one record.

    Raises `Problem`: `precondition-required` (428) without one, `malformed` (400) for one that is not an
    ETag of this API.
    """
    if if_match is None:
        raise Problem(
            "precondition-required",
            'The change names no version. Send If-Match with the ETag last read, such as If-Match: "3", '
            "so that nobody's change is overwritten unseen.",
        )
    sent = if_match.strip()
    if sent == "*":
        return Precondition(None)
    found = _ETAG.fullmatch(sent)
    if found is None:
        raise Problem(
            "malformed",
            "If-Match is not an ETag of this API. Send the ETag of the last response unchanged, with its "
            "quotes.",
        )
    return Precondition(int(found[1]))


def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="1 to 200 visible ASCII characters, new for each new request. The same "
            "request with the same key gets the same response and changes nothing.",
            examples=["6f2c1f0e-3d7b-4f0a-9a53-0c8f3d1f7a11"],
        ),
    ] = None,
) -> str | None:
    """Returns the caller's key. Raises `Problem` (`malformed`)."""
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise Problem(
            "malformed",
            "The Idempotency-Key must be 1 to 200 visible ASCII characters. Send a UUID, for example.",
        )
    return idempotency_key


IfMatch = Annotated[Precondition, Depends(if_match)]
IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]


def send(
    request: Request,
    response: Response,
    command: Any,
    body: Body | None,
    *,
    key: str | None,
    precondition: Precondition | None = None,
) -> Recorded:
    """Executes a command for the caller and fills the response's headers.

    A replayed response is the first one with the header `Idempotent-Replayed: true`. Raises domain errors.
    """
    outcome = execute(request, command, body, key=key, precondition=precondition)
    return Recorded(**answered(request, response, outcome))


def execute(
    request: Request,
    command: Any,
    body: Body | None,
    *,
    key: str | None,
    precondition: Precondition | None = None,
) -> Outcome:
    """Executes a command for the caller. Raises domain errors."""
    services: Services = request.app.state.services
    return services.commands.execute(
        command,
        context_of(request),
        expected_version=precondition.version if precondition else None,
        key=key,
        request=canonical(request, precondition, body),
    )


def context_of(request: Request) -> Context:
    """Returns who sends commands by this request, in which correlation, and when."""
    services: Services = request.app.state.services
    return Context(
        actor=request.state.actor,
        correlation=correlation_of(request.scope),
        cause=None,
        now=services.clock(),
        new_id=services.new_id,
    )


def position_of(request: Request, outcome: Outcome) -> int:
    """Returns the position after which a read sees the outcome. If nothing changed it is the newest one,
    since another request, or the same one whose response was lost, may have recorded it just now."""
    services: Services = request.app.state.services
    return outcome.position or services.head()


def answered(request: Request, response: Response, outcome: Outcome) -> dict[str, Any]:
    """Fills the response's headers; returns the members of every command's response."""
    token = str(position_of(request, outcome))
    response.headers["ETag"] = f'"{outcome.version}"'
    response.headers["Consistency-Token"] = token
    if outcome.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return {
        "id": outcome.id,
        "version": outcome.version,
        "ids": list(outcome.ids),
        "consistency_token": token,
    }


def canonical(request: Request, precondition: Precondition | None, body: Body | None, *more: str) -> bytes:
    """Returns what identifies a request: method, path, precondition, the parsed body (so that spaces and the
    order of members do not matter), and `more`."""
    expected = None if precondition is None else [precondition.version]
    values = None if body is None else body.model_dump(mode="json", exclude_unset=True)
    parts = [request.method, request.url.path, expected, values, *more]
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
