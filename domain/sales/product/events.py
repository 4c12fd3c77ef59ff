"""What happens to a product: payloads of its events, and their permanent names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from domain.events.registry import EventType
from domain.kernel.money import Money
from domain.kernel.values import Reference


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


def product_registered_1_to_2(data: dict[str, Any]) -> dict[str, Any]:
    """Turns price and currency into a list price. Version 1 had no references."""
    kept = {name: value for name, value in data.items() if name not in ("price", "currency")}
    return {
        **kept,
        "list_price": {"amount": data["price"], "currency": data["currency"]},
        "references": [],
    }


EVENTS: Final = (
    EventType("crm.product.registered", Registered, version=2, upcasters=(product_registered_1_to_2,)),
    EventType("crm.product.price_changed", PriceChanged),
    EventType("crm.product.discontinued", Discontinued),
    EventType("crm.product.reintroduced", Reintroduced),
)
