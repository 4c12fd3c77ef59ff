"""Commands that change two customers at once: merging them, and undoing a merge."""

from __future__ import annotations

from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, HandlerRepository, Handlers, change
from domain.customers.customer import decide as customer
from domain.customers.customer.commands import MergeCustomers, UnmergeCustomer
from domain.kernel.errors import Invalid


def _merge(command: MergeCustomers, repository: HandlerRepository, _: Context) -> Decision:
    loser = repository.load("customer", command.id)
    survivor = repository.load("customer", command.survivor_id)
    going, staying = customer.merge(loser, survivor)
    return change((loser, going), (survivor, staying), at=command.at)


def _unmerge(command: UnmergeCustomer, repository: HandlerRepository, _: Context) -> Decision:
    merged = repository.load("customer", command.id)
    if merged.survivor_id is None:
        raise Invalid(f"The customer {merged.id} is not merged into another. There is no merge to undo.")
    survivor = repository.load("customer", merged.survivor_id)
    back, released = customer.unmerge(merged, survivor)
    return change((merged, back), (survivor, released), at=command.at)


HANDLERS: Final[Handlers] = {MergeCustomers: _merge, UnmergeCustomer: _unmerge}
