"""What can be asked of a contact: commands, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.customers.contact.events import LegalBasis, PointKind
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterContact:
    """Registers a person at a customer; `role` is what they are there. `at`: since when."""

    customer_id: UUID
    name: str = field(repr=False)
    role: str | None = None
    imported: bool = False
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCommand:
    """What commands on an existing contact name. `at` is the business time, now unless named."""

    contact_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The contact."""
        return self.contact_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContact(ContactCommand):
    """Changes what is named; `remove` may name role."""

    name: str | None = field(default=None, repr=False)
    role: str | None = None
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContactPoint(ContactCommand):
    """Adds an address under `point_id`, a new id unless named."""

    kind: PointKind
    value: str = field(repr=False)
    point_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyContactPoint(ContactCommand):
    """Notes that a contact point is the person's, as `method` has shown."""

    point_id: UUID
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContactPoint(ContactCommand):
    """Takes a contact point out of use."""

    point_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent(ContactCommand):
    """Allows to use a contact point for `purpose`, until a time if one is named."""

    point_id: UUID
    purpose: str
    legal_basis: LegalBasis
    source: str
    double_opt_in: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawConsent(ContactCommand):
    """Takes a consent back."""

    point_id: UUID
    purpose: str
    source: str
