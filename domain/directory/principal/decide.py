"""What may happen to a principal: its transitions, and one decision per command."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from domain.directory.principal.commands import (
    ChangePrincipal,
    DeactivatePrincipal,
    ReactivatePrincipal,
    RegisterPrincipal,
)
from domain.directory.principal.events import (
    Deactivated,
    PrincipalEvent,
    PrincipalKind,
    ProfileChanged,
    Reactivated,
    Registered,
)
from domain.directory.principal.state import Principal
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.hierarchy import refuse_cycle
from domain.kernel.repository import Repository
from domain.kernel.text import line, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, changed, references

CHANGE: Final = "change its profile"

DEACTIVATE: Final = "be deactivated"

REACTIVATE: Final = "be reactivated"

LIFECYCLE: Final = Lifecycle(
    record_type="principal",
    transitions={
        "active": {CHANGE: "active", DEACTIVATE: "deactivated"},
        "deactivated": {CHANGE: "deactivated", REACTIVATE: "active"},
    },
)


def register(
    *,
    kind: PrincipalKind,
    name: str,
    manager_id: UUID | None,
    region: str | None,
    reference: Reference | None,
) -> tuple[PrincipalEvent, ...]:
    """Registers a principal."""
    return (
        Registered(
            kind=kind,
            name=line("name", name),
            manager_id=manager_id,
            region=optional_line("region", region),
            references=references(reference),
        ),
    )


def change(
    state: Principal,
    *,
    name: str | None,
    manager_id: UUID | None,
    region: str | None,
    remove: tuple[str, ...],
) -> tuple[PrincipalEvent, ...]:
    """Changes the named fields; `remove` names `manager_id` or `region`."""
    check(LIFECYCLE, state.state, CHANGE)
    if unknown := [field for field in remove if field not in ("manager_id", "region")]:
        raise Invalid(
            f"No field {quoted(unknown[0])} of a principal can be removed. Name manager_id or region."
        )
    if manager_id == state.id:
        raise Invalid("A principal cannot be its own manager. Name another one.")
    new_manager = None if "manager_id" in remove else manager_id or state.manager_id
    new_region = None if "region" in remove else optional_line("region", region) or state.region
    changes = (
        *changed("manager_id", state.manager_id, new_manager),
        *changed("region", state.region, new_region),
    )
    new_name = optional_line("name", name)
    if new_name == state.name:
        new_name = None
    if not changes and new_name is None:
        return ()
    before = state.name if new_name is not None and isinstance(state.name, str) else None
    return (ProfileChanged(changes=changes, name=new_name, name_before=before),)


def deactivate(state: Principal, *, reason: str | None) -> tuple[PrincipalEvent, ...]:
    """Deactivates the principal: it can be given nothing new."""
    check(LIFECYCLE, state.state, DEACTIVATE)
    return (Deactivated(reason=optional_line("reason", reason)),)


def reactivate(state: Principal) -> tuple[PrincipalEvent, ...]:
    """Undoes a deactivation."""
    check(LIFECYCLE, state.state, REACTIVATE)
    return (Reactivated(),)


def require_active(state: Principal) -> None:
    """Raises `Invalid` for a principal that can be given nothing new."""
    if state.state != "active":
        raise Invalid(f"The principal {state.id} is deactivated. Name an active one, or reactivate it.")


def decide(command: Any, state: Any, repository: Repository) -> tuple[PrincipalEvent, ...]:
    """Returns the events that follow from a command on a principal."""
    match command:
        case RegisterPrincipal():
            _require_manager(repository, command.manager_id, of=command.id)
            return register(
                kind=command.kind,
                name=command.name,
                manager_id=command.manager_id,
                region=command.region,
                reference=command.reference,
            )
        case ChangePrincipal():
            changed = change(
                state,
                name=command.name,
                manager_id=command.manager_id,
                region=command.region,
                remove=command.remove,
            )
            if command.manager_id != state.manager_id:
                _require_manager(repository, command.manager_id, of=state.id)
            return changed
        case DeactivatePrincipal():
            return deactivate(state, reason=command.reason)
        case ReactivatePrincipal():
            return reactivate(state)
        case _:
            raise undecided(command)


def _require_manager(repository: Repository, id: UUID | None, *, of: UUID | None) -> None:
    """Refuses a manager who does not exist, is deactivated, or stands below `of`."""
    if id is None:
        return
    require_active(repository.load("principal", id))
    refuse_cycle("principal", of, id, lambda id: repository.load("principal", id).manager_id)
