"""Customer: a person or an organisation. Its own id is its party; a person's name is private."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, assert_never
from uuid import UUID

from domain.customers.customer.preferences import known as known_preference
from domain.customers.customer.preferences import preferences as checked_preferences
from domain.events.event import Event
from domain.events.private import Unreadable, personal
from domain.kernel import errors
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid, NotFound, Undecodable
from domain.kernel.text import line, lines, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import (
    FieldChange,
    Reference,
    after,
    apply_entries,
    apply_tags,
    changed,
    changed_entries,
    changed_tags,
    references,
)

CustomerKind = Literal["person", "organisation"]
CustomerState = Literal["active", "merged", "erased"]

CHANGE: Final = "change its profile"
ASSIGN: Final = "be given to an owner"
REFER: Final = "get another external reference"
MERGE: Final = "be merged into another customer"
UNMERGE: Final = "be unmerged"
SURVIVE: Final = "survive another customer"
RELEASE: Final = "release a merged customer"
ERASE: Final = "be erased"

LIFECYCLE: Final = Lifecycle(
    record_type="customer",
    transitions={
        "active": {
            CHANGE: "active", ASSIGN: "active", REFER: "active", MERGE: "merged", SURVIVE: "active",
            RELEASE: "active", ERASE: "erased",
        },
        # A survivor may have been merged on since: what it took in before can still be taken out again.
        "merged": {UNMERGE: "active", RELEASE: "merged", ERASE: "erased"},
        "erased": {},
    },
)  # fmt: skip


REFERENCES_LIMIT: Final = 100
"""Most external references of a customer: they are read with it each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """`crm.customer.registered`, version 2; version 1 had no `preferences`.

    `original` holds spellings as they came, by field, where normalised."""

    kind: CustomerKind
    organisation_name: str | None = None
    name: str | Unreadable | None = personal()
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Mapping[str, str]
    original: Mapping[str, str]
    references: tuple[Reference, ...] = ()
    tags: tuple[str, ...] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged:
    """`crm.customer.profile_changed`; a person's name stands in `name`, `name_before`, not in `changes`."""

    changes: tuple[FieldChange, ...]
    name: str | Unreadable | None = personal()
    name_before: str | Unreadable | None = personal()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAssigned:
    """`crm.customer.owner_assigned`"""

    owner_id: UUID
    previous_owner_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAdded:
    """`crm.customer.reference_added`: another system knows it, too. Never taken back: a claim is for ever."""

    reference: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedInto:
    """`crm.customer.merged_into`, on the customer that goes; `Absorbed` stands on the survivor."""

    survivor_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorbed:
    """`crm.customer.absorbed`, on the survivor of a merge."""

    merged_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmerged:
    """`crm.customer.unmerged`, on the customer that comes back; `Released` stands on the survivor."""

    survivor_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """`crm.customer.released`, on the survivor of a merge that was taken back."""

    merged_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """`crm.customer.erased`, on each member of a person; nothing follows it. `erasure`: by which."""

    erasure: UUID


CustomerEvent = (
    Registered | ProfileChanged | OwnerAssigned | ReferenceAdded | MergedInto | Absorbed | Unmerged | Released
    | Erased
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Aggregate):
    """A customer as of its last event. `absorbed` are the customers that are merged into it now."""

    kind: CustomerKind
    state: CustomerState
    name: str | Unreadable | None = field(repr=False)
    parent_id: UUID | None
    owner_id: UUID | None
    attributes: Mapping[str, str]
    original: Mapping[str, str]
    references: tuple[Reference, ...]
    tags: frozenset[str]
    preferences: Mapping[str, str]
    survivor_id: UUID | None
    absorbed: frozenset[UUID]


