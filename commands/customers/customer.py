"""Commands on customers and their handlers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, claim, new_record
from commands.dispatch.references import customer_of, require_parent, require_principal, require_time_zone
from domain.customers.customer import decide as customer
from domain.customers.customer import events as customer_events
from domain.customers.customer.commands import (
    AddReference,
    AssignCustomerOwner,
    ChangeCustomer,
    MergeCustomers,
    RegisterCustomer,
    UnmergeCustomer,
)
from domain.kernel.errors import Invalid


def _register(command: RegisterCustomer, world: Repository, context: Context) -> Decision:
    id = command.id or context.new_id()
    require_principal(world, command.owner_id, imported=command.imported)
    require_parent(world, command.parent_id, of=id)
    require_time_zone(command.preferences.get("time_zone"))
    payloads = customer.register(
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
    return new_record(id, payloads, party=id, at=command.at, reference=command.reference)


def _change(command: ChangeCustomer, world: Repository, _: Context) -> Decision:
    state = customer_of(world, command.customer_id)
    changed = customer.change(
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
        require_parent(world, command.parent_id, of=state.id)
    assigned: tuple[customer_events.CustomerEvent, ...] = ()
    if command.owner_id is not None and command.owner_id != state.owner_id:
        require_principal(world, command.owner_id)
        assigned = customer.assign_owner(state, owner_id=command.owner_id)
    return change((state, (*changed, *assigned)), at=command.at)


def _assign_owner(command: AssignCustomerOwner, world: Repository, _: Context) -> Decision:
    state = customer_of(world, command.customer_id)
    require_principal(world, command.owner_id)
    return change((state, customer.assign_owner(state, owner_id=command.owner_id)), at=command.at)


def _add_reference(command: AddReference, world: Repository, _: Context) -> Decision:
    state = customer_of(world, command.customer_id)
    payloads = customer.add_reference(state, reference=command.reference)
    decision = change((state, payloads), at=command.at)
    return replace(decision, claims=(claim(command.reference, state.id),)) if payloads else decision


def _merge(command: MergeCustomers, world: Repository, _: Context) -> Decision:
    loser = customer_of(world, command.loser_id)
    survivor = customer_of(world, command.survivor_id)
    going, staying = customer.merge(loser, survivor)
    return change((loser, going), (survivor, staying), at=command.at)


def _unmerge(command: UnmergeCustomer, world: Repository, _: Context) -> Decision:
    merged = customer_of(world, command.customer_id)
    if merged.survivor_id is None:
        raise Invalid(f"The customer {merged.id} is not merged into another. There is nothing to take back.")
    survivor = customer_of(world, merged.survivor_id)
    back, released = customer.unmerge(merged, survivor)
    return change((merged, back), (survivor, released), at=command.at)


HANDLERS: Final[Handlers] = {
    RegisterCustomer: _register,
    ChangeCustomer: _change,
    AssignCustomerOwner: _assign_owner,
    AddReference: _add_reference,
    MergeCustomers: _merge,
    UnmergeCustomer: _unmerge,
}
