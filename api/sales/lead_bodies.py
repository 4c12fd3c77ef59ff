"""Leads: creating one, moving it along, and converting it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.http.shapes import Day, MoneyIn, ReferenceIn, money, reference
from api.http.validation import Text, Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.sales.lead import commands
from domain.sales.lead.events import OpenLeadState


class CreateLead(CreateBody):
    """A new lead, of whom at least a name, a company, an email or a phone is known. Name, email and phone are
    stored encrypted."""

    name: Word | None = Field(default=None, examples=["Ann Example"])
    company: Word | None = Field(default=None, examples=["Acme Corporation"])
    email: Word | None = Field(default=None, examples=["ann@example.org"])
    phone: Word | None = None
    owner_id: UUID | None = None
    campaign: Word | None = None
    reference: ReferenceIn | None = None

    def command(self) -> commands.CreateLead:
        return commands.CreateLead(
            name=self.name,
            company=self.company,
            email=self.email,
            phone=self.phone,
            owner_id=self.owner_id,
            campaign=self.campaign,
            reference=reference(self.reference),
            at=self.at,
        )


class MoveLead(ChangeBody):
    """To another open state, as the lifecycle allows."""

    to_state: OpenLeadState = Field(examples=["working"])

    def command(self, id: UUID) -> commands.MoveLead:
        return commands.MoveLead(id=id, to_state=self.to_state, at=self.at)


class DisqualifyLead(ChangeBody):
    """It will not become a customer, for one of the configured reasons (`GET /v1/reasons`); `other` needs a
    note."""

    reason: Word = Field(examples=["no-budget"])
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")

    def command(self, id: UUID) -> commands.DisqualifyLead:
        return commands.DisqualifyLead(id=id, reason=self.reason, note=self.note, at=self.at)


class ReopenLead(ChangeBody):
    """Takes a disqualification back."""

    def command(self, id: UUID) -> commands.ReopenLead:
        return commands.ReopenLead(id=id, at=self.at)


class ScoreLead(ChangeBody):
    """A score of 0 to 100 by a model, with its reasons, the strongest first."""

    score: int = Field(ge=0, le=100, examples=[72])
    model: Word = Field(examples=["fit-2"])
    reasons: Annotated[tuple[Word, ...], Field(max_length=100)] = ()

    def command(self, id: UUID) -> commands.ScoreLead:
        return commands.ScoreLead(id=id, score=self.score, model=self.model, reasons=self.reasons, at=self.at)


class AssignLeadOwner(ChangeBody):
    """Gives it to another principal."""

    owner_id: UUID

    def command(self, id: UUID) -> commands.AssignLeadOwner:
        return commands.AssignLeadOwner(id=id, owner_id=self.owner_id, at=self.at)


class LinkLead(ChangeBody):
    """Names the customer whose lead it is, without a conversion."""

    customer_id: UUID

    def command(self, id: UUID) -> commands.LinkLead:
        return commands.LinkLead(id=id, customer_id=self.customer_id, at=self.at)


class ConvertLead(ChangeBody):
    """Makes a qualified lead a customer's opportunity, all at once; again it gives the same ids.

    The customer is the one that is named, else the one that the lead is linked to, else one is made: an
    organisation where the lead has a company, else a person. The contact is the one that is named, else one
    is made where the lead has a name. The owner is the one that is named, else the lead's.
    """

    pipeline: Word = Field(examples=["sales"])
    stage: Word | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: MoneyIn | None = None
    expected_close: Day | None = Field(default=None, examples=["2027-03-31"])

    def command(self, id: UUID) -> commands.ConvertLead:
        return commands.ConvertLead(
            id=id,
            pipeline=self.pipeline,
            stage=self.stage,
            customer_id=self.customer_id,
            contact_id=self.contact_id,
            owner_id=self.owner_id,
            product_id=self.product_id,
            amount=money(self.amount),
            expected_close=self.expected_close,
            at=self.at,
        )
