"""The sentences of `audit verify` about a difference, without a value of the event."""

from __future__ import annotations

from uuid import UUID

from commands.audit.diagnose import Difference
from commands.store.verify_event import RESTORE, Finding
from domain.events.ids import parts_of
from domain.events.seal import Seal

BY_TOPICS = "The topics still hold what was sealed; the seal's root proves them."
BY_SUMS = "The counts and sums of the seal show it."
NOT_ASKED = "the topics, which hold the events themselves, were not read"
NOT_PROVEN = "the topics' events there differ from the sealed ones too"


def told(found: Difference, seal: Seal, why: str) -> Finding:
    """The finding; `why` says how it is known, of a range why no more is known."""
    under = f"under the seal {seal.sequence} (positions {seal.first} to {seal.last})"
    event = f"the event {found.event}" if found.event else "an event that can't be read"
    if found.kind == "range":
        return _range(found, under, why)
    if found.kind == "moved":
        fact = (
            f"Moved: {event}, sealed at position {found.sealed}, stands at position {found.stands}, {under}."
        )
    elif found.kind == "removed":
        place = (
            f"at position {found.position}" if why == BY_TOPICS else f"at position {found.position} or later"
        )
        fact = f"Removed: {event} is missing, sealed {place}, {under}."
    elif found.kind == "inserted":
        fact = f"Inserted: {event} at position {found.position} was not there when it was sealed, {under}."
    else:
        what = f" What differs: {', '.join(found.members)}." if found.members else ""
        fact = f"Changed: {event} at position {found.position} is not what was sealed, {under}.{what}"
    if found.others:
        fact += f" {found.others} more positions under this seal differ."
    return Finding(
        kind=found.kind,
        position=found.position,
        aggregate=_aggregate(found.event),
        fact=fact,
        cause=why,
        act=RESTORE,
    )


def _range(found: Difference, under: str, why: str) -> Finding:
    places = "; ".join(
        f"{topic} partition {number} ({count} there now)" for (topic, number), count in found.places
    )
    fact = f"Events were changed, removed, inserted or moved {under}."
    if places:
        fact += f" They belong to {places}."
    return Finding(
        kind="range",
        position=found.position,
        fact=fact,
        cause=f"Which of them is unknown: a seal holds a root and sums, not each event's hash, and {why}.",
        act=RESTORE,
    )


def truncated(head: int, sealed: int, first: Difference | None) -> Finding:
    """The store's events end at `head`, and its seals go on to `sealed`; `first` is missing first."""
    event = f"; the first one missing is {first.event} at position {first.position}" if first else ""
    return Finding(
        kind="cut_tail",
        position=first.position if first else head + 1,
        fact=f"The seals go up to position {sealed}, and the store's last event is at {head}{event}.",
        cause="The newest events were deleted.",
        act=RESTORE,
    )


def outside(position: int) -> Finding:
    """An event stands where no seal ever reaches."""
    return Finding(
        kind="inserted",
        position=position,
        fact=f"Inserted: there is an event at position {position}; positions begin with 1.",
        cause="Somebody with the owner's rights has put it in.",
        act=RESTORE,
    )


def _aggregate(event: str | None) -> UUID | None:
    try:
        return parts_of(event or "")[0]
    except ValueError:
        return None
