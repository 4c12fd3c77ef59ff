"""Builds what acts on whole persons: erases them, and finds out who they are. For `wiring` alone."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.links import links
from commands.context import Context
from commands.privacy.erasing import Erasing
from commands.privacy.person import People
from commands.privacy.tombstones import Tombstones
from commands.readmodel import principal_id
from commands.store.contact_index import ContactIndex
from domain.events.event import SYSTEM, Actor

if TYPE_CHECKING:
    from commands.store.pool import Pool
    from deploy.wiring import Wiring


def erasing(wired: Wiring, keys: Pool) -> Erasing:
    """Erases in the store of `wired`; `keys` are connections to the database of keys."""
    return Erasing(
        wired.crm,
        People(wired.crm, links(wired.read_pool)),
        Tombstones(keys),
        ContactIndex(wired.store_pool),
        wired.cipher,
    )


def acting(operator: str | None) -> Context:
    """The context of an act now: of an operator, by their login name, or of the program itself."""
    actor = SYSTEM if operator is None else Actor(id=principal_id(operator), kind="user")
    return Context(
        actor=actor, correlation=uuid.uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid.uuid4
    )
