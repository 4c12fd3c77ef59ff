"""Product: what is sold, and its list price. Its own id is its party."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, assert_never

from domain.events.event import Event
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid, NotFound, Undecodable
from domain.kernel.money import Money, checked
from domain.kernel.text import line, optional_line
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, references

ProductState = Literal["offered", "discontinued"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """`crm.product.registered`, version 2; version 1 had `price` and `currency` in place of `list_price`."""

    name: str
    series: str | None = None
    list_price: Money
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChanged:
    """`crm.product.price_changed`"""

    old: Money
    new: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Discontinued:
    """`crm.product.discontinued`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reintroduced:
    """`crm.product.reintroduced`"""


ProductEvent = Registered | PriceChanged | Discontinued | Reintroduced


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Aggregate):
    """A product as of its last event."""

    state: ProductState
    name: str
    series: str | None
    list_price: Money
    references: tuple[Reference, ...]


def evolve(state: Product | None, event: Event) -> Product:
    """The product after `event`. Raises `NotFound` where the stream is not a product's."""
    payload: ProductEvent = event.payload
    if state is None:
        if not isinstance(payload, Registered):
            raise NotFound("product", event.originator_id)
        return Product(
            id=event.originator_id,
            version=event.originator_version,
            party=event.party,
            time=event.time,
            recorded=event.recorded,
            state="offered",
            name=payload.name,
            series=payload.series,
            list_price=payload.list_price,
            references=payload.references,
        )
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case PriceChanged():
            return replace(state, list_price=payload.new)
        case Discontinued():
            return replace(state, state="discontinued")
        case Reintroduced():
            return replace(state, state="offered")
        case Registered():
            raise Undecodable(f"The product {state.id} was registered twice. Verify the store.")
        case _:
            assert_never(payload)


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
    """Changes the list price; nothing when it is that already."""
    check(LIFECYCLE, state.state, PRICE)
    new = checked("list price", price)
    return () if new == state.list_price else (PriceChanged(old=state.list_price, new=new),)


def discontinue(state: Product) -> tuple[ProductEvent, ...]:
    """From now on it is not sold."""
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
