"""What happens to a contact: payloads of its events, and their permanent names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, personal
from domain.events.registry import EventType
from domain.kernel.references import refers_to
from domain.kernel.values import FieldChange, Reference

PointKind = Literal["email", "phone", "postal", "social"]

LegalBasis = Literal[
    "consent", "contract", "legal_obligation", "legitimate_interests", "vital_interests", "public_task"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """`crm.contact.registered`; `role` is what the person is at the customer."""

    customer_id: UUID = refers_to("customer", required=True)
    name: str | Unreadable | None = personal()
    role: str | None = None
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged:
    """`crm.contact.profile_changed`; a changed name is in `name` and `name_before`, not in `changes`."""

    changes: tuple[FieldChange, ...]
    name: str | Unreadable | None = personal()
    name_before: str | Unreadable | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAdded:
    """`crm.contact.point_added`: an address at which the person can be reached."""

    point_id: UUID
    kind: PointKind
    value: str | Unreadable | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class PointVerified:
    """`crm.contact.point_verified`: it is the person's, as `method` has shown."""

    point_id: UUID
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRemoved:
    """`crm.contact.point_removed`: it is out of use; consents for it end."""

    point_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven:
    """`crm.contact.consent_given`: the point may be used for `purpose`, from the event's time on.

    `source` is where it was given; `until` is when it ends by itself, if ever.
    """

    point_id: UUID
    purpose: str
    legal_basis: LegalBasis
    source: str
    double_opt_in: bool
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn:
    """`crm.contact.consent_withdrawn`"""

    point_id: UUID
    purpose: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """`crm.contact.erased`, by `erasure`; it is the last event."""

    erasure: UUID


ContactEvent = (
    Registered | ProfileChanged | PointAdded | PointVerified | PointRemoved | ConsentGiven | ConsentWithdrawn
    | Erased
)  # fmt: skip


EVENTS: Final = (
    EventType("crm.contact.registered", Registered),
    EventType("crm.contact.profile_changed", ProfileChanged),
    EventType("crm.contact.point_added", PointAdded),
    EventType("crm.contact.point_verified", PointVerified),
    EventType("crm.contact.point_removed", PointRemoved),
    EventType("crm.contact.consent_given", ConsentGiven),
    EventType("crm.contact.consent_withdrawn", ConsentWithdrawn),
    EventType("crm.contact.erased", Erased),
)
