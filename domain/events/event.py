"""An event as the program holds it: the facts of the envelope and a typed payload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

ActorKind = Literal["user", "service_account", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it: an opaque principal id (never an address) and what kind of principal that is."""

    id: UUID
    kind: ActorKind


SYSTEM = Actor(id=UUID(int=0), kind="system")
"""The program itself: timers, policies, demo data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One immutable fact about one aggregate.

    `originator_id` and `originator_version` are the library's names for the aggregate's id and the event's
    version in it (from 1). `party` is the partition key. `time` is when it happened in the business,
    `recorded` when it was recorded, both UTC. `correlation` groups what one request caused; `cause` is the id
    of the event that caused this one. `payload` is a frozen dataclass listed in the registry.
    """

    originator_id: UUID
    originator_version: int
    party: UUID
    time: datetime
    recorded: datetime
    correlation: UUID
    cause: str | None
    actor: Actor
    payload: Any

    @property
    def id(self) -> str:
        """`<aggregate id>:<version>`, unique for ever."""
        return f"{self.originator_id}:{self.originator_version}"