def evolve(state: Customer | None, event: Event) -> Customer:
    """The customer after `event`. Raises `NotFound` where the stream is not a customer's."""
    payload: CustomerEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case ProfileChanged():
            return _changed(state, payload)
        case OwnerAssigned():
            return replace(state, owner_id=payload.owner_id)
        case ReferenceAdded():
            return replace(state, references=(*state.references, payload.reference))
        case MergedInto():
            return replace(state, state="merged", survivor_id=payload.survivor_id)
        case Unmerged():
            return replace(state, state="active", survivor_id=None)
        case Absorbed():
            return replace(state, absorbed=state.absorbed | {payload.merged_id})
        case Released():
            return replace(state, absorbed=state.absorbed - {payload.merged_id})
        case Erased():
            return replace(state, state="erased", name=Unreadable("erased"))
        case Registered():
            raise Undecodable(f"The customer {state.id} was registered twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Customer:
    payload = event.payload
    if not isinstance(payload, Registered):
        raise NotFound("customer", event.originator_id)
    return Customer(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        kind=payload.kind,
        state="active",
        name=payload.organisation_name if payload.kind == "organisation" else payload.name,
        parent_id=payload.parent_id,
        owner_id=payload.owner_id,
        attributes=dict(payload.attributes),
        original=dict(payload.original),
        references=payload.references,
        tags=frozenset(payload.tags),
        preferences=dict(payload.preferences),
        survivor_id=None,
        absorbed=frozenset(),
    )


def _changed(state: Customer, payload: ProfileChanged) -> Customer:
    parent = after(payload.changes, "parent_id", str(state.parent_id) if state.parent_id else None)
    name = state.name if payload.name is None else payload.name
    if isinstance(name, str):
        name = after(payload.changes, "organisation_name", name)
    return replace(
        state,
        name=name,
        parent_id=UUID(parent) if parent else None,
        attributes=apply_entries("attributes", state.attributes, payload.changes),
        tags=apply_tags(state.tags, payload.changes),
        preferences=apply_entries("preferences", state.preferences, payload.changes),
    )


def register(
    *,
    kind: CustomerKind,
    name: str,
    parent_id: UUID | None,
    owner_id: UUID | None,
    attributes: Mapping[str, str],
    original: Mapping[str, str],
    tags: tuple[str, ...],
    preferences: Mapping[str, str],
    reference: Reference | None,
) -> tuple[CustomerEvent, ...]:
    """Registers a customer; the name of a person becomes private, that of an organisation does not."""
    if kind == "person" and parent_id is not None:
        raise Invalid("A person has no parent organisation. Leave parent_id out.")
    checked_name = line("name", name)
    return (
        Registered(
            kind=kind,
            organisation_name=checked_name if kind == "organisation" else None,
            name=checked_name if kind == "person" else None,
            parent_id=parent_id,
            owner_id=owner_id,
            attributes=lines("attribute", attributes),
            original=lines("spelling", original),
            references=references(reference),
            tags=tuple(dict.fromkeys(line("tag", tag) for tag in tags)),
            preferences=checked_preferences(preferences),
        ),
    )


def change(
    state: Customer,
    *,
    name: str | None,
    parent_id: UUID | None,
    attributes: Mapping[str, str],
    preferences: Mapping[str, str],
    add_tags: tuple[str, ...],
    remove_tags: tuple[str, ...],
    remove: tuple[str, ...],
) -> tuple[CustomerEvent, ...]:
    """Changes what is named; `remove` names `parent_id`, `attributes.<name>` or `preferences.<name>`. Nothing
    when all is so."""
    check(LIFECYCLE, state.state, CHANGE)
    if parent_id is not None and state.kind == "person":
        raise Invalid("A person has no parent organisation. Leave parent_id out.")
    if parent_id == state.id:
        raise Invalid("A customer cannot be its own parent. Name another organisation.")
    entries: dict[str, str | None] = dict(lines("attribute", attributes))
    preferred: dict[str, str | None] = dict(checked_preferences(preferences))
    for named in remove:
        if named.startswith("attributes."):
            entries[named.removeprefix("attributes.")] = None
        elif named.startswith("preferences."):
            preferred[known_preference(named.removeprefix("preferences."))] = None
        elif named != "parent_id":
            raise Invalid(
                f"No field {quoted(named)} of a customer can be removed. Name parent_id, attributes.<name> "
                "or preferences.<name>."
            )
    new_parent = None if "parent_id" in remove else parent_id or state.parent_id
    new_name = optional_line("name", name)
    if new_name == state.name:
        new_name = None
    changes = (
        *(
            changed("organisation_name", state.name, new_name)
            if new_name and state.kind == "organisation"
            else ()
        ),
        *changed("parent_id", state.parent_id, new_parent),
        *changed_entries("attributes", state.attributes, entries),
        *changed_entries("preferences", state.preferences, preferred),
        *changed_tags(state.tags, add=[line("tag", tag) for tag in add_tags], remove=remove_tags),
    )
    private_name = new_name if state.kind == "person" else None
    if not changes and private_name is None:
        return ()
    before = state.name if private_name is not None and isinstance(state.name, str) else None
    return (ProfileChanged(changes=changes, name=private_name, name_before=before),)


def assign_owner(state: Customer, *, owner_id: UUID) -> tuple[CustomerEvent, ...]:
    """Gives the customer to another owner; nothing when it is that one already."""
    check(LIFECYCLE, state.state, ASSIGN)
    if owner_id == state.owner_id:
        return ()
    return (OwnerAssigned(owner_id=owner_id, previous_owner_id=state.owner_id),)


def add_reference(state: Customer, *, reference: Reference) -> tuple[CustomerEvent, ...]:
    """Another system knows it by this external id from now on; nothing when that is so already.

    That no other record has the external id is for the claim to say, which is recorded with the event.
    """
    check(LIFECYCLE, state.state, REFER)
    (checked,) = references(reference)
    if checked in state.references:
        return ()
    if len(state.references) >= REFERENCES_LIMIT:
        raise Invalid(
            f"The customer {state.id} has {len(state.references)} external references; at most "
            f"{REFERENCES_LIMIT} are kept. Merge the other system's records there first."
        )
    return (ReferenceAdded(reference=checked),)


def merge(loser: Customer, survivor: Customer) -> tuple[tuple[CustomerEvent, ...], tuple[CustomerEvent, ...]]:
    """What happens to the one that goes, and to the survivor."""
    if loser.id == survivor.id:
        raise Invalid("A customer cannot be merged into itself. Name two customers.")
    check(LIFECYCLE, loser.state, MERGE)
    if survivor.state == "merged":
        raise Invalid(
            f"The customer {survivor.id} was itself merged into {survivor.survivor_id}: a merged customer "
            "cannot survive another. Name the one it was merged into."
        )
    check(LIFECYCLE, survivor.state, SURVIVE)
    if loser.kind != survivor.kind:
        raise Invalid(
            f"The {loser.kind} {loser.id} cannot be merged into a {survivor.kind}. Name two of a kind."
        )
    return (MergedInto(survivor_id=survivor.id),), (Absorbed(merged_id=loser.id),)


def unmerge(
    merged: Customer, survivor: Customer
) -> tuple[tuple[CustomerEvent, ...], tuple[CustomerEvent, ...]]:
    """What happens to the one that comes back, and to the one that had survived it."""
    check(LIFECYCLE, merged.state, UNMERGE)
    check(LIFECYCLE, survivor.state, RELEASE)
    if merged.survivor_id != survivor.id or merged.id not in survivor.absorbed:
        raise Invalid(f"The customer {merged.id} is not merged into {survivor.id}. Name its survivor.")
    return (Unmerged(survivor_id=survivor.id),), (Released(merged_id=merged.id),)


def erase(state: Customer, *, erasure: UUID) -> tuple[CustomerEvent, ...]:
    """Forgets a person. Nothing when that was done; an organisation is no person: raises `Invalid`."""
    if state.state == "erased":
        return ()
    if state.kind == "organisation":
        raise Invalid(
            f"The customer {state.id} is an organisation, and what is known of it is not personal. "
            "Erase its contacts one by one."
        )
    check(LIFECYCLE, state.state, ERASE)
    return (Erased(erasure=erasure),)


def require_active(state: Customer) -> None:
    """Raises `Invalid` for a customer that was merged into another, `errors.Erased` for one erased."""
    if state.state == "erased":
        raise errors.Erased.record("customer", state.id)
    if state.state == "merged":
        raise Invalid(f"The customer {state.id} was merged into {state.survivor_id}. Name that one.")


def require_organisation(state: Customer) -> None:
    """Raises `Invalid` for a person, who cannot be a parent organisation."""
    if state.kind != "organisation":
        raise Invalid(f"The customer {state.id} is a person and cannot be a parent. Name an organisation.")
