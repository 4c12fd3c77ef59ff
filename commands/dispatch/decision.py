"""The decision on a command: changes of records, to be recorded together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from commands.dispatch.context import Context
from commands.store.claims import Claim
from commands.store.contact_index import ContactPoint
from commands.store.identifiers import Identifiers
from domain.events.event import Event
from domain.kernel.aggregate import Aggregate, timestamps
from domain.kernel.errors import Invalid
from domain.kernel.repository import Repository
from domain.kernel.values import Reference


class Targeted(Protocol):
    """A command as the dispatcher sees it. `target` is the record it changes, None where it makes one."""

    @property
    def target(self) -> UUID | None: ...


class HandlerRepository(Repository, Protocol):
    """A handler's repository: it also derives ids and digests by a key."""

    @property
    def identifiers(self) -> Identifiers: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChange:
    """The events of one record. `state` is None for a new one; `at` is the business time, if named."""

    id: UUID
    party: UUID
    state: Aggregate | None
    payloads: tuple[Any, ...]
    at: datetime | None

    @property
    def version(self) -> int:
        """The record's version once this is recorded."""
        return (self.state.version if self.state else 0) + len(self.payloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Changes that are recorded together, the commanded record's first, with the claims they make.

    `contact_points` are entries of the blind index: the HMAC of a contact point, and whose it is.
    """

    changes: tuple[RecordChange, ...]
    claims: tuple[Claim, ...] = ()
    contact_points: tuple[ContactPoint, ...] = ()


Handler = Callable[[Any, HandlerRepository, Context], Decision]
Handlers = Mapping[type[Any], Handler]


def new_record(
    id: UUID, payloads: tuple[Any, ...], *, party: UUID, at: datetime | None, reference: Reference | None
) -> Decision:
    """A new record, with the claim of its external id."""
    claims = () if reference is None else (claim(reference, id),)
    return Decision(
        changes=(RecordChange(id=id, party=party, state=None, payloads=payloads, at=at),), claims=claims
    )


def claim(reference: Reference, id: UUID) -> Claim:
    """The claim that the external id belongs to the record, spelled as its event has it."""
    return Claim(reference.source.strip(), reference.external_id.strip(), id)


def change(*changes: tuple[Aggregate, tuple[Any, ...]], at: datetime | None) -> Decision:
    """Changes of existing records, the commanded one first."""
    return Decision(
        changes=tuple(
            RecordChange(id=state.id, party=state.party, state=state, payloads=payloads, at=at)
            for state, payloads in changes
        )
    )


def events_of(decision: Decision, context: Context) -> list[Event]:
    """The events to record. Raises `TimeRefused`, or `Invalid` for a time without a zone."""
    return [event for change in decision.changes for event in _events(change, context)]


def _events(change: RecordChange, context: Context) -> list[Event]:
    if not change.payloads:
        return []
    at = change.at
    if at is not None:
        if at.tzinfo is None:
            raise Invalid(f"The time {at.isoformat()} has no time zone. Add one, such as Z for UTC.")
        at = at.astimezone(UTC)
    time, recorded = timestamps(at, now=context.now, last=change.state)
    start = change.state.version if change.state else 0
    return [
        Event(
            originator_id=change.id,
            originator_version=start + number,
            party=change.party,
            time=time,
            recorded=recorded,
            correlation=context.correlation,
            cause=context.cause,
            actor=context.actor,
            payload=payload,
        )
        for number, payload in enumerate(change.payloads, start=1)
    ]
