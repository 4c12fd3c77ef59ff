"""Lead: somebody who may become a customer. Its own id is its party, after its conversion too."""

from __future__ import annotations

from typing import Final

from domain.kernel.record_type import RecordType, commands_in
from domain.sales.lead import commands, decide, events, state

LEAD: Final = RecordType(
    name="lead",
    plural="leads",
    area="sales",
    events=events.EVENTS,
    state=state.Lead,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    customer="customer_id",
    own_party=True,
    party_links={"crm.lead.converted": "customer_id"},
    erase=lambda state, erasure: decide.erase(state, erasure=erasure),
    exported_as="leads",
    can_be_held=True,
    audited=True,
)
