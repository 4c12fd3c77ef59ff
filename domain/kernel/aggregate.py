"""What all aggregates share: identity, version, the two times, and replay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from domain.events.event import Event
from domain.kernel.errors import TimeRefused

MAX_AHEAD = timedelta(seconds=5)
"""How far a client's clock may run ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """State common to all aggregates, as of their last event.

    `version` counts events from 1. `party` is the partition key; the first event fixes it. `time` is the
    business time of the last event, `recorded` the time it was recorded; neither ever goes back. Subclasses
    have states of their own for terminal and merged records.
    """

    id: UUID
    version: int
    party: UUID
    time: datetime
    recorded: datetime


A = TypeVar("A", bound=Aggregate)


def is_erased(state: Aggregate) -> bool:
    """Whether the record's person was erased: by its lifecycle state or a flag of its own."""
    return getattr(state, "erased", False) is True or getattr(state, "state", None) == "erased"


Evolve = Callable[[A | None, Event], A]


def replay(evolve: Evolve[A], state: A | None, events: Iterable[Event]) -> A | None:
    """Returns the state after `events`, in order; None without events and without a state."""
    for event in events:
        state = evolve(state, event)
    return state


def timestamps(named: datetime | None, *, now: datetime, last: Aggregate | None) -> tuple[datetime, datetime]:
    """Returns `(time, recorded)` of the next events of an aggregate.

    `recorded` is the later of the clock and the aggregate's last. Without a named time, `time` is the later
    of `recorded` and the aggregate's last `time`. Raises `TimeRefused` for a named time that precedes the
    aggregate's last or lies more than 5 s ahead of the clock.
    """
    recorded = now if last is None else max(now, last.recorded)
    if named is None:
        return (recorded if last is None else max(recorded, last.time)), recorded
    if last is not None and named < last.time:
        raise TimeRefused(named=named, bound=last.time, ahead=False)
    if named > now + MAX_AHEAD:
        raise TimeRefused(named=named, bound=now, ahead=True)
    return named, recorded
