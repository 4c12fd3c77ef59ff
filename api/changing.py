"""Routes of commands that change one record: a verb after a colon, made from a table of bodies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi import Body as SentBody
from pydantic import Field

from api.sending import IdempotencyKey, IfMatch, Recorded, send
from api.shapes import Moment
from api.validation import Body


class Change(Body):
    """The body of a change to one record; each kind knows the command it becomes."""

    at: Moment | None = Field(
        default=None,
        description="When it happened in the business; now, when left out. Never before the record's last "
        "event.",
    )

    @abstractmethod
    def command(self, id: UUID) -> Any:
        """The command on the record `id`."""


Verb = tuple[str, type[Change], str]
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


def _endpoint(body_type: type[Change]) -> Callable[..., Recorded]:
    def change(
        request: Request,
        response: Response,
        id: UUID,
        body: Change,
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
