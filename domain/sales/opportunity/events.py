"""What happens to an opportunity: payloads of its events, and their permanent names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, free_text
from domain.events.registry import EventType
from domain.kernel.money import Money
from domain.kernel.references import refers_to
from domain.kernel.values import Reference

ForecastCategory = Literal["pipeline", "best_case", "commit", "omitted"]

ClosedAs = Literal["won", "lost"]

Direction = Literal["forward", "back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """A product on an opportunity: `discount` is percent of `price` times `quantity`."""

    product_id: UUID = refers_to("product", required=True)
    quantity: Decimal
    price: Money
    discount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`crm.opportunity.opened`; `skipped` are the open stages before the one it opened in."""

    pipeline: str
    stage: str
    probability: int
    customer_id: UUID | None = refers_to("customer")
    owner_id: UUID | None = refers_to("principal")
    product_id: UUID | None = refers_to("product")
    amount: Money | None = None
    expected_close: date | None = None
    forecast_category: ForecastCategory
    imported: bool
    skipped: tuple[str, ...]
    original: Mapping[str, str]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged:
    """`crm.opportunity.stage_changed`, from one open stage to another."""

    from_stage: str
    to_stage: str
    probability: int
    direction: Direction
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountChanged:
    """`crm.opportunity.amount_changed`"""

    old: Money | None = None
    new: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinked:
    """`crm.opportunity.customer_linked`; the party stays."""

    customer_id: UUID = refers_to("customer", required=True)
    previous_customer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAssigned:
    """`crm.opportunity.owner_assigned`"""

    owner_id: UUID = refers_to("principal", required=True)
    previous_owner_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamChanged:
    """`crm.opportunity.team_changed`: all members from now on."""

    member_ids: tuple[UUID, ...] = refers_to("principal", required=True, state="team")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductsChanged:
    """`crm.opportunity.products_changed`: all line items from now on."""

    items: tuple[LineItem, ...] = refers_to("product", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDateChanged:
    """`crm.opportunity.close_date_changed`: the day on which a close is expected."""

    old: date | None = None
    new: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastCategoryChanged:
    """`crm.opportunity.forecast_category_changed`"""

    old: ForecastCategory
    new: ForecastCategory


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityOverridden:
    """`crm.opportunity.probability_overridden`: percent, until the next stage is entered."""

    stage: str
    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Won:
    """`crm.opportunity.won`; `amount` if the close named one, else the amount stays."""

    from_stage: str
    to_stage: str
    amount: Money | None = None
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """`crm.opportunity.lost`; `amount` if the close named one, else the amount stays."""

    from_stage: str
    to_stage: str
    reason: str
    competitor: str | None = None
    note: str | Unreadable | None = free_text("opportunity")
    amount: Money | None = None
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """`crm.opportunity.reopened`, to the last open stage."""

    from_stage: str
    to_stage: str
    probability: int
    closed_as: ClosedAs


OpportunityEvent = (
    Opened
    | StageChanged
    | AmountChanged
    | CustomerLinked
    | OwnerAssigned
    | TeamChanged
    | ProductsChanged
    | CloseDateChanged
    | ForecastCategoryChanged
    | ProbabilityOverridden
    | Won
    | Lost
    | Reopened
)


EVENTS: Final = (
    EventType("crm.opportunity.opened", Opened),
    EventType("crm.opportunity.stage_changed", StageChanged),
    EventType("crm.opportunity.amount_changed", AmountChanged),
    EventType("crm.opportunity.customer_linked", CustomerLinked),
    EventType("crm.opportunity.owner_assigned", OwnerAssigned),
    EventType("crm.opportunity.team_changed", TeamChanged),
    EventType("crm.opportunity.products_changed", ProductsChanged),
    EventType("crm.opportunity.close_date_changed", CloseDateChanged),
    EventType("crm.opportunity.forecast_category_changed", ForecastCategoryChanged),
    EventType("crm.opportunity.probability_overridden", ProbabilityOverridden),
    EventType("crm.opportunity.won", Won),
    EventType("crm.opportunity.lost", Lost),
    EventType("crm.opportunity.reopened", Reopened),
)
