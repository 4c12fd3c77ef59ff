"""Commands on principals (agents, teams, service accounts) and their handlers."""

from __future__ import annotations

from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import principal_of, require_manager
from domain.directory.principal import decide as principal
from domain.directory.principal.commands import (
    ChangePrincipal,
    DeactivatePrincipal,
    ReactivatePrincipal,
    RegisterPrincipal,
)


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
