"""Names of principals, for those who may see them."""

from __future__ import annotations

from uuid import UUID

from commands.audit.history import Histories
from commands.audit.timeline import Names
from commands.store.application import Crm
from domain.directory.principal.state import evolve


def names_from(crm: Crm, histories: Histories) -> Names:
    """Looks each principal up once; None for one that was never registered, or whose name can't be read.

    A name that was given is noted with what `histories` has shown: it is a person's too.
    """
    known: dict[UUID, str | None] = {}

    def name(id: UUID) -> str | None:
        if id not in known:
            found = crm.find(evolve, id)
            known[id] = None
            if found is not None and isinstance(found.name, str):
                known[id] = found.name
                histories.shown.setdefault(found.party, set()).add(id)
        return known[id]

    return name
