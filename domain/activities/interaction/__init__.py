"""Interaction: one thing that was said, done or bought. One stream each, corrected, never edited."""

from __future__ import annotations

from typing import Final

from domain.activities.interaction import commands, decide, events, state
from domain.kernel.record_type import RecordType, commands_in

INTERACTION: Final = RecordType(
    name="interaction",
    plural="interactions",
    area="activities",
    events=events.EVENTS,
    state=state.Interaction,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    customer="customer_id",
    exported_as="interactions",
    can_be_held=True,
    audited=True,
)
