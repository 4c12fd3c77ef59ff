"""Contact: a person at a customer, with contact points and consents. Its party is the customer's id."""

from __future__ import annotations

from typing import Final

from domain.customers.contact import commands, decide, events, state
from domain.kernel.record_type import RecordType, commands_in

CONTACT: Final = RecordType(
    name="contact",
    plural="contacts",
    area="customers",
    events=events.EVENTS,
    state=state.Contact,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    customer="customer_id",
    always_in_customers_party=True,
    erase=lambda state, erasure: decide.erase(state, erasure=erasure),
    contact_points=decide.contact_points,
    exported_as="contacts",
    can_be_held=True,
    audited=True,
)
