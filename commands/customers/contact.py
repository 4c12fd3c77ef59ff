"""Commands on contacts and their handlers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import contact_of, require_customer
from commands.store.contact_index import ContactPoint
from domain.customers.contact import decide as moves
from domain.customers.contact.commands import (
    AddContactPoint,
    ChangeContact,
    GiveConsent,
    RegisterContact,
    RemoveContactPoint,
    VerifyContactPoint,
    WithdrawConsent,
)


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
