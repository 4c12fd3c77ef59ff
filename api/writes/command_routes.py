"""Routes of commands, made from a table of bodies: one that makes a record, and changes of one record, a verb
after a colon."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Body as SentBody
from pydantic import Field

from api.http.auth import requires
from api.http.query import declared_only
from api.http.shapes import Moment
from api.http.validation import Body
from api.writes.execution import IdempotencyKey, IfMatch, Recorded, send


class CreateBody(Body):
    """The body of a new record; each kind knows the command it becomes."""

    at: Moment | None = Field(default=None, description="When it happened in the business; now, if left out.")

    @abstractmethod
    def command(self) -> Any:
        """The command that makes the record."""


class ChangeBody(Body):
    """The body of a change to one record; each kind knows the command it becomes."""

    at: Moment | None = Field(
        default=None,
        description="When it happened in the business; now, when left out. Never before the record's last "
        "event.",
    )

    @abstractmethod
    def command(self, id: UUID) -> Any:
        """The command on the record `id`."""


Verb = tuple[str, type[ChangeBody], str]
"""The verb in the address, its body, and a summary."""


def add_changes(router: APIRouter, collection: str, verbs: Sequence[Verb]) -> None:
    """Adds `POST /<collection>/{id}:<verb>` for each verb."""
    for verb, body, summary in verbs:
        router.add_api_route(
            f"/{collection}/{{id:uuid}}:{verb}",
            _endpoint(body),
            methods=["POST"],
            name=verb,
            summary=summary,
            description=body.__doc__,
            operation_id=f"{collection}_{verb}",
        )


def command_router(
    collection: str,
    *,
    create: tuple[type[CreateBody], str] | None,
    verbs: Sequence[Verb],
    scope: str = "crm:write",
    located: bool = True,
) -> APIRouter:
    """`POST /v1/<collection>` for the body of `create`, with its summary, and a route for each verb.

    `located`: a record can be read at `/v1/<collection>/{id}`."""
    router = APIRouter(
        prefix="/v1",
        tags=[collection],
        dependencies=[requires(scope), Depends(declared_only)],
    )
    if create is not None:
        body, summary = create
        router.add_api_route(
            f"/{collection}",
            _creating(body, collection if located else None),
            methods=["POST"],
            status_code=201,
            name="create",
            summary=summary,
            description=f"{body.__doc__}\n\n{_ONCE}",
            operation_id=f"{collection}_create",
        )
    add_changes(router, collection, verbs)
    return router


_ONCE = (
    "With a `reference`, a second one of the same external id is refused (409) and names the record that "
    "there is."
)


def _creating(body_type: type[CreateBody], collection: str | None) -> Callable[..., Recorded]:
    def create(request: Request, response: Response, body: CreateBody, key: IdempotencyKey) -> Recorded:
        recorded = send(request, response, body.command(), body, key=key)
        if collection is not None:
            response.headers["Location"] = f"/v1/{collection}/{recorded.id}"
        return recorded

    create.__annotations__["body"] = body_type  # what the framework validates and documents
    return create


def _endpoint(body_type: type[ChangeBody]) -> Callable[..., Recorded]:
    def change(
        request: Request,
        response: Response,
        id: UUID,
        body: ChangeBody,
        precondition: IfMatch,
        key: IdempotencyKey,
    ) -> Recorded:
        return send(request, response, body.command(id), body, key=key, precondition=precondition)

    needed = any(field.is_required() for field in body_type.model_fields.values())
    # What the framework validates and documents; a change that needs no facts needs no body either.
    change.__annotations__["body"] = (
        body_type if needed else Annotated[body_type, SentBody(default_factory=body_type)]
    )
    return change
