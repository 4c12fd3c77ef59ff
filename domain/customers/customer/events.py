"""What happens to a customer: payloads of its events, and their permanent names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, personal
from domain.events.registry import EventType
from domain.kernel.references import refers_to
from domain.kernel.values import (
    FieldChange,
    Reference,
)

CustomerKind = Literal["person", "organisation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """`crm.customer.registered`, version 2; version 1 had no `preferences`.

    `original` holds the original spellings of normalised fields."""

    kind: CustomerKind
    organisation_name: str | None = None
    name: str | Unreadable | None = personal()
    parent_id: UUID | None = None
    owner_id: UUID | None = refers_to("principal")
    attributes: Mapping[str, str]
    original: Mapping[str, str]
    references: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged:
    """`crm.customer.profile_changed`; a person's name is in `name` and `name_before`, not in `changes`."""

    changes: tuple[FieldChange, ...]
    name: str | Unreadable | None = personal()
    name_before: str | Unreadable | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAssigned:
    """`crm.customer.owner_assigned`"""

    owner_id: UUID = refers_to("principal", required=True)
    previous_owner_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAdded:
    """`crm.customer.reference_added`: another system's id of it. Permanent, since a claim is."""

    reference: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedInto:
    """`crm.customer.merged_into`, on the customer that goes; the survivor has `Absorbed`."""

    survivor_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorbed:
    """`crm.customer.absorbed`, on the survivor of a merge."""

    merged_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmerged:
    """`crm.customer.unmerged`, on the customer that comes back; the survivor has `Released`."""

    survivor_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """`crm.customer.released`, on the survivor of a merge that was undone."""

    merged_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """`crm.customer.erased` by `erasure`, on each customer that is the person; it is the last event."""

    erasure: UUID


CustomerEvent = (
    Registered | ProfileChanged | OwnerAssigned | ReferenceAdded | MergedInto | Absorbed | Unmerged | Released
    | Erased
)  # fmt: skip


def customer_registered_1_to_2(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no preferences."""
    return {**data, "preferences": {}}


EVENTS: Final = (
    EventType("crm.customer.registered", Registered, version=2, upcasters=(customer_registered_1_to_2,)),
    EventType("crm.customer.profile_changed", ProfileChanged),
    EventType("crm.customer.owner_assigned", OwnerAssigned),
    EventType("crm.customer.reference_added", ReferenceAdded),
    EventType("crm.customer.merged_into", MergedInto),
    EventType("crm.customer.absorbed", Absorbed),
    EventType("crm.customer.unmerged", Unmerged),
    EventType("crm.customer.released", Released),
    EventType("crm.customer.erased", Erased),
)
