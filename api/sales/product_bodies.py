"""Products and their list prices."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api.http.shapes import MoneyIn, ReferenceIn, reference
from api.http.validation import Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.sales.product import commands


class Register(CreateBody):
    """A new product."""

    name: Word = Field(examples=["GTX Pro"])
    series: Word | None = Field(default=None, examples=["GTX"])
    list_price: MoneyIn
    reference: ReferenceIn | None = None

    def command(self) -> commands.RegisterProduct:
        return commands.RegisterProduct(
            name=self.name,
            series=self.series,
            list_price=self.list_price.money(),
            reference=reference(self.reference),
            at=self.at,
        )


class ChangePrice(ChangeBody):
    """Another list price."""

    price: MoneyIn

    def command(self, id: UUID) -> commands.ChangePrice:
        return commands.ChangePrice(id=id, price=self.price.money(), at=self.at)


class Discontinue(ChangeBody):
    """From now on it is not sold."""

    def command(self, id: UUID) -> commands.DiscontinueProduct:
        return commands.DiscontinueProduct(id=id, at=self.at)


class Reintroduce(ChangeBody):
    """Sells it again."""

    def command(self, id: UUID) -> commands.ReintroduceProduct:
        return commands.ReintroduceProduct(id=id, at=self.at)
