"""A read model's version with the acts of operators on it, each an event. Its own id is its party.

Nothing is decided here: the read side decides what is allowed, and acts before the event is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid5

from domain.events.event import Event
from domain.events.private import Unreadable, free_text
from domain.events.registry import EventType
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound
from domain.kernel.record_type import RecordType

_NAMES: Final = UUID("6f1d7c52-2a55-4d0f-9a9e-3a1f6f0f7f61")


def id_of(projection: str, version: int) -> UUID:
    """Returns the id of a version: derived from name and number, so the same everywhere."""
    return uuid5(_NAMES, f"{projection} v{version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Members of all acts: the version, the act's own id, and why, in the operator's words."""

    projection: str
    version: int
    operation: UUID
    note: str | Unreadable | None = free_text("readmodel")


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildStarted(Act):
    """`crm.readmodel.rebuild_started`; `source`: store or kafka; `filled_to`: the last position filled."""

    source: str
    filled_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified(Act):
    """`crm.readmodel.verified`; `settled`: the high-water mark; `sample`: parties drawn, None for all."""

    settled: int
    events: int
    rows: int
    sample: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationFailed(Act):
    """`crm.readmodel.verification_failed`; `differences` has at most as many as it looked for."""

    settled: int
    differences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped(Act):
    """`crm.readmodel.swapped`: it is active, in place of `from_version`."""

    from_version: int
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack(Act):
    """`crm.readmodel.rolled_back`: `to_version` is active in its place."""

    to_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Act):
    """`crm.readmodel.dropped`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborted(Act):
    """`crm.readmodel.aborted`: its rebuild."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Act):
    """`crm.readmodel.paused`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Act):
    """`crm.readmodel.resumed`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried(Act):
    """`crm.readmodel.retried`: parked events were applied again."""

    applied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel(Aggregate):
    """A read model's version as of the last act; `operations` are the ids of all recorded acts."""

    projection: str
    number: int
    operations: tuple[UUID, ...]


def evolve(state: ReadModel | None, event: Event) -> ReadModel:
    """Returns the version after the act. Raises `NotFound` if the stream is not a read model's."""
    payload = event.payload
    if not isinstance(payload, Act):
        raise NotFound("read model", event.originator_id)
    if state is None:
        return ReadModel(
            id=event.originator_id,
            version=event.originator_version,
            party=event.party,
            time=event.time,
            recorded=event.recorded,
            projection=payload.projection,
            number=payload.version,
            operations=(payload.operation,),
        )
    return replace(
        state,
        version=event.originator_version,
        time=event.time,
        recorded=event.recorded,
        operations=(*state.operations, payload.operation),
    )


EVENTS: Final = (
    EventType("crm.readmodel.rebuild_started", RebuildStarted),
    EventType("crm.readmodel.verified", Verified),
    EventType("crm.readmodel.verification_failed", VerificationFailed),
    EventType("crm.readmodel.swapped", Swapped),
    EventType("crm.readmodel.rolled_back", RolledBack),
    EventType("crm.readmodel.dropped", Dropped),
    EventType("crm.readmodel.aborted", Aborted),
    EventType("crm.readmodel.paused", Paused),
    EventType("crm.readmodel.resumed", Resumed),
    EventType("crm.readmodel.retried", Retried),
)

READ_MODEL: Final = RecordType(
    name="read model",
    plural="read_models",
    area="operations",
    events=EVENTS,
    state=ReadModel,
    evolve=evolve,
)
