"""What may happen to a product: its transitions, and one decision per command."""

from __future__ import annotations

from typing import Any, Final

from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.money import Money, checked
from domain.kernel.repository import Repository
from domain.kernel.text import line, optional_line
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, references
from domain.sales.product.commands import ChangePrice, DiscontinueProduct, RegisterProduct, ReintroduceProduct
from domain.sales.product.events import Discontinued, PriceChanged, ProductEvent, Registered, Reintroduced
from domain.sales.product.state import Product

PRICE: Final = "change its price"

DISCONTINUE: Final = "be discontinued"

REINTRODUCE: Final = "be reintroduced"

LIFECYCLE: Final = Lifecycle(
    record_type="product",
    transitions={
        "offered": {PRICE: "offered", DISCONTINUE: "discontinued"},
        "discontinued": {REINTRODUCE: "offered"},
    },
)


def register(
    *, name: str, series: str | None, list_price: Money, reference: Reference | None
) -> tuple[ProductEvent, ...]:
    """Registers a product."""
    return (
        Registered(
            name=line("name", name),
            series=optional_line("series", series),
            list_price=checked("list price", list_price),
            references=references(reference),
        ),
    )


def change_price(state: Product, *, price: Money) -> tuple[ProductEvent, ...]:
    """Changes the list price."""
    check(LIFECYCLE, state.state, PRICE)
    new = checked("list price", price)
    return () if new == state.list_price else (PriceChanged(old=state.list_price, new=new),)


def discontinue(state: Product) -> tuple[ProductEvent, ...]:
    """Ends the sale of the product."""
    check(LIFECYCLE, state.state, DISCONTINUE)
    return (Discontinued(),)


def reintroduce(state: Product) -> tuple[ProductEvent, ...]:
    """Sells it again."""
    check(LIFECYCLE, state.state, REINTRODUCE)
    return (Reintroduced(),)


def require_offered(state: Product) -> None:
    """Raises `Invalid` for a product that is not sold any more."""
    if state.state != "offered":
        raise Invalid(f"The product {state.id} is discontinued. Name another one, or reintroduce it.")


def decide(command: Any, state: Any, repository: Repository) -> tuple[ProductEvent, ...]:  # noqa: ARG001
    """Returns the events that follow from a command on a product."""
    match command:
        case RegisterProduct():
            return register(
                name=command.name,
                series=command.series,
                list_price=command.list_price,
                reference=command.reference,
            )
        case ChangePrice():
            return change_price(state, price=command.price)
        case DiscontinueProduct():
            return discontinue(state)
        case ReintroduceProduct():
            return reintroduce(state)
        case _:
            raise undecided(command)
