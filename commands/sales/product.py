"""Commands on products and their handlers."""

from __future__ import annotations

from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import product_of
from domain.sales.product import decide as product
from domain.sales.product.commands import ChangePrice, DiscontinueProduct, RegisterProduct, ReintroduceProduct


def _register(command: RegisterProduct, _: Repository, context: Context) -> Decision:
    id = command.id or context.new_id()
    payloads = product.register(
        name=command.name, series=command.series, list_price=command.list_price, reference=command.reference
    )
    return new_record(id, payloads, party=id, at=command.at, reference=command.reference)


def _change_price(command: ChangePrice, world: Repository, _: Context) -> Decision:
    state = product_of(world, command.product_id)
    return change((state, product.change_price(state, price=command.price)), at=command.at)


def _discontinue(command: DiscontinueProduct, world: Repository, _: Context) -> Decision:
    state = product_of(world, command.product_id)
    return change((state, product.discontinue(state)), at=command.at)


def _reintroduce(command: ReintroduceProduct, world: Repository, _: Context) -> Decision:
    state = product_of(world, command.product_id)
    return change((state, product.reintroduce(state)), at=command.at)


HANDLERS: Final[Handlers] = {
    RegisterProduct: _register,
    ChangePrice: _change_price,
    DiscontinueProduct: _discontinue,
    ReintroduceProduct: _reintroduce,
}
