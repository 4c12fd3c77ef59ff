"""Principal: an agent, a team or a service account. Its own id is its party; its name is private."""

from __future__ import annotations

from typing import Final

from domain.directory.principal import commands, decide, events, state
from domain.kernel.record_type import RecordType, commands_in

PRINCIPAL: Final = RecordType(
    name="principal",
    plural="principals",
    area="directory",
    events=events.EVENTS,
    state=state.Principal,
    evolve=state.evolve,
    commands=commands_in(commands),
    decide=decide.decide,
    readable=False,
    usable=decide.require_active,
    because="an employee's acts stay under an opaque id; their name is not exported or erased yet",
)
