"""The commands on a lead, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar
from uuid import UUID

from domain.kernel.command import NewRecord, RecordCommand
from domain.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLead(NewRecord):
    """Creates a lead. `original` keeps original spellings by field."""

    summary: ClassVar[str] = "Create a lead"

    name: str | None = field(default=None, repr=False)
    company: str | None = None
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    owner_id: UUID | None = None
    campaign: str | None = None
    original: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLead(RecordCommand):
    """Moves it to working, nurturing or qualified."""

    verb: ClassVar[str] = "move"
    summary: ClassVar[str] = "Move to another open state"

    to_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisqualifyLead(RecordCommand):
    """Closes it without a conversion; the reason "other" needs a note."""

    verb: ClassVar[str] = "disqualify"
    summary: ClassVar[str] = "Disqualify"

    reason: str
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenLead(RecordCommand):
    """Takes up a disqualified lead again."""

    verb: ClassVar[str] = "reopen"
    summary: ClassVar[str] = "Reopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLead(RecordCommand):
    """Records a score of 0 to 100, its model and its reasons."""

    verb: ClassVar[str] = "score"
    summary: ClassVar[str] = "Score"

    score: int
    model: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignLeadOwner(RecordCommand):
    """Gives it to another owner."""

    verb: ClassVar[str] = "assignOwner"
    summary: ClassVar[str] = "Assign the owner"

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLead(RecordCommand):
    """Links the lead to its customer."""

    verb: ClassVar[str] = "linkCustomer"
    summary: ClassVar[str] = "Name the customer"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertLead(RecordCommand):
    """Converts a qualified lead to a customer's opportunity in `pipeline`, in one step.

    The customer is `customer_id`, else the lead's customer, else a new one: an organisation if the lead has a
    company, else a person. The contact is `contact_id`, else a new one if the lead has a name. The owner is
    `owner_id`, else the lead's. Converting again changes nothing.
    """

    verb: ClassVar[str] = "convert"
    summary: ClassVar[str] = "Convert"

    pipeline: str
    stage: str | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: Money | None = None
    expected_close: date | None = None
