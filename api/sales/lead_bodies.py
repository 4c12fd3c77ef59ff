"""Leads: creating, changing the state, converting."""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from api.http.shapes import Day, MoneyIn, ReferenceIn
from api.http.validation import Text, Word
from api.writes.command_bodies import ChangeBody, CreateBody
from domain.kernel.command import Command
from domain.sales.lead import commands
from domain.sales.lead.events import OpenLeadState


class CreateLead(CreateBody):
    """A new lead with at least a name, a company, an email or a phone. Name, email and phone are stored
    encrypted."""

    makes: ClassVar[type[Command]] = commands.CreateLead

    name: Word | None = Field(default=None, examples=["Ann Example"])
    company: Word | None = Field(default=None, examples=["Acme Corporation"])
    email: Word | None = Field(default=None, examples=["ann@example.org"])
    phone: Word | None = None
    owner_id: UUID | None = None
    campaign: Word | None = None
    reference: ReferenceIn | None = None


class MoveLead(ChangeBody):
    """Moves it to another open state, as the lifecycle allows."""

    makes: ClassVar[type[Command]] = commands.MoveLead

    to_state: OpenLeadState = Field(examples=["working"])


class DisqualifyLead(ChangeBody):
    """Closes it without a conversion, for one of the configured reasons (`GET /v1/reasons`); `other` needs a
    note."""

    makes: ClassVar[type[Command]] = commands.DisqualifyLead

    reason: Word = Field(examples=["no-budget"])
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")


class ScoreLead(ChangeBody):
    """Records a score of 0 to 100 by a model, with its reasons, the strongest first."""

    makes: ClassVar[type[Command]] = commands.ScoreLead

    score: int = Field(ge=0, le=100, examples=[72])
    model: Word = Field(examples=["fit-2"])
    reasons: Annotated[tuple[Word, ...], Field(max_length=100)] = ()


class ConvertLead(ChangeBody):
    """Converts a qualified lead to a customer's opportunity in one step; sent again it returns the same ids.

    The customer is `customer_id`, else the lead's customer, else a new one: an organisation if the lead has a
    company, else a person. The contact is `contact_id`, else a new one if the lead has a name. The owner is
    `owner_id`, else the lead's.
    """

    makes: ClassVar[type[Command]] = commands.ConvertLead

    pipeline: Word = Field(examples=["sales"])
    stage: Word | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: MoneyIn | None = None
    expected_close: Day | None = Field(default=None, examples=["2027-03-31"])
