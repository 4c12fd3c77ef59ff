"""Case: a question, a complaint, an incident or a request."""

from __future__ import annotations

from typing import Final

from domain.kernel.record_type import RecordType, commands_in
from domain.service.case import commands, decide, events, state

CASE: Final = RecordType(
    name="case",
    plural="cases",
    area="service",
    events=events.EVENTS,
    state=state.Case,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    scope="service:write",
    customer="customer_id",
    exported_as="cases",
    can_be_held=True,
    audited=True,
)
