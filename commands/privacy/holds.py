"""Legal holds on data that must be kept for now: placing, releasing, listing.

A process that destroys data looks for holds first, and another one can place a hold in between. So both take
a lock in the transactions that record: placing a hold waits for running destructions and then sees what is
gone; a destruction waits for running placements and looks again if a hold came in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, RecordChange, events_of
from commands.store.application import Crm
from commands.store.privacy_events import PrivacyEvents
from commands.store.recorder import Guard
from domain.kernel.errors import DomainError, Erased, NotFound
from domain.privacy import legal_hold as hold
from domain.privacy.legal_hold import LegalHold
from domain.privacy.retention import STREAM
from domain.record_types import BUSINESS, PERSONS

LOCK: Final = (1380012112, 6)
"""The two numbers of the advisory lock by which placing a hold and destroying shut each other out."""

_SHARED: Final = "SELECT pg_catalog.pg_advisory_xact_lock_shared(%s, %s)"
_ALONE: Final = "SELECT pg_catalog.pg_advisory_xact_lock(%s, %s)"
_NEWEST: Final = """
    SELECT coalesce(max(position), 0) FROM store.privacy_event WHERE type = 'crm.privacy.hold_placed'
"""
_ERASED: Final = """
    SELECT split_part(type, '.', 2) FROM store.event
     WHERE aggregate_id = %s AND type = ANY (%s)
"""
_ERASED_TYPES: Final = [each.erased_event.name for each in PERSONS if each.erased_event is not None]
_CLOSED: Final = """
    SELECT FROM store.event
     WHERE aggregate_id = %s
       AND convert_from(event, 'UTF8')::jsonb -> 'data' @> jsonb_build_object('kind', %s, 'month', %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold in force: on a `party`, or on texts of a retention `kind`, of a `month` (YYYY-MM) or of all."""

    id: UUID
    party: UUID | None
    kind: str | None
    month: str | None
    reference: str
    legal_basis: str

    def covers(self, kind: str, month: str) -> bool:
        """Whether it keeps the texts of that kind and month."""
        return self.kind == kind and self.month in (None, month)


class OnHold(DomainError):
    """A legal hold forbids it."""

    code = "legal-hold"

    def __init__(self, hold: Hold, target: str) -> None:
        super().__init__(
            f"{target} is under the legal hold {hold.reference} ({hold.id}), and nothing of it may be "
            f"destroyed. Once it has ended, release it (`rapport privacy hold release {hold.id}`) and repeat."
        )
        self.hold, self.reference = str(hold.id), hold.reference


class HoldPlacedMeanwhile(Exception):
    """A hold was placed after the look for holds: look again."""


def newest(crm: Crm) -> int:
    """The position of the newest hold placed. Ask before `active`, for `unless_placed`."""
    with crm.pool.connection() as opened, opened.cursor() as c:
        c.execute(_NEWEST)
        return int(c.fetchall()[0][0])


def unless_placed(newest: int) -> Guard:
    """Locks out new holds while a destruction is recorded. The guard raises `HoldPlacedMeanwhile` if a hold
    was placed after the position `newest`."""

    def guard(c: Cursor) -> None:
        c.execute(_SHARED, LOCK)
        c.execute(_NEWEST)
        if c.fetchall()[0][0] > newest:
            raise HoldPlacedMeanwhile

    return guard


def active(crm: Crm) -> tuple[Hold, ...]:
    """The holds in force, the oldest first."""
    found = []
    for id in PrivacyEvents(crm.pool).of_type("crm.privacy.hold_placed"):
        state = crm.load("legal hold", hold.evolve, id)
        if state.state == "active":
            found.append(_told(state))
    return tuple(found)


def place(
    crm: Crm,
    context: Context,
    *,
    party: UUID | None,
    kind: str | None,
    month: str | None,
    reference: str,
    legal_basis: str,
) -> Hold:
    """Places a hold. Raises `Invalid`, `NotFound` for an unknown party, and `Erased` if nothing is left to
    keep."""
    payload = hold.place(party=party, kind=kind, month=month, reference=reference, legal_basis=legal_basis)
    if party is not None and not _is_record(crm, party):
        raise NotFound("record", party)
    id = context.new_id()
    created = RecordChange(id=id, party=id, state=None, payloads=(payload,), at=None)

    def guard(c: Cursor) -> None:
        c.execute(_ALONE, LOCK)
        _refuse_gone(c, party, kind, month)

    crm.record(events_of(Decision(changes=(created,)), context), guard=guard)
    return _told(crm.load("legal hold", hold.evolve, id))


def _refuse_gone(c: Cursor, party: UUID | None, kind: str | None, month: str | None) -> None:
    if party is not None:
        c.execute(_ERASED, (party, _ERASED_TYPES))
        for (family,) in c.fetchall():
            raise Erased.record(family, party)
    if month is not None:
        c.execute(_CLOSED, (STREAM, kind, month))
        if c.fetchall():
            raise Erased.values(f"kept as {kind} for {month}")


def release(crm: Crm, context: Context, id: UUID) -> Hold:
    """Ends a hold; again changes nothing. Raises `NotFound`."""
    state = crm.load("legal hold", hold.evolve, id)
    end = RecordChange(id=id, party=state.party, state=state, payloads=hold.release(state), at=None)
    crm.record(events_of(Decision(changes=(end,)), context))
    return _told(state)


def _told(state: LegalHold) -> Hold:
    return Hold(
        id=state.id,
        party=state.held_party,
        kind=state.kind,
        month=state.month,
        reference=state.reference,
        legal_basis=state.legal_basis,
    )


_HELD: Final = frozenset(each.family for each in BUSINESS if each.can_be_held)


def _is_record(crm: Crm, id: UUID) -> bool:
    return PrivacyEvents(crm.pool).families([id]).get(id, "") in _HELD
