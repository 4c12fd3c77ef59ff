"""Reading one record from the event store: folded from its events, so it has every change at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field

from api.http.shapes import Instant
from api.reads.as_of import AsOfAnswer, AsOfQuery
from api.reads.private import GivesPrivate, clear, closed, shows, watching
from api.services import Services
from domain.kernel.aggregate import Aggregate, Evolve
from domain.kernel.as_of import NOW, AsOf

A = TypeVar("A", bound=Aggregate)


class Record(AsOfAnswer):
    """Members of every record; the others are the aggregate's, by their names."""

    private: ClassVar[tuple[str, ...]] = ()
    """Members with private values."""
    hidden: ClassVar[tuple[str, ...]] = ("imported", "original")
    """Fields of the state that are hidden, or shown by another name."""

    id: UUID
    version: int = Field(description="Also the ETag: send it as If-Match with the next change.")
    updated_at: Instant = Field(description="When its last event was recorded.")
    closed: dict[str, str] = Field(
        description="Private fields that cannot be read: `erased`, or `absent` while their key is missing.",
        examples=[{}],
    )

    @classmethod
    def of(cls, state: Aggregate, as_of: AsOf = NOW) -> Self:
        """Makes it from the aggregate; private values are in clear, or named as closed."""
        values = {name: getattr(state, name) for name in cls.model_fields if hasattr(state, name)}
        private = {name: values[name] for name in cls.private}
        return cls.model_validate(
            values
            | {name: clear(value) for name, value in private.items()}
            | {"updated_at": state.recorded, "closed": closed(private)}
            | {"as_of": as_of.as_of, "known_at": as_of.known_at}
            | cls.members(state),
            from_attributes=True,
        )

    @classmethod
    def gives_private(cls, state: Any) -> bool:  # noqa: ARG003
        """Whether the values that `clear` returned are a person's."""
        return True

    @classmethod
    def members(cls, state: Any) -> dict[str, object]:  # noqa: ARG003
        """Returns the members that differ from the aggregate's."""
        return {}


Ids = Annotated[list[UUID], BeforeValidator(sorted)]
"""Ids of a set, in a stable order."""

Words = Annotated[list[str], BeforeValidator(sorted)]
"""Words of a set, in a stable order."""


def read_record(
    request: Request,
    response: Response,
    record_type: str,
    evolve: Evolve[A],
    shape: type[Record],
    id: UUID,
    as_of: AsOf,
) -> Record:
    """Returns the record as of the bounds, with its version then as `ETag`. Raises `NotFound`, also before
    its first event. A person erased since stays erased: it reads with the keys of today."""
    services: Services = request.app.state.services
    found = services.crm.load(record_type, evolve, id, as_of=as_of)
    response.headers["ETag"] = f'"{found.version}"'
    with watching() as given:
        record = shape.of(found, as_of)
    if given.any and shape.gives_private(found):
        shows(request, found.party, found.id)
    return record


def add_record(
    router: APIRouter, collection: str, record_type: str, evolve: Evolve[A], shape: type[Record]
) -> None:
    """Adds `GET /<collection>/{id}`."""
    router.add_api_route(
        f"/{collection}/{{id:uuid}}",
        _reading(record_type, evolve, shape),
        methods=["GET"],
        tags=[collection],
        dependencies=[GivesPrivate],
        response_model=shape,
        name=f"get_{record_type}",
        summary=f"Get {'an' if record_type[0] in 'aeiou' else 'a'} {record_type}",
        description=f"The {record_type} as it is now, read from the event store: it has every change at "
        "once. With as_of or known_at it is as it was then: 404 before its first event, and values erased "
        "since "
        "stay erased.",
        operation_id=f"{collection}_get",
    )


def _reading(record_type: str, evolve: Evolve[A], shape: type[Record]) -> Callable[..., Record]:
    def get(request: Request, response: Response, id: UUID, as_of: AsOfQuery) -> Record:
        return read_record(request, response, record_type, evolve, shape, id, as_of)

    return get
