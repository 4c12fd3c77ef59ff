"""What can be asked of a lead: commands, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from domain.kernel.money import Money
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLead:
    """Creates a lead, of whom something is known. `original` keeps spellings as they came, by field."""

    name: str | None = field(default=None, repr=False)
    company: str | None = None
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    owner_id: UUID | None = None
    campaign: str | None = None
    imported: bool = False
    original: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadCommand:
    """What commands on an existing lead name. `at` is the business time, now unless named."""

    lead_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The lead."""
        return self.lead_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLead(LeadCommand):
    """Moves it to working, nurturing or qualified."""

    to_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisqualifyLead(LeadCommand):
    """Closes it without a conversion; the reason "other" needs a note."""

    reason: str
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenLead(LeadCommand):
    """Takes up a disqualified one again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLead(LeadCommand):
    """Keeps a score of 0 to 100, by which model and for which reasons."""

    score: int
    model: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignLeadOwner(LeadCommand):
    """Gives it to another owner."""

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLead(LeadCommand):
    """Says whose lead it is."""

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertLead(LeadCommand):
    """Makes a qualified lead a customer's opportunity, in `pipeline`, all at once.

    The customer is `customer_id`, else the one that the lead is linked to, else one is made: an organisation
    where the lead has a company, else a person. The contact is `contact_id`, else one is made where the lead
    has a name. The owner is `owner_id`, else the lead's. Converting again changes nothing.
    """

    pipeline: str
    stage: str | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: Money | None = None
    expected_close: date | None = None
