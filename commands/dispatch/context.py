"""Who commands, when, and on whose behalf: the facts that a decision may not look up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.events.event import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of one request.

    `correlation` groups all it leads to. `cause` is the id of the event that led to it, None for a request
    from outside. `now` is the clock's UTC time when it came in. `new_id` makes a random id.
    """

    actor: Actor
    correlation: UUID
    cause: str | None
    now: datetime
    new_id: Callable[[], UUID]
