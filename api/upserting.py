"""Making a record so, by its external id: registered where there is none, else changed where it differs."""

from __future__ import annotations

from typing import Any, Literal, Self
from uuid import UUID

from fastapi import Request, Response
from pydantic import Field

from api.bodies.customer import Upsert
from api.sending import Recorded, answered, execute
from api.services import Services
from commands.bus import Outcome
from domain.customer import Customer, evolve
from domain.errors import AlreadyClaimed, Invalid, NotFound
from domain.values import Reference

State = Literal["created", "updated", "unchanged"]


class Upserted(Recorded):
    """What became of the record."""

    state: State = Field(description="created, updated, or unchanged.", examples=["created"])

    @classmethod
    def of(cls, request: Request, response: Response, state: State, outcome: Outcome) -> Self:
        """The answer; 201 for what was created."""
        response.status_code = 201 if state == "created" else 200
        members: dict[str, Any] = answered(request, response, outcome)
        return cls(state=state, **members)


def claimed(services: Services, reference: Reference) -> UUID | None:
    """The record that the external id belongs to, if any."""
    found = services.claims.find(reference.source, [reference.external_id]).get(reference.external_id)
    return None if found is None else found.id


def upsert_customer(
    request: Request, response: Response, reference: Reference, body: Upsert, key: str | None
) -> Upserted:
    """Registers the customer, or changes what differs. Of two at once one registers it and the other one
    finds it. Raises domain errors."""
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
    customer = _customer(services, reference, id)
    if customer.kind != body.kind:
        raise Invalid(
            f"The customer {id} is registered as {_WHAT[customer.kind]} and cannot become "
            f"{_WHAT[body.kind]}. Send the kind that it has, or use another external id."
        )
    outcome = execute(request, body.changing(customer), body, key=key)
    return Upserted.of(request, response, _state(outcome), outcome)


def _state(outcome: Outcome) -> State:
    """A repeated request is answered as the first time: a first version means that it registered."""
    if outcome.replayed and outcome.version == 1 and outcome.position:
        return "created"
    return "updated" if outcome.position else "unchanged"


def _customer(services: Services, reference: Reference, id: UUID) -> Customer:
    try:
        return services.crm.load("customer", evolve, id)
    except NotFound:
        # The external id is another kind of record's.
        raise AlreadyClaimed(source=reference.source, external_id=reference.external_id, id=id) from None


_WHAT = {"person": "a person", "organisation": "an organisation"}
