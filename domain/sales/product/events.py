"""What happens to a product: payloads of its events, and their permanent names."""

from __future__ import annotations

from dataclasses import dataclass

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
