"""Opportunity: a deal on its way through a pipeline."""

from __future__ import annotations

from typing import Final

from domain.kernel.record_type import RecordType, commands_in
from domain.sales.opportunity import commands, decide, events, state

OPPORTUNITY: Final = RecordType(
    name="opportunity",
    plural="opportunities",
    area="sales",
    events=events.EVENTS,
    state=state.Opportunity,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    customer="customer_id",
    exported_as="opportunities",
    can_be_held=True,
    audited=True,
)
