"""Erasure of a person: who, why, on which basis, with which result. Its own id is its party.

The erased records have events of their own, such as `crm.customer.erased`. Nothing here is personal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never, get_args
from uuid import UUID

from domain.events.event import Event
from domain.events.registry import EventType
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid, NotFound, Undecodable
from domain.kernel.record_type import RecordType
from domain.kernel.text import quoted

Reason = Literal[
    "withdrawn_consent", "objection", "no_longer_needed", "unlawful", "legal_obligation", "child"
]
"""Why, in the words of GDPR article 17 (1) a to f."""
ErasureState = Literal["begun", "destroyed", "certified"]

BASIS: Final = re.compile(r"[A-Za-z0-9 ().,:/-]{1,64}")
REFERENCE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureBegun:
    """`crm.privacy.erasure_begun`: `parties` are the person's parties, `persons` those whose keys it
    destroys.

    `reference` is the request's id elsewhere.
    """

    parties: tuple[UUID, ...]
    persons: tuple[UUID, ...]
    reason: Reason
    legal_basis: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysDestroyed:
    """`crm.privacy.keys_destroyed`: all planned ones, and those of persons found in the meantime."""

    persons: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertified:
    """`crm.privacy.erasure_certified`: the certificate's digest, and the last position that it checked."""

    certificate_sha256: str
    position: int


ErasureEvent = ErasureBegun | KeysDestroyed | ErasureCertified


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure(Aggregate):
    """An erasure as of its last event; `certificates` are the hex SHA-256 of those issued."""

    state: ErasureState
    parties: tuple[UUID, ...]
    persons: tuple[UUID, ...]
    reason: Reason
    legal_basis: str
    reference: str | None
    certificates: tuple[str, ...]


def evolve(state: Erasure | None, event: Event) -> Erasure:
    """The erasure after `event`. Raises `NotFound` where the stream is not an erasure's."""
    payload: ErasureEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case KeysDestroyed():
            return replace(state, state="destroyed", persons=payload.persons)
        case ErasureCertified():
            certificates = (*state.certificates, payload.certificate_sha256)
            return replace(state, state="certified", certificates=certificates)
        case ErasureBegun():
            raise Undecodable(f"The erasure {state.id} was begun twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Erasure:
    payload = event.payload
    if not isinstance(payload, ErasureBegun):
        raise NotFound("erasure", event.originator_id)
    return Erasure(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        state="begun",
        parties=payload.parties,
        persons=payload.persons,
        reason=payload.reason,
        legal_basis=payload.legal_basis,
        reference=payload.reference,
        certificates=(),
    )


def begin(
    *,
    parties: tuple[UUID, ...],
    persons: tuple[UUID, ...],
    reason: str,
    legal_basis: str,
    reference: str | None,
) -> ErasureBegun:
    """Begins it. Raises `Invalid`."""
    if reason not in get_args(Reason):
        raise Invalid(f"There is no reason {quoted(reason)}. Name one of: {', '.join(get_args(Reason))}.")
    return ErasureBegun(
        parties=parties,
        persons=persons,
        reason=reason,  # type: ignore[arg-type]
        legal_basis=basis(legal_basis),
        reference=referred(reference),
    )


def basis(text: str) -> str:
    """Returns a legal basis that an event may keep for ever. Raises `Invalid`."""
    if not BASIS.fullmatch(text):
        raise Invalid(
            "The legal basis must be 1 to 64 letters, digits, spaces or ().,:/- such as "
            '"GDPR art. 17 (1) b". It is kept for ever and must name nobody. Correct it.'
        )
    return text


def referred(text: str | None) -> str | None:
    """Returns a reference that an event may keep for ever. Raises `Invalid`."""
    if text is not None and not REFERENCE.fullmatch(text):
        raise Invalid(
            "The reference must be 1 to 64 letters, digits or ._- such as a ticket's number. It is kept for "
            "ever and must name nobody. Correct it."
        )
    return text


EVENTS: Final = (
    EventType("crm.privacy.erasure_begun", ErasureBegun),
    EventType("crm.privacy.keys_destroyed", KeysDestroyed),
    EventType("crm.privacy.erasure_certified", ErasureCertified),
)

ERASURE: Final = RecordType(
    name="erasure",
    plural="erasures",
    area="privacy",
    events=EVENTS,
    state=Erasure,
    evolve=evolve,
)
