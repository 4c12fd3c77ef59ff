"""Routes of commands, made from the record types: one to create a record, and one for each change, with a
verb after a colon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Body as SentBody

from api.http.auth import requires
from api.http.query import declared_only
from api.writes.command_bodies import ChangeBody, CommandBody, CreateBody, body_of
from api.writes.execution import IdempotencyKey, IfMatch, Recorded, send
from domain.kernel.command import Command, NewRecord
from domain.kernel.record_type import RecordType

Bodies = Mapping[type[Command], type[CommandBody]]
"""Written-out bodies, by their commands."""


def bodies_in(module: ModuleType) -> Bodies:
    """Returns the bodies of a module, by the commands that they make."""
    return {
        found.makes: found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, CommandBody) and "makes" in vars(found)
    }


def command_router(
    record_type: RecordType, bodies: Bodies, *, own: frozenset[type[Command]] = frozenset()
) -> APIRouter:
    """Returns `POST /v1/<plural>` for the command that creates a record, and `POST /v1/<plural>/{id}:<verb>`
    for each change. The body of a command that is not in `bodies` is made from it; `own` have routes
    elsewhere."""
    router = APIRouter(
        prefix="/v1",
        tags=[record_type.plural],
        dependencies=[requires(record_type.scope), Depends(declared_only)],
    )
    for command in record_type.commands:
        if command in own:
            continue
        body = bodies.get(command) or body_of(command)
        if issubclass(command, NewRecord):
            _add_creation(router, record_type, command, body)
        else:
            _add_change(router, record_type, command, body)
    return router


def _add_creation(
    router: APIRouter, record_type: RecordType, command: type[Command], body: type[CommandBody]
) -> None:
    assert issubclass(body, CreateBody), f"{body.__name__} makes a record"
    router.add_api_route(
        f"/{record_type.plural}",
        _creating(body, record_type.plural if record_type.readable else None),
        methods=["POST"],
        status_code=201,
        name=command.verb,
        summary=command.summary,
        description=f"{body.__doc__}\n\n{_ONCE}",
        operation_id=f"{record_type.plural}_{command.verb}",
    )


def _add_change(
    router: APIRouter, record_type: RecordType, command: type[Command], body: type[CommandBody]
) -> None:
    assert issubclass(body, ChangeBody), f"{body.__name__} changes a record"
    router.add_api_route(
        f"/{record_type.plural}/{{id:uuid}}:{command.verb}",
        _endpoint(body),
        methods=["POST"],
        name=command.verb,
        summary=command.summary,
        description=body.__doc__,
        operation_id=f"{record_type.plural}_{command.verb}",
    )


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

    create.__annotations__["body"] = body_type  # the framework validates and documents these
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
    # The framework validates and documents these; a change without required fields needs no body.
    change.__annotations__["body"] = (
        body_type if needed else Annotated[body_type, SentBody(default_factory=body_type)]
    )
    return change
