"""Names of principals, for those who may see them."""

from __future__ import annotations

from uuid import UUID

from commands.audit.timeline import Names
from commands.store.application import Crm
from domain.principal import evolve


def names_from(crm: Crm) -> Names:
    """Looks each principal up once; None for one that was never registered, or whose name can't be read."""
    known: dict[UUID, str | None] = {}

    def name(id: UUID) -> str | None:
        if id not in known:
            found = crm.find(evolve, id)
            known[id] = found.name if found is not None and isinstance(found.name, str) else None
        return known[id]

    return name
