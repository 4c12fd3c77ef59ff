"""The rights of the person: erasure, and export of all data about them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.http.validation import Body
from api.reads.private import GivesPrivate, shows
from api.services import Services
from api.writes.execution import IdempotencyKey, IfMatch, context_of
from commands.privacy.person_export import export
from domain.customers.customer.state import evolve
from domain.kernel.errors import ConcurrentChange
from domain.privacy.erasure import BASIS, REFERENCE, Reason

router = APIRouter(prefix="/v1", tags=["privacy"])


class Erase(Body):
    """Why a person is erased. It is kept for ever and must name nobody."""

    reason: Reason = Field(description="Which of the grounds of GDPR article 17 (1).")
    legal_basis: Annotated[str, Field(pattern=f"^(?:{BASIS.pattern})$")] = Field(
        examples=["GDPR art. 17 (1) b"]
    )
    reference: Annotated[str, Field(pattern=f"^(?:{REFERENCE.pattern})$")] | None = Field(
        default=None, description="The request's id elsewhere.", examples=["DSR-2026-118"]
    )


class ErasedPerson(BaseModel):
    """What was erased."""

    id: UUID = Field(description="The customer.")
    erasure: UUID = Field(description="Names the erasure; `rapport privacy certificate` takes it.")
    parties: list[UUID] = Field(description="All records that were the same person, with this one.")
    keys_destroyed: list[UUID] = Field(description="Those whose keys are destroyed, with contacts.")
    consistency_token: str = Field(
        description="Send it as Consistency-Token with a read that must not show the person any more."
    )


@router.post(
    "/customers/{id:uuid}:erase",
    summary="Erase a person",
    dependencies=[requires("privacy:erase"), Depends(declared_only)],
)
def erase_customer(
    request: Request,
    response: Response,
    id: UUID,
    body: Erase,
    precondition: IfMatch,
    key: IdempotencyKey,  # noqa: ARG001 - accepted as everywhere; an erasure is done once in any case
) -> ErasedPerson:
    """Erases the person that the customer is for ever, with all customers and leads merged or converted into
    it: destroys the keys, and every read model forgets. Counts and money stay. Sent again it returns the same
    response. 409 under a legal hold; 422 for an organisation: erase its contacts."""
    services: Services = request.app.state.services
    if services.erasing.erasure_of("customer", id) is None:
        found = services.crm.load("customer", evolve, id)
        if precondition.version not in (None, found.version):
            raise ConcurrentChange(id=id, expected=precondition.version, found=found.version)
    done = services.erasing.erase(
        "customer",
        id,
        reason=body.reason,
        legal_basis=body.legal_basis,
        reference=body.reference,
        context=context_of(request),
    )
    response.headers["Consistency-Token"] = str(done.position)
    if done.repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return ErasedPerson(
        id=id,
        erasure=done.id,
        parties=list(done.parties),
        keys_destroyed=list(done.persons),
        consistency_token=str(done.position),
    )


class PersonExport(BaseModel):
    """All data about one person."""

    version: int
    exported_at: str
    person: UUID
    sections: dict[str, list[dict[str, Any]]] = Field(
        description="profile, leads, contacts, interactions, opportunities, cases: of each record its `id`, "
        "its state `now`, and its `history`. Erased values are null.",
        examples=[{"profile": []}],
    )


@router.get(
    "/customers/{id:uuid}/export",
    summary="All data about a person",
    dependencies=[requires("privacy:erase"), Depends(declared_only), GivesPrivate],
)
def export_customer(request: Request, id: UUID) -> PersonExport:
    """All records that are the same person, in clear, with their history. The export is recorded as an event.
    `rapport privacy export` also writes a page for people."""
    services: Services = request.app.state.services
    found = export(services.crm, services.erasing.people, "customer", id, context_of(request))
    for records in found.document["sections"].values():
        for each in records:
            shows(request, id, UUID(str(each["id"])))
    return PersonExport.model_validate(found.document)
