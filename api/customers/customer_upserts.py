"""A customer by its external id: reading it from the event store, and upserting it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.customers.customer_bodies import EXAMPLE, Upsert, UpsertItem
from api.customers.customer_record import CustomerRecord
from api.http.auth import requires
from api.http.query import declared_only
from api.http.validation import Word
from api.reads.as_of import AsOfQuery
from api.reads.private import GivesPrivate
from api.reads.records import Record, read_record
from api.writes.batch_outcomes import BatchOutcome, Mode
from api.writes.batches import SentBatch, request_body
from api.writes.execution import IdempotencyKey
from api.writes.upserts import Upserted, claimed, upsert_all, upsert_customer
from domain.customers.customer.state import evolve
from domain.kernel.errors import NotFound
from domain.kernel.values import Reference, references

router = APIRouter()

Source = Annotated[Word, Path(description="Which system, such as `erp`.", examples=["erp"])]
ExternalId = Annotated[Word, Path(description="The customer's id in that system.", examples=["4711"])]


@router.get(
    "/v1/customers/by/{source}/{external_id:path}",
    tags=["customers"],
    summary="Get a customer by its external id",
    response_model=CustomerRecord,
    dependencies=[requires("crm:read"), Depends(declared_only), GivesPrivate],
)
def get_customer_by_reference(
    request: Request, response: Response, source: Source, external_id: ExternalId, bounds: AsOfQuery
) -> Record:
    """As `GET /v1/customers/{id}`, found by an external id that the customer has now, also with as_of or
    known_at."""
    (reference,) = references(Reference(source=source, external_id=external_id))
    id = claimed(request.app.state.services, reference)
    if id is None:
        raise NotFound(f"customer of {source}", external_id)
    return read_record(request, response, "customer", evolve, CustomerRecord, id, bounds)


@router.post(
    "/v1/customers:batchUpsert",
    tags=["customers"],
    summary="Make many customers so, by their external ids",
    dependencies=[requires("crm:write"), Depends(declared_only)],
    openapi_extra=request_body(UpsertItem, EXAMPLE),
)
def batch_upsert_customers(
    request: Request, response: Response, sent: SentBatch, key: IdempotencyKey, mode: Mode = "each"
) -> BatchOutcome:
    """At most 1,000 items, as a JSON array or as NDJSON with an item a line. Each has an outcome, in the
    order sent: created, updated, unchanged, or failed with a problem. A later item sees the changes of those
    before it, also to the same customer."""
    return upsert_all(request, response, sent, key, mode)


@router.put(
    "/v1/customers/by/{source}/{external_id:path}",
    tags=["customers"],
    summary="Make a customer so, by its external id",
    dependencies=[requires("crm:write"), Depends(declared_only)],
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
    """Registers the customer (201), or changes what differs (200: updated, or unchanged). Two equal requests,
    even at once, create one customer. Takes no `If-Match`: the sending system owns the data."""
    (reference,) = references(Reference(source=source, external_id=external_id))
    return upsert_customer(request, response, reference, body, key)
