"""Principal: an agent, a team or a service account. Its own id is its party; its name is private."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.private import Unreadable, personal
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid, NotFound, Undecodable
from domain.kernel.text import line, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import FieldChange, Reference, after, changed, references

PrincipalKind = Literal["agent", "team", "service_account"]
PrincipalState = Literal["active", "deactivated"]

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
    """`crm.principal.profile_changed`; a changed name stands in `name`, `name_before`, not in `changes`."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(Aggregate):
    """A principal as of its last event."""

    kind: PrincipalKind
    state: PrincipalState
    name: str | Unreadable | None = field(repr=False)
    manager_id: UUID | None
    region: str | None
    references: tuple[Reference, ...]


def evolve(state: Principal | None, event: Event) -> Principal:
    """The principal after `event`. Raises `NotFound` where the stream is not a principal's."""
    payload: PrincipalEvent = event.payload
    if state is None:
        if not isinstance(payload, Registered):
            raise NotFound("principal", event.originator_id)
        return Principal(
            id=event.originator_id,
            version=event.originator_version,
            party=event.party,
            time=event.time,
            recorded=event.recorded,
            kind=payload.kind,
            state="active",
            name=payload.name,
            manager_id=payload.manager_id,
            region=payload.region,
            references=payload.references,
        )
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case ProfileChanged():
            manager = after(
                payload.changes, "manager_id", str(state.manager_id) if state.manager_id else None
            )
            return replace(
                state,
                name=state.name if payload.name is None else payload.name,
                manager_id=UUID(manager) if manager else None,
                region=after(payload.changes, "region", state.region),
            )
        case Deactivated():
            return replace(state, state="deactivated")
        case Reactivated():
            return replace(state, state="active")
        case Registered():
            raise Undecodable(f"The principal {state.id} was registered twice. Verify the store.")
        case _:
            assert_never(payload)


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
    """Changes what is named; `remove` names `manager_id` or `region`. Nothing when nothing differs."""
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
    """From now on it can be given nothing new."""
    check(LIFECYCLE, state.state, DEACTIVATE)
    return (Deactivated(reason=optional_line("reason", reason)),)


def reactivate(state: Principal) -> tuple[PrincipalEvent, ...]:
    """Takes a deactivation back."""
    check(LIFECYCLE, state.state, REACTIVATE)
    return (Reactivated(),)


def require_active(state: Principal) -> None:
    """Raises `Invalid` for a principal that can be given nothing new."""
    if state.state != "active":
        raise Invalid(f"The principal {state.id} is deactivated. Name an active one, or reactivate it.")
