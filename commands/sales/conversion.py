"""The conversion of a lead: customer, contact, opportunity and lead, recorded together or not at all.

Two conversions of one lead at once conflict at the lead's version: the second one finds it converted, and
returns the same ids.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decide import require_usable
from commands.dispatch.decision import Decision, HandlerRepository, Handlers, RecordChange
from commands.store.contact_index import ContactPoint
from domain.configuration.pipelines import configured_pipelines
from domain.customers.contact import decide as contact
from domain.customers.contact.events import PointKind
from domain.customers.customer import decide as customer
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid
from domain.sales.lead import decide as lead_decide
from domain.sales.lead.commands import ConvertLead
from domain.sales.lead.state import Lead
from domain.sales.opportunity import decide as opportunity


def _convert(command: ConvertLead, repository: HandlerRepository, context: Context) -> Decision:
    lead = repository.load("lead", command.id)
    if lead.state == "converted":
        return _converted_before(lead, command, repository)
    buyer, found = _customer(lead, command, repository, context)
    person, points = _contact(lead, command, repository, context, buyer.id)
    deal = _opportunity(lead, command, repository, context, buyer.id)
    ended = lead_decide.convert(
        lead,
        customer_id=buyer.id,
        contact_id=person.id if person else None,
        opportunity_id=deal.id,
        customer_created=not found,
    )
    first = RecordChange(id=lead.id, party=lead.party, state=lead, payloads=ended, at=command.at)
    changes = (first, buyer, *([person] if person else []), deal)
    return Decision(changes=changes, contact_points=points)


def _converted_before(lead: Lead, command: ConvertLead, repository: HandlerRepository) -> Decision:
    """The same ids as then, in the same order."""
    if command.customer_id not in (None, lead.customer_id):
        raise Invalid(
            f"The lead {lead.id} was converted to the customer {lead.customer_id} before. "
            "Link its opportunity to another customer, or merge the two."
        )
    states: list[Aggregate] = [lead]
    if lead.customer_id is not None:
        states.append(repository.load("customer", lead.customer_id))
    if lead.contact_id is not None:
        states.append(repository.load("contact", lead.contact_id))
    if lead.opportunity_id is not None:
        states.append(repository.load("opportunity", lead.opportunity_id))
    return Decision(changes=tuple(_unchanged(state) for state in states))


def _unchanged(state: Aggregate) -> RecordChange:
    return RecordChange(id=state.id, party=state.party, state=state, payloads=(), at=None)


def _customer(
    lead: Lead, command: ConvertLead, repository: HandlerRepository, context: Context
) -> tuple[RecordChange, bool]:
    """The customer's change, and whether it was there."""
    known = command.customer_id or lead.customer_id
    if known is not None:
        require_usable(repository, "customer", known)
        return _unchanged(repository.load("customer", known)), True
    name = lead.company or (lead.name if isinstance(lead.name, str) else None)
    if name is None:
        raise Invalid(
            f"The lead {lead.id} has neither a company nor a name. Name the customer that it becomes."
        )
    id = context.new_id()
    payloads = customer.register(
        kind="organisation" if lead.company else "person",
        name=name,
        parent_id=None,
        owner_id=_owner(lead, command, repository),
        attributes={},
        original={},
        tags=(),
        preferences={},
        reference=None,
    )
    return RecordChange(id=id, party=id, state=None, payloads=payloads, at=command.at), False


def _contact(
    lead: Lead, command: ConvertLead, repository: HandlerRepository, context: Context, customer_id: UUID
) -> tuple[RecordChange | None, tuple[ContactPoint, ...]]:
    """The contact's change, with the entries of its points in the index."""
    if command.contact_id is not None:
        known = repository.load("contact", command.contact_id)
        if known.customer_id != customer_id:
            raise Invalid(
                f"The contact {known.id} is one of the customer {known.customer_id}, not of {customer_id}. "
                "Name one of that customer, or none."
            )
        return _unchanged(known), ()
    if not isinstance(lead.name, str):
        return None, ()
    id = context.new_id()
    payloads = contact.register(customer_id=customer_id, name=lead.name, role=None, reference=None)
    index: list[ContactPoint] = []
    reached: tuple[tuple[PointKind, object], ...] = (("email", lead.email), ("phone", lead.phone))
    for kind, value in reached:
        if isinstance(value, str) and contact.is_point(kind, value):
            payloads += (contact.first_point(point_id=context.new_id(), kind=kind, value=value),)
            index.append(ContactPoint(repository.identifiers.contact_point(kind, value), id))
    return RecordChange(id=id, party=customer_id, state=None, payloads=payloads, at=command.at), tuple(index)


def _opportunity(
    lead: Lead, command: ConvertLead, repository: HandlerRepository, context: Context, customer_id: UUID
) -> RecordChange:
    require_usable(repository, "product", command.product_id)
    payloads = opportunity.open_opportunity(
        configured_pipelines(repository).named(command.pipeline),
        stage=command.stage,
        customer_id=customer_id,
        owner_id=_owner(lead, command, repository),
        product_id=command.product_id,
        amount=command.amount,
        expected_close=command.expected_close,
        forecast_category="pipeline",
        imported=False,
        original={},
        reference=None,
    )
    return RecordChange(id=context.new_id(), party=customer_id, state=None, payloads=payloads, at=command.at)


def _owner(lead: Lead, command: ConvertLead, repository: HandlerRepository) -> UUID | None:
    """Named, it must be somebody active; the lead's own owner may have left since."""
    require_usable(repository, "principal", command.owner_id)
    return command.owner_id or lead.owner_id


HANDLERS: Final[Handlers] = {ConvertLead: _convert}
