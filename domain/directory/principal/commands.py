"""The commands on a principal, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from domain.directory.principal.events import PrincipalKind
from domain.kernel.command import NewRecord, RecordCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPrincipal(NewRecord):
    """Registers an agent, a team or a service account. `name` becomes private."""

    summary: ClassVar[str] = "Register a principal"

    kind: PrincipalKind
    name: str = field(repr=False)
    manager_id: UUID | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePrincipal(RecordCommand):
    """Changes the named fields; `remove` names `manager_id` or `region`."""

    verb: ClassVar[str] = "change"
    summary: ClassVar[str] = "Change the profile"

    name: str | None = field(default=None, repr=False)
    manager_id: UUID | None = None
    region: str | None = None
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivatePrincipal(RecordCommand):
    """Deactivates the principal: it can be given nothing new."""

    verb: ClassVar[str] = "deactivate"
    summary: ClassVar[str] = "Deactivate"

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactivatePrincipal(RecordCommand):
    """Undoes a deactivation."""

    verb: ClassVar[str] = "reactivate"
    summary: ClassVar[str] = "Reactivate"
