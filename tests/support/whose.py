"""Whose each record is after some events, read off the payloads without any read model."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from domain.activities.interaction import events as interaction
from domain.customers.customer import events as customer
from domain.events.event import Event
from domain.sales.lead import events as lead
from domain.sales.opportunity import events as opportunity
from domain.service.case import events as case

GIVEN = (
    opportunity.CustomerLinked,
    case.CustomerLinked,
    interaction.CustomerLinked,
    lead.CustomerLinked,
    lead.Converted,
)


def owners(events: Iterable[Event]) -> dict[UUID, UUID]:
    """Aggregate to the customer that it belongs to now; one that belongs to nobody stands for itself."""
    party: dict[UUID, UUID] = {}
    given: dict[UUID, UUID] = {}
    survivor: dict[UUID, UUID] = {}
    for event in events:
        id, payload = event.originator_id, event.payload
        party[id] = event.party
        if isinstance(payload, GIVEN):
            given[id] = payload.customer_id
        elif isinstance(payload, customer.MergedInto):
            survivor[id] = payload.survivor_id
        elif isinstance(payload, customer.Unmerged):
            del survivor[id]
    found = {}
    for id, own in party.items():
        owner = given.get(id, own)
        while owner in survivor:
            owner = survivor[owner]
        found[id] = owner
    return found
