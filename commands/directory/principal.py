"""Commands on principals (agents, teams, service accounts) and their handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import principal_of, require_manager
from domain.directory.principal import decide as principal
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


def _register(command: RegisterPrincipal, world: Repository, context: Context) -> Decision:
    id = command.id or context.new_id()
    require_manager(world, command.manager_id, of=id)
    payloads = principal.register(
        kind=command.kind,
        name=command.name,
        manager_id=command.manager_id,
        region=command.region,
        reference=command.reference,
    )
    return new_record(id, payloads, party=id, at=command.at, reference=command.reference)


def _change(command: ChangePrincipal, world: Repository, _: Context) -> Decision:
    state = principal_of(world, command.principal_id)
    changed = principal.change(
        state,
        name=command.name,
        manager_id=command.manager_id,
        region=command.region,
        remove=command.remove,
    )
    if command.manager_id != state.manager_id:
        require_manager(world, command.manager_id, of=state.id)
    return change((state, changed), at=command.at)


def _deactivate(command: DeactivatePrincipal, world: Repository, _: Context) -> Decision:
    state = principal_of(world, command.principal_id)
    return change((state, principal.deactivate(state, reason=command.reason)), at=command.at)


def _reactivate(command: ReactivatePrincipal, world: Repository, _: Context) -> Decision:
    state = principal_of(world, command.principal_id)
    return change((state, principal.reactivate(state)), at=command.at)


HANDLERS: Final[Handlers] = {
    RegisterPrincipal: _register,
    ChangePrincipal: _change,
    DeactivatePrincipal: _deactivate,
    ReactivatePrincipal: _reactivate,
}
