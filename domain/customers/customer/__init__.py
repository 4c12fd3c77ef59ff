"""Customer: a person or an organisation. Its own id is its party; a person's name is private."""

from __future__ import annotations

from typing import Final

from domain.customers.customer import commands, decide, events, state
from domain.kernel.record_type import RecordType, commands_in

CUSTOMER: Final = RecordType(
    name="customer",
    plural="customers",
    area="customers",
    events=events.EVENTS,
    state=state.Customer,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    party_links={"crm.customer.merged_into": "survivor_id", "crm.customer.unmerged": None},
    usable=decide.require_active,
    erase=lambda state, erasure: decide.erase(state, erasure=erasure),
    exported_as="profile",
    can_be_held=True,
    audited=True,
)
