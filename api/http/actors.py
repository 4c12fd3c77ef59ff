"""The principal that a key acts for: its kind of actor in events, and whether it may still act."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.http.problems import Problem
from api.services import Services
from commands.directory.api_keys import ApiKey
from domain.directory.principal.state import evolve
from domain.events.event import Actor

REMEMBERED_SECONDS: Final = 10.0
"""Seconds for which a principal's state is cached; a deactivated one may act as long."""

_MAX_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    actor: Actor
    active: bool
    until: float


class Actors:
    """Principals by id, read from their streams."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[UUID, _Known] = {}

    def of(self, key: ApiKey) -> Actor:
        """Returns the actor of a key's commands: a user for an agent or a team, else a service account, also
        if the principal was never registered. Raises `Problem` (`principal-deactivated`)."""
        known = self._known.get(key.principal)
        if known is None or known.until < time.monotonic():
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            known = self._known[key.principal] = self._look(key.principal)
        if not known.active:
            raise Problem(
                "principal-deactivated",
                f"This key acts for the principal {key.principal}, who is deactivated. "
                "Use a key of another principal, or have this one reactivated.",
            )
        return known.actor

    def _look(self, id: UUID) -> _Known:
        found = self._services.crm.find(evolve, id)
        person = found is not None and found.kind != "service_account"
        return _Known(
            actor=Actor(id=id, kind="user" if person else "service_account"),
            active=found is None or found.state == "active",
            until=time.monotonic() + REMEMBERED_SECONDS,
        )
