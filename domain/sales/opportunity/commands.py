"""What can be asked of an opportunity: commands, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity.events import ForecastCategory, LineItem


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOpportunity:
    """Opens an opportunity in `stage` (the first open one unless named) of `pipeline`.

    `at` is when it was opened in the business, now unless named. `imported` history may name what is no
    longer in use. `original` keeps spellings as they came, by field.
    """

    pipeline: str
    stage: str | None = None
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: Money | None = None
    expected_close: date | None = None
    forecast_category: ForecastCategory = "pipeline"
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
class OpportunityCommand:
    """What all commands on an existing opportunity name. `at` is the business time, now unless named."""

    opportunity_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The opportunity."""
        return self.opportunity_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStage(OpportunityCommand):
    """Moves it to another open stage."""

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WinOpportunity(OpportunityCommand):
    """Closes it as won; the amount stays unless one is named."""

    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseOpportunity(OpportunityCommand):
    """Closes it as lost; the amount stays unless one is named."""

    reason: str
    competitor: str | None = None
    note: str | None = field(default=None, repr=False)
    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenOpportunity(OpportunityCommand):
    """Opens a closed one again, in its last open stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAmount(OpportunityCommand):
    """Changes the amount."""

    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCustomer(OpportunityCommand):
    """Names the customer, or another one."""

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignOwner(OpportunityCommand):
    """Gives it to another owner."""

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTeam(OpportunityCommand):
    """Names all who work on it from now on."""

    member_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProducts(OpportunityCommand):
    """Names all line items from now on."""

    items: tuple[LineItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCloseDate(OpportunityCommand):
    """Changes the day on which a close is expected."""

    expected_close: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeForecastCategory(OpportunityCommand):
    """Changes how it counts in the forecast."""

    category: ForecastCategory


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideProbability(OpportunityCommand):
    """Sets another probability (percent) than the stage's."""

    probability: int
