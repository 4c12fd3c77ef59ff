"""The commands on a customer, each with its public verb."""

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
    """Registers a person or an organisation. A person's `name` becomes private.

    It is a customer since `at`, now unless named. `original` keeps original spellings by field.
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
    """Changes the named fields; `remove` names `parent_id`, `attributes.<name>` or `preferences.<name>`."""

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
    """Adds another system's id of the customer. Requests find and change the customer by it from then on."""

    verb: ClassVar[str] = "addReference"
    summary: ClassVar[str] = "Add an external reference"

    reference: Reference = field(repr=False)  # may be a person's login or address in the other system


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCustomers(RecordCommand):
    """Merges the loser into the survivor. Their records stay where they are; `UnmergeCustomer` undoes it."""

    verb: ClassVar[str] = "merge"
    summary: ClassVar[str] = "Merge into another customer"

    survivor_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmergeCustomer(RecordCommand):
    """Undoes a merge."""

    verb: ClassVar[str] = "unmerge"
    summary: ClassVar[str] = "Undo a merge"
