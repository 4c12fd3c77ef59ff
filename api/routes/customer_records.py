"""One customer as the event store has it, by id or external id, and making it so by its external id."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from api.auth import requires
from api.bodies.customer import Upsert
from api.query import declared_only
from api.records import Ids, Record, Words, add_record, read_record
from api.sending import IdempotencyKey
from api.shapes import ReferenceOut
from api.upserting import Upserted, claimed, upsert_customer
from api.validation import Word
from domain.customer import evolve
from domain.errors import NotFound
from domain.values import Reference, references

router = APIRouter(prefix="/v1", tags=["customers"], dependencies=[Depends(declared_only)])

Source = Annotated[Word, Path(description="Which system, such as `erp`.", examples=["erp"])]
ExternalId = Annotated[Word, Path(description="What that system calls the customer.", examples=["4711"])]


class CustomerRecord(Record):
    """A customer as its events say, the last one included."""

    private = ("name",)

    kind: str = Field(examples=["organisation"])
    state: str = Field(description="active, or merged (then `survivor_id` is who it is now).")
    name: str | None
    parent_id: UUID | None
    owner_id: UUID | None
    attributes: dict[str, str]
    tags: Words
    references: list[ReferenceOut]
    survivor_id: UUID | None
    absorbed: Ids = Field(description="Customers that are merged into this one.")


add_record(router, "customers", "customer", evolve, CustomerRecord, dependencies=[requires("crm:read")])


@router.get(
    "/customers/by/{source}/{external_id:path}",
    summary="Get a customer by its external id",
    response_model=CustomerRecord,
    dependencies=[requires("crm:read")],
)
def get_customer_by_reference(
    request: Request, response: Response, source: Source, external_id: ExternalId
) -> Record:
    """The same, found by what another system calls the customer."""
    (reference,) = references(Reference(source=source, external_id=external_id))
    id = claimed(request.app.state.services, reference)
    if id is None:
        raise NotFound(f"customer of {source}", external_id)
    return read_record(request, response, "customer", evolve, CustomerRecord, id)


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
