"""What can be asked of a product: commands, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel.money import Money
from domain.kernel.values import Reference


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
