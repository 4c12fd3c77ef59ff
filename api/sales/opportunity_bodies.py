"""Opportunities: opening one, and its moves."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.http.shapes import Amount, Day, MoneyIn, ReferenceIn, money, reference
from api.http.validation import Body, Text, Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.sales.opportunity import commands
from domain.sales.opportunity.events import ForecastCategory, LineItem

Percent = Annotated[int, Field(ge=0, le=100)]


class Open(CreateBody):
    """A new opportunity. Without a stage it opens in the pipeline's first."""

    pipeline: Word = Field(examples=["sales"])
    stage: Word | None = Field(default=None, examples=["prospecting"])
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: MoneyIn | None = None
    expected_close: Day | None = Field(default=None, examples=["2027-03-31"])
    forecast_category: ForecastCategory = "pipeline"
    reference: ReferenceIn | None = None

    def command(self) -> commands.OpenOpportunity:
        return commands.OpenOpportunity(
            pipeline=self.pipeline,
            stage=self.stage,
            customer_id=self.customer_id,
            owner_id=self.owner_id,
            product_id=self.product_id,
            amount=money(self.amount),
            expected_close=self.expected_close,
            forecast_category=self.forecast_category,
            reference=reference(self.reference),
            at=self.at,
        )


class MoveStage(ChangeBody):
    """To any other open stage of its pipeline, forward or back; what is skipped is recorded."""

    stage: Word = Field(examples=["proposal"])

    def command(self, id: UUID) -> commands.MoveStage:
        return commands.MoveStage(id=id, stage=self.stage, at=self.at)


class Win(ChangeBody):
    """Closes it as won; the amount stays unless one is named."""

    amount: MoneyIn | None = None

    def command(self, id: UUID) -> commands.WinOpportunity:
        return commands.WinOpportunity(id=id, amount=money(self.amount), at=self.at)


class Lose(ChangeBody):
    """Closes it as lost, for one of the pipeline's reasons; `other` needs a note."""

    reason: Word = Field(examples=["price"])
    competitor: Word | None = None
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")
    amount: MoneyIn | None = None

    def command(self, id: UUID) -> commands.LoseOpportunity:
        return commands.LoseOpportunity(
            id=id,
            reason=self.reason,
            competitor=self.competitor,
            note=self.note,
            amount=money(self.amount),
            at=self.at,
        )


class Reopen(ChangeBody):
    """Back to the last open stage; every earlier close stays in the history."""

    def command(self, id: UUID) -> commands.ReopenOpportunity:
        return commands.ReopenOpportunity(id=id, at=self.at)


class ChangeAmount(ChangeBody):
    """Another amount."""

    amount: MoneyIn

    def command(self, id: UUID) -> commands.ChangeAmount:
        return commands.ChangeAmount(id=id, amount=self.amount.money(), at=self.at)


class LinkCustomer(ChangeBody):
    """Names the customer, later than at the opening or another one."""

    customer_id: UUID

    def command(self, id: UUID) -> commands.LinkCustomer:
        return commands.LinkCustomer(id=id, customer_id=self.customer_id, at=self.at)


class AssignOwner(ChangeBody):
    """Gives it to another principal."""

    owner_id: UUID

    def command(self, id: UUID) -> commands.AssignOwner:
        return commands.AssignOwner(id=id, owner_id=self.owner_id, at=self.at)


class ChangeTeam(ChangeBody):
    """All members of the team from now on."""

    member_ids: Annotated[list[UUID], Field(max_length=500)]

    def command(self, id: UUID) -> commands.ChangeTeam:
        return commands.ChangeTeam(id=id, member_ids=tuple(self.member_ids), at=self.at)


class Item(Body):
    """A product with its quantity, its price each, and a discount in percent."""

    product_id: UUID
    quantity: Amount = Field(examples=["2"])
    price: MoneyIn
    discount: Amount = Field(default=Decimal(0), examples=["10"])


class ChangeProducts(ChangeBody):
    """All line items from now on."""

    items: Annotated[list[Item], Field(max_length=500)]

    def command(self, id: UUID) -> commands.ChangeProducts:
        items = tuple(
            LineItem(
                product_id=item.product_id,
                quantity=item.quantity,
                price=item.price.money(),
                discount=item.discount,
            )
            for item in self.items
        )
        return commands.ChangeProducts(id=id, items=items, at=self.at)


class ChangeCloseDate(ChangeBody):
    """Another day on which the close is expected."""

    expected_close: Day = Field(examples=["2027-03-31"])

    def command(self, id: UUID) -> commands.ChangeCloseDate:
        return commands.ChangeCloseDate(id=id, expected_close=self.expected_close, at=self.at)


class ChangeForecastCategory(ChangeBody):
    """Another forecast category."""

    category: ForecastCategory

    def command(self, id: UUID) -> commands.ChangeForecastCategory:
        return commands.ChangeForecastCategory(id=id, category=self.category, at=self.at)


class OverrideProbability(ChangeBody):
    """Another probability than the stage's, until the next stage is entered."""

    probability: Percent = Field(examples=[66])

    def command(self, id: UUID) -> commands.OverrideProbability:
        return commands.OverrideProbability(id=id, probability=self.probability, at=self.at)
