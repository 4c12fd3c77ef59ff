"""Product: what is sold, and its list price. Its own id is its party."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from domain.events.event import Event
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.product.events import Discontinued, PriceChanged, ProductEvent, Registered, Reintroduced

ProductState = Literal["offered", "discontinued"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Aggregate):
    """A product as of its last event."""

    state: ProductState
    name: str
    series: str | None
    list_price: Money
    references: tuple[Reference, ...]


def evolve(state: Product | None, event: Event) -> Product:
    """Returns the product after `event`. Raises `NotFound` if the stream is not a product's."""
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
