"""What happens to a case: payloads of its events, and their permanent names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, free_text
from domain.events.registry import EventType
from domain.kernel.references import refers_to
from domain.kernel.values import FieldChange, Reference

CaseKind = Literal["question", "complaint", "incident", "request"]

CaseState = Literal[
    "new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party", "resolved", "closed",
    "rejected", "duplicate",
]  # fmt: skip

OPEN: Final[tuple[CaseState, ...]] = (
    "new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party",
)  # fmt: skip
WAITING: Final[tuple[CaseState, ...]] = ("waiting_on_customer", "waiting_on_third_party")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`crm.case.opened`; `priority` is 1 (most urgent) to 4."""

    kind: CaseKind
    state: CaseState
    priority: int
    channel: str | None = None
    customer_id: UUID | None = refers_to("customer")
    queue: str | None = None
    owner_id: UUID | None = refers_to("principal")
    category: str | None = None
    product: str | None = None
    cause: str | None = None
    subject: str | Unreadable | None = free_text("case")
    description: str | Unreadable | None = free_text("case")
    references: tuple[Reference, ...] = ()
    imported: bool
    skipped: tuple[CaseState, ...] = ()
    logged_at: datetime | None = None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """`crm.case.assigned`: queue and owner from now on; both states have values if this changed the state."""

    queue: str | None = None
    owner_id: UUID | None = refers_to("principal")
    previous_queue: str | None = None
    previous_owner_id: UUID | None = None
    from_state: CaseState | None = None
    to_state: CaseState | None = None
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """`crm.case.state_changed`, from one open state to another."""

    from_state: CaseState
    to_state: CaseState
    skipped: tuple[CaseState, ...] = ()
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged:
    """`crm.case.priority_changed`"""

    old: int
    new: int
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """`crm.case.escalated`: to another level, up or down; 0 means not escalated."""

    old: int
    new: int
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsChanged:
    """`crm.case.details_changed`: kind, channel, category, product, cause, `attributes.<name>`."""

    changes: tuple[FieldChange, ...]
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Responded:
    """`crm.case.responded`: the first response."""

    interaction_id: UUID | None = refers_to("interaction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """`crm.case.resolved`"""

    from_state: CaseState
    code: str | None = None
    cause: str | None = None
    note: str | Unreadable | None = free_text("case")
    logged_at: datetime | None = None
    skipped: tuple[CaseState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed:
    """`crm.case.closed`; `reported_sla` is an imported log's own verdict: true if the SLA was met."""

    from_state: CaseState
    code: str | None = None
    reported_sla: bool | None = None
    logged_at: datetime | None = None
    skipped: tuple[CaseState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """`crm.case.reopened`; earlier resolutions stay in the history."""

    from_state: CaseState
    to_state: CaseState
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """`crm.case.rejected`, version 2: we do not solve it; version 1 had no `note`."""

    from_state: CaseState
    reason: str | None = None
    note: str | Unreadable | None = free_text("case")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """`crm.case.duplicated`: it is the same as the case `of`."""

    from_state: CaseState
    of: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinked:
    """`crm.case.customer_linked`; the party stays."""

    customer_id: UUID = refers_to("customer", required=True)
    previous_customer_id: UUID | None = None


CaseEvent = (
    Opened
    | Assigned
    | StateChanged
    | PriorityChanged
    | Escalated
    | DetailsChanged
    | Responded
    | Resolved
    | CaseClosed
    | Reopened
    | Rejected
    | Duplicated
    | CustomerLinked
)


def case_rejected_1_to_2(data: dict[str, Any]) -> dict[str, Any]:
    """Changes nothing: version 1 had no note."""
    return data


EVENTS: Final = (
    EventType("crm.case.opened", Opened),
    EventType("crm.case.assigned", Assigned),
    EventType("crm.case.state_changed", StateChanged),
    EventType("crm.case.priority_changed", PriorityChanged),
    EventType("crm.case.escalated", Escalated),
    EventType("crm.case.details_changed", DetailsChanged),
    EventType("crm.case.responded", Responded),
    EventType("crm.case.resolved", Resolved),
    EventType("crm.case.closed", CaseClosed),
    EventType("crm.case.reopened", Reopened),
    EventType("crm.case.rejected", Rejected, version=2, upcasters=(case_rejected_1_to_2,)),
    EventType("crm.case.duplicated", Duplicated),
    EventType("crm.case.customer_linked", CustomerLinked),
)
