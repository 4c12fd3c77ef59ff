"""Products and their list prices."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from api.http.shapes import MoneyIn, ReferenceIn
from api.http.validation import Word
from api.writes.command_bodies import ChangeBody, CreateBody
from domain.kernel.command import Command
from domain.sales.product import commands


class Register(CreateBody):
    """A new product."""

    makes: ClassVar[type[Command]] = commands.RegisterProduct

    name: Word = Field(examples=["GTX Pro"])
    series: Word | None = Field(default=None, examples=["GTX"])
    list_price: MoneyIn
    reference: ReferenceIn | None = None


class Discontinue(ChangeBody):
    """Ends the sale of the product."""

    makes: ClassVar[type[Command]] = commands.DiscontinueProduct


class Reintroduce(ChangeBody):
    """Sells it again."""

    makes: ClassVar[type[Command]] = commands.ReintroduceProduct
