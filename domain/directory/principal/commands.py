"""What can be asked of a principal: commands, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.directory.principal.events import PrincipalKind
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPrincipal:
    """Registers an agent, a team or a service account. `name` becomes private."""

    kind: PrincipalKind
    name: str = field(repr=False)
    manager_id: UUID | None = None
    region: str | None = None
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalCommand:
    """What commands on an existing principal name. `at` is the business time, now unless named."""

    principal_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The principal."""
        return self.principal_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePrincipal(PrincipalCommand):
    """Changes what is named; `remove` names `manager_id` or `region`."""

    name: str | None = field(default=None, repr=False)
    manager_id: UUID | None = None
    region: str | None = None
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivatePrincipal(PrincipalCommand):
    """From now on it can be given nothing new."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactivatePrincipal(PrincipalCommand):
    """Takes a deactivation back."""
