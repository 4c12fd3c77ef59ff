"""What can be asked of a customer: commands, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.customers.customer.events import CustomerKind
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCustomer:
    """Registers a person or an organisation. `name` becomes private where it is a person's.

    `at` is since when it is a customer, now unless named. `original` keeps spellings as they came, by field.
    """

    kind: CustomerKind
    name: str = field(repr=False)
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    original: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    preferences: Mapping[str, str] = field(default_factory=dict)
    imported: bool = False
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCommand:
    """What commands on an existing customer name. `at` is the business time, now unless named."""

    customer_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The customer."""
        return self.customer_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCustomer(CustomerCommand):
    """Changes what is named; `remove` names `parent_id`, `attributes.<name>` or `preferences.<name>`."""

    name: str | None = field(default=None, repr=False)
    parent_id: UUID | None = None
    owner_id: UUID | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    preferences: Mapping[str, str] = field(default_factory=dict)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCustomerOwner(CustomerCommand):
    """Gives the customer to another owner."""

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReference(CustomerCommand):
    """Another system knows the customer, too: by this external id it is found and changed from then on."""

    reference: Reference = field(repr=False)  # may be somebody's login or address in the other system


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeCustomers:
    """Merges the loser into the survivor; no record moves, and `UnmergeCustomer` takes it back."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The one that goes."""
        return self.loser_id


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmergeCustomer(CustomerCommand):
    """Takes a merge back."""
