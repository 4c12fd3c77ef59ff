"""What can be asked of a customer: commands, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from domain.customers.customer.events import CustomerKind
from domain.kernel.command import NewRecord, RecordCommand
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCustomer(NewRecord):
    """Registers a person or an organisation. `name` becomes private where it is a person's.

    `at` is since when it is a customer, now unless named. `original` keeps spellings as they came, by field.
    """

    summary: ClassVar[str] = "Register a customer"

    kind: CustomerKind
    name: str = field(repr=False)
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    original: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCustomer(RecordCommand):
    """Changes what is named; `remove` names `parent_id`, `attributes.<name>` or `preferences.<name>`."""

    verb: ClassVar[str] = "change"
    summary: ClassVar[str] = "Change the profile"

    name: str | None = field(default=None, repr=False)
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    preferences: Mapping[str, str] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCustomerOwner(RecordCommand):
    """Gives the customer to another owner."""

    verb: ClassVar[str] = "assignOwner"
    summary: ClassVar[str] = "Assign the owner"

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReference(RecordCommand):
    """Another system knows the customer, too: by this external id it is found and changed from then on."""

    verb: ClassVar[str] = "addReference"
    summary: ClassVar[str] = "Add an external reference"

    reference: Reference = field(repr=False)  # may be somebody's login or address in the other system


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCustomers(RecordCommand):
    """Merges the loser into the survivor; no record moves, and `UnmergeCustomer` takes it back."""

    verb: ClassVar[str] = "merge"
    summary: ClassVar[str] = "Merge into another customer"

    survivor_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmergeCustomer(RecordCommand):
    """Takes a merge back."""

    verb: ClassVar[str] = "unmerge"
    summary: ClassVar[str] = "Undo a merge"
