"""What happens to a lead: payloads of its events, and their permanent names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, free_text, personal
from domain.events.registry import EventType
from domain.kernel.references import refers_to
from domain.kernel.values import Reference

OpenLeadState = Literal["new", "working", "nurturing", "qualified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """`crm.lead.created`; `original` holds the original spellings of normalised fields."""

    name: str | Unreadable | None = personal()
    company: str | None = None
    email: str | Unreadable | None = personal()
    phone: str | Unreadable | None = personal()
    owner_id: UUID | None = refers_to("principal")
    campaign: str | None = None
    references: tuple[Reference, ...] = ()
    imported: bool
    original: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """`crm.lead.status_changed`, from one open state to another."""

    from_state: OpenLeadState
    to_state: OpenLeadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Disqualified:
    """`crm.lead.disqualified`"""

    from_state: OpenLeadState
    reason: str
    note: str | Unreadable | None = free_text("lead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """`crm.lead.reopened`, out of disqualified."""

    to_state: OpenLeadState


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """`crm.lead.scored`: 0 to 100, with its model and its reasons (the strongest first)."""

    score: int
    model: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAssigned:
    """`crm.lead.owner_assigned`"""

    owner_id: UUID = refers_to("principal", required=True)
    previous_owner_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinked:
    """`crm.lead.customer_linked`: its customer, known without a conversion."""

    customer_id: UUID = refers_to("customer", required=True)
    previous_customer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """`crm.lead.converted`; `customer_created`: the conversion created the customer."""

    customer_id: UUID = refers_to("customer", required=True)
    contact_id: UUID | None = None
    opportunity_id: UUID
    customer_created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """`crm.lead.erased`, by `erasure`; it is the last event."""

    erasure: UUID


LeadEvent = (
    Created | StatusChanged | Disqualified | Reopened | Scored | OwnerAssigned | CustomerLinked | Converted
    | Erased
)  # fmt: skip


EVENTS: Final = (
    EventType("crm.lead.created", Created),
    EventType("crm.lead.status_changed", StatusChanged),
    EventType("crm.lead.disqualified", Disqualified),
    EventType("crm.lead.reopened", Reopened),
    EventType("crm.lead.scored", Scored),
    EventType("crm.lead.owner_assigned", OwnerAssigned),
    EventType("crm.lead.customer_linked", CustomerLinked),
    EventType("crm.lead.converted", Converted),
    EventType("crm.lead.erased", Erased),
)
