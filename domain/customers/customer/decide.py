"""What may happen to a customer: its transitions, and one decision per command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.customers.customer.commands import (
    AddReference,
    AssignCustomerOwner,
    ChangeCustomer,
    RegisterCustomer,
)
from domain.customers.customer.events import (
    Absorbed,
    CustomerEvent,
    CustomerKind,
    Erased,
    MergedInto,
    OwnerAssigned,
    ProfileChanged,
    ReferenceAdded,
    Registered,
    Released,
    Unmerged,
)
from domain.customers.customer.preferences import known as known_preference
from domain.customers.customer.preferences import preferences as checked_preferences
from domain.customers.customer.state import Customer
from domain.kernel import errors
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.hierarchy import refuse_cycle
from domain.kernel.repository import Repository
from domain.kernel.text import line, lines, optional_line, quoted
from domain.kernel.time import require_time_zone
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import (
    Reference,
    changed,
    changed_entries,
    changed_tags,
    references,
)

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
        # A survivor may have been merged into another one later: its own merges can still be undone.
        "merged": {UNMERGE: "active", RELEASE: "merged", ERASE: "erased"},
        "erased": {},
    },
)  # fmt: skip

REFERENCES_LIMIT: Final = 100
"""Most external references of a customer: every read of the customer reads them too."""


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
    """Registers a customer. The name of a person becomes private, that of an organisation does not."""
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
    """Changes the named fields; `remove` names `parent_id`, `attributes.<name>` or `preferences.<name>`."""
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
    """Gives the customer to another owner."""
    check(LIFECYCLE, state.state, ASSIGN)
    if owner_id == state.owner_id:
        return ()
    return (OwnerAssigned(owner_id=owner_id, previous_owner_id=state.owner_id),)


def add_reference(state: Customer, *, reference: Reference) -> tuple[CustomerEvent, ...]:
    """Adds another system's id of the customer.

    The claim that is recorded with the event ensures that no other record has the external id.
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
    """Returns the events of the customer that goes, and of the survivor."""
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
    """Returns the events of the customer that comes back, and of its survivor."""
    check(LIFECYCLE, merged.state, UNMERGE)
    check(LIFECYCLE, survivor.state, RELEASE)
    if merged.survivor_id != survivor.id or merged.id not in survivor.absorbed:
        raise Invalid(f"The customer {merged.id} is not merged into {survivor.id}. Name its survivor.")
    return (Unmerged(survivor_id=survivor.id),), (Released(merged_id=merged.id),)


def erase(state: Customer, *, erasure: UUID) -> tuple[CustomerEvent, ...]:
    """Forgets a person, once. Raises `Invalid` for an organisation."""
    if state.state == "erased":
        return ()
    if state.kind == "organisation":
        raise Invalid(
            f"The customer {state.id} is an organisation, and its data is not personal. "
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


def decide(command: Any, state: Any, repository: Repository) -> tuple[CustomerEvent, ...]:
    """Returns the events that follow from a command. A merge, which changes two customers, has a handler."""
    match command:
        case RegisterCustomer():
            _require_parent(repository, command.parent_id, of=command.id)
            require_time_zone(command.preferences.get("time_zone"))
            return register(
                kind=command.kind,
                name=command.name,
                parent_id=command.parent_id,
                owner_id=command.owner_id,
                attributes=command.attributes,
                original=command.original,
                tags=command.tags,
                preferences=command.preferences,
                reference=command.reference,
            )
        case ChangeCustomer():
            return _change(command, state, repository)
        case AssignCustomerOwner():
            return assign_owner(state, owner_id=command.owner_id)
        case AddReference():
            return add_reference(state, reference=command.reference)
        case _:
            raise undecided(command)


def _change(command: ChangeCustomer, state: Customer, repository: Repository) -> tuple[CustomerEvent, ...]:
    changes = change(
        state,
        name=command.name,
        parent_id=command.parent_id,
        attributes=command.attributes,
        preferences=command.preferences,
        add_tags=command.add_tags,
        remove_tags=command.remove_tags,
        remove=command.remove,
    )
    zone = command.preferences.get("time_zone")
    if zone != state.preferences.get("time_zone"):
        require_time_zone(zone)
    if command.parent_id != state.parent_id:
        _require_parent(repository, command.parent_id, of=state.id)
    if command.owner_id is None or command.owner_id == state.owner_id:
        return changes
    return (*changes, *assign_owner(state, owner_id=command.owner_id))


def _require_parent(repository: Repository, id: UUID | None, *, of: UUID | None) -> None:
    """Refuses a parent organisation that does not exist, is a person, was merged, or stands below `of`."""
    if id is None:
        return
    parent = repository.load("customer", id)
    require_active(parent)
    require_organisation(parent)
    refuse_cycle("organisation", of, id, lambda id: repository.load("customer", id).parent_id)
