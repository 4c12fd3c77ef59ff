"""Legal hold on a customer's data, or on the texts of a kind and month. Its own id is its party."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.registry import EventType
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid, NotFound, Undecodable
from domain.kernel.record_type import RecordType
from domain.privacy.erasure import basis, referred

HoldState = Literal["active", "released"]

_KIND: Final = re.compile(r"[a-z_]{1,40}(-[a-z_]{1,40})?")
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced:
    """`crm.privacy.hold_placed` on a `party`, or on the texts of a retention `kind`, of one `month` (YYYY-MM)
    or of all."""

    party: UUID | None = None
    kind: str | None = None
    month: str | None = None
    reference: str
    legal_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    """`crm.privacy.hold_released`"""


HoldEvent = HoldPlaced | HoldReleased


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold(Aggregate):
    """A hold as of its last event."""

    state: HoldState
    held_party: UUID | None
    kind: str | None
    month: str | None
    reference: str
    legal_basis: str


def evolve(state: LegalHold | None, event: Event) -> LegalHold:
    """The hold after `event`. Raises `NotFound` where the stream is not a hold's."""
    payload: HoldEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case HoldReleased():
            return replace(state, state="released")
        case HoldPlaced():
            raise Undecodable(f"The legal hold {state.id} was placed twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> LegalHold:
    payload = event.payload
    if not isinstance(payload, HoldPlaced):
        raise NotFound("legal hold", event.originator_id)
    return LegalHold(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        state="active",
        held_party=payload.party,
        kind=payload.kind,
        month=payload.month,
        reference=payload.reference,
        legal_basis=payload.legal_basis,
    )


def place(
    *, party: UUID | None, kind: str | None, month: str | None, reference: str, legal_basis: str
) -> HoldPlaced:
    """Places it. Raises `Invalid`."""
    if (party is None) == (kind is None):
        raise Invalid("A legal hold is on a customer or on a kind of text. Name one of the two.")
    if month is not None and kind is None:
        raise Invalid(
            "The hold names a month without a kind of text. Name the kind too, or leave the month out."
        )
    if kind is not None and not _KIND.fullmatch(kind):
        raise Invalid("The kind of text must be one such as `case` or `interaction-chat`. Correct it.")
    if month is not None and not _MONTH.fullmatch(month):
        raise Invalid("The month must look like 2026-03. Correct it.")
    named = referred(reference)
    assert named is not None, "a hold has a reference"
    return HoldPlaced(party=party, kind=kind, month=month, reference=named, legal_basis=basis(legal_basis))


def release(state: LegalHold) -> tuple[HoldReleased, ...]:
    """Ends it, once."""
    return () if state.state == "released" else (HoldReleased(),)


EVENTS: Final = (
    EventType("crm.privacy.hold_placed", HoldPlaced),
    EventType("crm.privacy.hold_released", HoldReleased),
)

LEGAL_HOLD: Final = RecordType(
    name="legal hold",
    plural="legal_holds",
    area="privacy",
    events=EVENTS,
    state=LegalHold,
    evolve=evolve,
)
