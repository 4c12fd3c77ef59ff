"""Commands on products and their handlers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import product_of
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.product import decide as product


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterProduct:
    """Registers a product with its list price."""

    name: str
    list_price: Money
    series: str | None = None
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCommand:
    """What commands on an existing product name. `at` is the business time, now unless named."""

    product_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The product."""
        return self.product_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePrice(ProductCommand):
    """Changes the list price."""

    price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscontinueProduct(ProductCommand):
    """From now on it is not sold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReintroduceProduct(ProductCommand):
    """Sells it again."""


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
