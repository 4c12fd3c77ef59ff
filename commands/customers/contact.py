"""Commands on contacts and their handlers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import contact_of, require_customer
from commands.store.contact_index import ContactPoint
from domain.customers.contact import decide as moves
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


def _register(command: RegisterContact, world: Repository, context: Context) -> Decision:
    require_customer(world, command.customer_id, imported=command.imported)
    payloads = moves.register(
        customer_id=command.customer_id, name=command.name, role=command.role, reference=command.reference
    )
    return new_record(
        command.id or context.new_id(),
        payloads,
        party=command.customer_id,
        at=command.at,
        reference=command.reference,
    )


def _change(command: ChangeContact, world: Repository, _: Context) -> Decision:
    state = contact_of(world, command.contact_id)
    changed = moves.change(state, name=command.name, role=command.role, remove=command.remove)
    return change((state, changed), at=command.at)


def _add_point(command: AddContactPoint, world: Repository, context: Context) -> Decision:
    state = contact_of(world, command.contact_id)
    point_id = command.point_id or context.new_id()
    added = moves.add_point(state, point_id=point_id, kind=command.kind, value=command.value)
    decision = change((state, added), at=command.at)
    if not added:
        return decision
    index = ContactPoint(world.identifiers.contact_point(command.kind, command.value), state.id)
    return replace(decision, contact_points=(index,))


def _verify_point(command: VerifyContactPoint, world: Repository, _: Context) -> Decision:
    state = contact_of(world, command.contact_id)
    verified = moves.verify_point(state, point_id=command.point_id, method=command.method)
    return change((state, verified), at=command.at)


def _remove_point(command: RemoveContactPoint, world: Repository, _: Context) -> Decision:
    state = contact_of(world, command.contact_id)
    return change((state, moves.remove_point(state, point_id=command.point_id)), at=command.at)


def _give_consent(command: GiveConsent, world: Repository, context: Context) -> Decision:
    state = contact_of(world, command.contact_id)
    given = moves.give_consent(
        state,
        point_id=command.point_id,
        purpose=command.purpose,
        legal_basis=command.legal_basis,
        source=command.source,
        double_opt_in=command.double_opt_in,
        until=command.until,
        given=command.at or context.now,
    )
    return change((state, given), at=command.at)


def _withdraw_consent(command: WithdrawConsent, world: Repository, _: Context) -> Decision:
    state = contact_of(world, command.contact_id)
    withdrawn = moves.withdraw_consent(
        state, point_id=command.point_id, purpose=command.purpose, source=command.source
    )
    return change((state, withdrawn), at=command.at)


HANDLERS: Final[Handlers] = {
    RegisterContact: _register,
    ChangeContact: _change,
    AddContactPoint: _add_point,
    VerifyContactPoint: _verify_point,
    RemoveContactPoint: _remove_point,
    GiveConsent: _give_consent,
    WithdrawConsent: _withdraw_consent,
}
