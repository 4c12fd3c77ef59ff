"""Upserts by external id: register a customer, or change what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self
from uuid import UUID

from fastapi import Request, Response
from pydantic import Field

from api.customers.customer_bodies import Upsert, UpsertItem
from api.http import shapes
from api.services import Services
from api.writes.batch_outcomes import BatchOutcome, Mode, record_all
from api.writes.batches import Sent, items
from api.writes.execution import Recorded, answered, execute
from commands.bulk.recorder import History
from commands.dispatch.dispatcher import Outcome
from commands.store.claims import Claim
from domain.customers.customer.commands import ChangeCustomer
from domain.customers.customer.state import Customer, evolve
from domain.kernel.errors import AlreadyClaimed, Invalid, NotFound
from domain.kernel.repository import Repository
from domain.kernel.values import Reference, references

State = Literal["created", "updated", "unchanged"]


class Upserted(Recorded):
    """The outcome for the record."""

    state: State = Field(description="created, updated, or unchanged.", examples=["created"])

    @classmethod
    def of(cls, request: Request, response: Response, state: State, outcome: Outcome) -> Self:
        """Returns the response; 201 for a created record."""
        response.status_code = 201 if state == "created" else 200
        members: dict[str, Any] = answered(request, response, outcome)
        return cls(state=state, **members)


def claimed(services: Services, reference: Reference) -> UUID | None:
    """Returns the record of the external id, if any."""
    found = services.claims.find(reference.source, [reference.external_id]).get(reference.external_id)
    return None if found is None else found.id


def upsert_customer(
    request: Request, response: Response, reference: Reference, body: Upsert, key: str | None
) -> Upserted:
    """Registers the customer, or changes what differs. Of two requests at once one registers it and the other
    one finds it. Raises domain errors."""
    services: Services = request.app.state.services
    id = claimed(services, reference)
    if id is None:
        try:
            outcome = execute(request, body.registering(reference), body, key=key)
        except AlreadyClaimed as error:
            found = error.id
            assert isinstance(found, UUID)
            id = found
        else:
            return Upserted.of(request, response, "created", outcome)
    outcome = execute(
        request, changing(body, reference, partial(services.crm.load, "customer", evolve), id), body, key=key
    )
    return Upserted.of(request, response, _state(outcome), outcome)


def upsert_all(request: Request, response: Response, sent: Sent, key: str | None, mode: Mode) -> BatchOutcome:
    """Upserts customers, each by itself or all in one transaction. Raises domain errors, and `Problem`."""
    services: Services = request.app.state.services

    def history(body: UpsertItem) -> History:
        (reference,) = references(shapes.reference(body.reference))
        id = services.new_id()
        return History(
            commands=(replace(body.registering(reference), id=id),),
            claim=Claim(reference.source, reference.external_id, id),
            change=partial(_change, body, reference),
        )

    return record_all(request, response, items(sent, UpsertItem), history, key, mode)


def changing(
    body: Upsert, reference: Reference, load: Callable[[UUID], Customer], id: UUID
) -> ChangeCustomer:
    """Returns the command that changes the customer `id`, found by `reference`. Raises `AlreadyClaimed` if
    the reference is another kind of record's, and `Invalid` if a person would become an organisation."""
    try:
        customer = load(id)
    except NotFound:
        raise AlreadyClaimed(source=reference.source, external_id=reference.external_id, id=id) from None
    if customer.kind != body.kind:
        raise Invalid(
            f"The customer {id} is registered as {_WHAT[customer.kind]} and cannot become "
            f"{_WHAT[body.kind]}. Send the kind that it has, or use another external id."
        )
    return body.changing(customer)


def _change(body: Upsert, reference: Reference, repository: Repository, id: UUID) -> ChangeCustomer:
    return changing(body, reference, partial(repository.load, "customer"), id)


def _state(outcome: Outcome) -> State:
    """Returns the outcome of a replayed request: version 1 means that it registered the customer."""
    if outcome.replayed and outcome.version == 1 and outcome.position:
        return "created"
    return "updated" if outcome.position else "unchanged"


_WHAT = {"person": "a person", "organisation": "an organisation"}
