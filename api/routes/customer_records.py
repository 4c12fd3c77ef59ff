"""One customer as the event store has it, by id or external id, and making it so by its external id."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from api.auth import requires
from api.bodies.customer import Upsert
from api.private import WithPrivate, clear, closed
from api.query import declared_only
from api.sending import IdempotencyKey
from api.services import Services
from api.shapes import Instant, ReferenceOut
from api.upserting import Upserted, claimed, upsert_customer
from api.validation import Word
from domain.customer import Customer, evolve
from domain.errors import NotFound
from domain.values import Reference, references

router = APIRouter(prefix="/v1", tags=["customers"], dependencies=[Depends(declared_only)])

Source = Annotated[Word, Path(description="Which system, such as `erp`.", examples=["erp"])]
ExternalId = Annotated[Word, Path(description="What that system calls the customer.", examples=["4711"])]


class CustomerRecord(WithPrivate):
    """A customer as its events say, the last one included."""

    id: UUID
    version: int = Field(description="Also the ETag: send it as If-Match with the next change.")
    kind: str = Field(examples=["organisation"])
    state: str = Field(description="active, or merged (then `survivor_id` is who it is now).")
    name: str | None
    parent_id: UUID | None
    owner_id: UUID | None
    attributes: dict[str, str]
    tags: list[str]
    references: list[ReferenceOut]
    survivor_id: UUID | None
    absorbed: list[UUID] = Field(description="Customers that are merged into this one.")
    updated_at: Instant

    @classmethod
    def of(cls, state: Customer) -> Self:
        """From the aggregate."""
        return cls(
            id=state.id,
            version=state.version,
            kind=state.kind,
            state=state.state,
            name=clear(state.name),
            parent_id=state.parent_id,
            owner_id=state.owner_id,
            attributes=dict(state.attributes),
            tags=sorted(state.tags),
            references=ReferenceOut.all(state.references),
            survivor_id=state.survivor_id,
            absorbed=sorted(state.absorbed),
            updated_at=state.recorded,
            closed=closed({"name": state.name}),
        )


@router.get("/customers/{id:uuid}", summary="Get a customer", dependencies=[requires("crm:read")])
def get_customer(request: Request, response: Response, id: UUID) -> CustomerRecord:
    """The customer as it is now, read from the event store: every change is in it at once."""
    return _answer(request, response, id)


@router.get(
    "/customers/by/{source}/{external_id:path}",
    summary="Get a customer by its external id",
    dependencies=[requires("crm:read")],
)
def get_customer_by_reference(
    request: Request, response: Response, source: Source, external_id: ExternalId
) -> CustomerRecord:
    """The same, found by what another system calls the customer."""
    (reference,) = references(Reference(source=source, external_id=external_id))
    id = claimed(request.app.state.services, reference)
    if id is None:
        raise NotFound(f"customer of {source}", external_id)
    return _answer(request, response, id)


@router.put(
    "/customers/by/{source}/{external_id:path}",
    summary="Make a customer so, by its external id",
    dependencies=[requires("crm:write")],
    responses={201: {"model": Upserted, "description": "It was created."}},
)
def put_customer_by_reference(
    request: Request,
    response: Response,
    source: Source,
    external_id: ExternalId,
    body: Upsert,
    key: IdempotencyKey,
) -> Upserted:
    """Registers the customer (201), or changes what differs (200: updated, or unchanged). Sent twice, also at
    once, there is one customer. Takes no `If-Match`: the system that sends is the one that knows."""
    (reference,) = references(Reference(source=source, external_id=external_id))
    return upsert_customer(request, response, reference, body, key)


def _answer(request: Request, response: Response, id: UUID) -> CustomerRecord:
    services: Services = request.app.state.services
    found = services.crm.load("customer", evolve, id)
    response.headers["ETag"] = f'"{found.version}"'
    return CustomerRecord.of(found)
