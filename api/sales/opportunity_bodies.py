"""Opportunities: opening one, and changing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from api.http.shapes import Amount, Day, MoneyIn, ReferenceIn
from api.http.validation import Text, Word
from api.writes.command_bodies import ChangeBody, CreateBody, ValueBody
from domain.kernel.command import Command
from domain.sales.opportunity import commands
from domain.sales.opportunity.events import ForecastCategory, LineItem

Percent = Annotated[int, Field(ge=0, le=100)]


class Open(CreateBody):
    """A new opportunity. Without a stage it opens in the pipeline's first."""

    makes: ClassVar[type[Command]] = commands.OpenOpportunity

    pipeline: Word = Field(examples=["sales"])
    stage: Word | None = Field(default=None, examples=["prospecting"])
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: MoneyIn | None = None
    expected_close: Day | None = Field(default=None, examples=["2027-03-31"])
    forecast_category: ForecastCategory = "pipeline"
    reference: ReferenceIn | None = None


class MoveStage(ChangeBody):
    """Moves it to any other open stage of its pipeline, forward or back; the event lists skipped stages."""

    makes: ClassVar[type[Command]] = commands.MoveStage

    stage: Word = Field(examples=["proposal"])


class Win(ChangeBody):
    """Closes it as won; the amount stays unless one is named."""

    makes: ClassVar[type[Command]] = commands.WinOpportunity

    amount: MoneyIn | None = None


class Lose(ChangeBody):
    """Closes it as lost, for one of the pipeline's reasons; `other` needs a note."""

    makes: ClassVar[type[Command]] = commands.LoseOpportunity

    reason: Word = Field(examples=["price"])
    competitor: Word | None = None
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")
    amount: MoneyIn | None = None


class Reopen(ChangeBody):
    """Opens a closed opportunity again, in its last open stage. The history keeps every earlier close."""

    makes: ClassVar[type[Command]] = commands.ReopenOpportunity


class AssignOwner(ChangeBody):
    """Gives it to another principal."""

    makes: ClassVar[type[Command]] = commands.AssignOwner

    owner_id: UUID


class ChangeTeam(ChangeBody):
    """Replaces all members of the team."""

    makes: ClassVar[type[Command]] = commands.ChangeTeam

    member_ids: Annotated[list[UUID], Field(max_length=500)]


class Item(ValueBody):
    """A product with its quantity, its unit price, and a discount in percent."""

    product_id: UUID
    quantity: Amount = Field(examples=["2"])
    price: MoneyIn
    discount: Amount = Field(default=Decimal(0), examples=["10"])

    def domain(self) -> LineItem:
        """The domain's value."""
        return LineItem(
            product_id=self.product_id,
            quantity=self.quantity,
            price=self.price.money(),
            discount=self.discount,
        )


class ChangeProducts(ChangeBody):
    """Replaces all line items."""

    makes: ClassVar[type[Command]] = commands.ChangeProducts

    items: Annotated[list[Item], Field(max_length=500)]


class ChangeCloseDate(ChangeBody):
    """Changes the day on which a close is expected."""

    makes: ClassVar[type[Command]] = commands.ChangeCloseDate

    expected_close: Day = Field(examples=["2027-03-31"])


class OverrideProbability(ChangeBody):
    """Overrides the stage's probability until the next stage is entered."""

    makes: ClassVar[type[Command]] = commands.OverrideProbability

    probability: Percent = Field(examples=[66])
