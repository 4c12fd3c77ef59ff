"""The commands on a contact, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from domain.customers.contact.events import LegalBasis, PointKind
from domain.kernel.command import NewRecord, RecordCommand, new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterContact(NewRecord):
    """Registers a person at a customer, since `at`; `role` is what they are there."""

    summary: ClassVar[str] = "Register a contact"

    customer_id: UUID
    name: str = field(repr=False)
    role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeContact(RecordCommand):
    """Changes the named fields; `remove` may name role."""

    verb: ClassVar[str] = "change"
    summary: ClassVar[str] = "Change the profile"

    name: str | None = field(default=None, repr=False)
    role: str | None = None
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContactPoint(RecordCommand):
    """Adds an address under `point_id`, a new id unless named."""

    verb: ClassVar[str] = "addPoint"
    summary: ClassVar[str] = "Add a contact point"

    kind: PointKind
    value: str = field(repr=False)
    point_id: UUID | None = new_id()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyContactPoint(RecordCommand):
    """Records that a contact point is the person's, as `method` has shown."""

    verb: ClassVar[str] = "verifyPoint"
    summary: ClassVar[str] = "Verify a contact point"

    point_id: UUID
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContactPoint(RecordCommand):
    """Takes a contact point out of use."""

    verb: ClassVar[str] = "removePoint"
    summary: ClassVar[str] = "Remove a contact point"

    point_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent(RecordCommand):
    """Allows the use of a contact point for `purpose`, until a time if one is named."""

    verb: ClassVar[str] = "giveConsent"
    summary: ClassVar[str] = "Give consent"

    point_id: UUID
    purpose: str
    legal_basis: LegalBasis
    source: str
    double_opt_in: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawConsent(RecordCommand):
    """Withdraws a consent."""

    verb: ClassVar[str] = "withdrawConsent"
    summary: ClassVar[str] = "Withdraw consent"

    point_id: UUID
    purpose: str
    source: str
