"""The commands on a product, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel.command import NewRecord, RecordCommand
from domain.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterProduct(NewRecord):
    """Registers a product with its list price."""

    summary: ClassVar[str] = "Register a product"

    name: str
    list_price: Money
    series: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePrice(RecordCommand):
    """Changes the list price."""

    verb: ClassVar[str] = "changePrice"
    summary: ClassVar[str] = "Change the list price"

    price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscontinueProduct(RecordCommand):
    """Ends the sale of the product."""

    verb: ClassVar[str] = "discontinue"
    summary: ClassVar[str] = "Discontinue"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReintroduceProduct(RecordCommand):
    """Sells it again."""

    verb: ClassVar[str] = "reintroduce"
    summary: ClassVar[str] = "Reintroduce"
