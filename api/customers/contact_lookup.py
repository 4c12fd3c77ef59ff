"""Looking up whose an address is, though no list of addresses exists."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.http.validation import Body as Sent
from api.http.validation import Word
from api.reads.private import GivesPrivate, shows
from api.services import Services
from api.writes.execution import IdempotencyKey
from commands.privacy.contact_lookup import candidates
from domain.customers.contact.events import PointKind

router = APIRouter(
    prefix="/v1", tags=["contacts"], dependencies=[requires("crm:read"), Depends(declared_only)]
)


class Lookup(Sent):
    """An address, in any spelling. It is sent in a body, since servers on the way log URLs."""

    kind: PointKind = Field(examples=["email"])
    value: Word = Field(examples=["ann@example.org"], repr=False)


class Candidate(BaseModel):
    """A contact that has the address, or had it."""

    contact_id: UUID
    customer_id: UUID
    current: bool = Field(description="False: it had the address once.")


class Candidates(BaseModel):
    """At most 100 contacts, those that have it now first."""

    candidates: list[Candidate]


@router.post(
    "/contacts:lookup",
    summary="Find the contacts that have an address",
    dependencies=[GivesPrivate],
)
def lookup(
    request: Request,
    body: Annotated[
        Lookup,
        Body(openapi_examples={"example": {"value": {"kind": "email", "value": "ann@example.org"}}}),
    ],
    key: IdempotencyKey = None,  # noqa: ARG001 - accepted as everywhere; a question changes nothing
) -> Candidates:
    """By the blind index, as soon as the address is recorded. Several contacts may share one. Where reads of
    private values are recorded, this is a read of each contact found."""
    services: Services = request.app.state.services
    found = candidates(services.crm, services.commands.identifiers, body.kind, body.value)
    for each in found:
        shows(request, each.customer_id, each.contact_id)
    return Candidates(
        candidates=[
            Candidate(contact_id=each.contact_id, customer_id=each.customer_id, current=each.current)
            for each in found
        ]
    )
