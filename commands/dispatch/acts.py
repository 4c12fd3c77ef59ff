"""Records what an operator did: one event of an aggregate that is its own party, decided upon its state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from commands.store.application import Crm
from commands.store.recorder import Guard
from domain.events.event import Actor, Event
from domain.kernel.aggregate import Aggregate, Evolve, timestamps
from domain.kernel.errors import ConcurrentChange

A = TypeVar("A", bound=Aggregate)


def record(
    crm: Crm,
    evolve: Evolve[A],
    id: UUID,
    decide: Callable[[A | None], Any | None],
    actor: Actor,
    *,
    at: datetime | None = None,
    guard: Guard | None = None,
) -> bool:
    """Records the payload that `decide` returns for the aggregate's state; returns whether it did.

    If `decide` returns None, it records nothing. It calls `decide` again if another writer was faster. `at`:
    when it was done, if earlier or by another clock; never before the aggregate's last event.
    `guard`: as for `Crm.record`.
    """
    while True:
        state = crm.find(evolve, id)
        payload = decide(state)
        if payload is None:
            return False
        now, named = datetime.now(UTC), at
        if named is not None:
            named = named if state is None else max(named, state.time)
            now = max(now, named)
        time, recorded = timestamps(named, now=now, last=state)
        event = Event(
            originator_id=id,
            originator_version=1 if state is None else state.version + 1,
            party=id,
            time=time,
            recorded=recorded,
            correlation=uuid4(),
            cause=None,
            actor=actor,
            payload=payload,
        )
        try:
            crm.record([event], guard=guard)
            return True
        except ConcurrentChange:
            continue
