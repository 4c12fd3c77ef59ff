"""What happens to a principal: payloads of its events, and their permanent names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, personal
from domain.events.registry import EventType
from domain.kernel.values import FieldChange, Reference

PrincipalKind = Literal["agent", "team", "service_account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """`crm.principal.registered`"""

    kind: PrincipalKind
    name: str | Unreadable | None = personal()
    manager_id: UUID | None = None
    region: str | None = None
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged:
    """`crm.principal.profile_changed`; a changed name is in `name` and `name_before`, not in `changes`."""

    changes: tuple[FieldChange, ...]
    name: str | Unreadable | None = personal()
    name_before: str | Unreadable | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deactivated:
    """`crm.principal.deactivated`"""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactivated:
    """`crm.principal.reactivated`"""


PrincipalEvent = Registered | ProfileChanged | Deactivated | Reactivated


EVENTS: Final = (
    EventType("crm.principal.registered", Registered),
    EventType("crm.principal.profile_changed", ProfileChanged),
    EventType("crm.principal.deactivated", Deactivated),
    EventType("crm.principal.reactivated", Reactivated),
)
