"""The commands on an opportunity, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar
from uuid import UUID

from domain.kernel.command import NewRecord, RecordCommand
from domain.kernel.money import Money
from domain.sales.opportunity.events import ForecastCategory, LineItem


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOpportunity(NewRecord):
    """Opens an opportunity in `stage` (the first open one unless named) of `pipeline`.

    `at` is when it was opened in the business, now unless named. `imported` history may name records that are
    out of use. `original` keeps original spellings by field.
    """

    summary: ClassVar[str] = "Open an opportunity"

    pipeline: str
    stage: str | None = None
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: Money | None = None
    expected_close: date | None = None
    forecast_category: ForecastCategory = "pipeline"
    original: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStage(RecordCommand):
    """Moves it to another open stage."""

    verb: ClassVar[str] = "moveStage"
    summary: ClassVar[str] = "Move to another open stage"

    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WinOpportunity(RecordCommand):
    """Closes it as won; the amount stays unless one is named."""

    verb: ClassVar[str] = "win"
    summary: ClassVar[str] = "Close as won"

    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseOpportunity(RecordCommand):
    """Closes it as lost; the amount stays unless one is named."""

    verb: ClassVar[str] = "lose"
    summary: ClassVar[str] = "Close as lost"

    reason: str
    competitor: str | None = None
    note: str | None = field(default=None, repr=False)
    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenOpportunity(RecordCommand):
    """Opens a closed opportunity again, in its last open stage."""

    verb: ClassVar[str] = "reopen"
    summary: ClassVar[str] = "Reopen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAmount(RecordCommand):
    """Changes the amount."""

    verb: ClassVar[str] = "changeAmount"
    summary: ClassVar[str] = "Change the amount"

    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCustomer(RecordCommand):
    """Links the opportunity to its customer, or to another one."""

    verb: ClassVar[str] = "linkCustomer"
    summary: ClassVar[str] = "Name the customer"

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignOwner(RecordCommand):
    """Gives it to another owner."""

    verb: ClassVar[str] = "assignOwner"
    summary: ClassVar[str] = "Assign the owner"

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTeam(RecordCommand):
    """Names all who work on it from now on."""

    verb: ClassVar[str] = "changeTeam"
    summary: ClassVar[str] = "Change the team"

    member_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProducts(RecordCommand):
    """Names all line items from now on."""

    verb: ClassVar[str] = "changeProducts"
    summary: ClassVar[str] = "Change the line items"

    items: tuple[LineItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCloseDate(RecordCommand):
    """Changes the day on which a close is expected."""

    verb: ClassVar[str] = "changeCloseDate"
    summary: ClassVar[str] = "Change the expected close"

    expected_close: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeForecastCategory(RecordCommand):
    """Changes how it counts in the forecast."""

    verb: ClassVar[str] = "changeForecastCategory"
    summary: ClassVar[str] = "Change the forecast category"

    category: ForecastCategory


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideProbability(RecordCommand):
    """Sets another probability (percent) than the stage's."""

    verb: ClassVar[str] = "overrideProbability"
    summary: ClassVar[str] = "Override the probability"

    probability: int
