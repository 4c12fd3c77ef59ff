"""Opportunity: what happened to it (events), what it is (state). What may happen: `opportunity_moves.py`.

Its party is its customer's id when that was named at its opening, else its own; it never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.private import Unreadable, free_text
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.money import Money
from domain.kernel.values import Reference

ForecastCategory = Literal["pipeline", "best_case", "commit", "omitted"]
Outcome = Literal["open", "won", "lost"]
ClosedAs = Literal["won", "lost"]
Direction = Literal["forward", "back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """A product on an opportunity: `discount` is percent of `price` times `quantity`."""

    product_id: UUID
    quantity: Decimal
    price: Money
    discount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """`crm.opportunity.opened`; `skipped` are the open stages ahead of the one it opened in."""

    pipeline: str
    stage: str
    probability: int
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
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
    """`crm.opportunity.customer_linked`; the party stays what it was."""

    customer_id: UUID
    previous_customer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAssigned:
    """`crm.opportunity.owner_assigned`"""

    owner_id: UUID
    previous_owner_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamChanged:
    """`crm.opportunity.team_changed`: all members from now on."""

    member_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductsChanged:
    """`crm.opportunity.products_changed`: all line items from now on."""

    items: tuple[LineItem, ...]


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
    """`crm.opportunity.won`; `amount` where the close named one, else the amount stays."""

    from_stage: str
    to_stage: str
    amount: Money | None = None
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """`crm.opportunity.lost`; `amount` where the close named one, else the amount stays."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """One close of an opportunity: how, when (business time), out of which stage, and why if it was lost."""

    outcome: ClosedAs
    time: datetime
    from_stage: str
    reason: str | None = None
    competitor: str | None = None
    note: str | Unreadable | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity(Aggregate):
    """An opportunity as of its last event.

    `probability` is percent. `last_open_stage` is where a reopening leads to. `closes` are all its closes,
    oldest first, those that were reopened included.
    """

    pipeline: str
    stage: str
    outcome: Outcome
    last_open_stage: str
    probability: int
    probability_overridden: bool
    stage_entered: datetime
    customer_id: UUID | None
    owner_id: UUID | None
    product_id: UUID | None
    team: tuple[UUID, ...]
    items: tuple[LineItem, ...]
    amount: Money | None
    expected_close: date | None
    forecast_category: ForecastCategory
    imported: bool
    original: Mapping[str, str]
    references: tuple[Reference, ...]
    closes: tuple[Close, ...]


def evolve(state: Opportunity | None, event: Event) -> Opportunity:
    """The opportunity after `event`. Raises `NotFound` where the stream is not an opportunity's."""
    payload: OpportunityEvent = event.payload
    if state is None:
        return _created(event)
    state = replace(state, version=event.originator_version, time=event.time, recorded=event.recorded)
    match payload:
        case StageChanged():
            return _entered(state, payload.to_stage, payload.probability, "open")
        case AmountChanged():
            return replace(state, amount=payload.new)
        case CustomerLinked():
            return replace(state, customer_id=payload.customer_id)
        case OwnerAssigned():
            return replace(state, owner_id=payload.owner_id)
        case TeamChanged():
            return replace(state, team=payload.member_ids)
        case ProductsChanged():
            return replace(state, items=payload.items)
        case CloseDateChanged():
            return replace(state, expected_close=payload.new)
        case ForecastCategoryChanged():
            return replace(state, forecast_category=payload.new)
        case ProbabilityOverridden():
            return replace(state, probability=payload.new, probability_overridden=True)
        case Won() | Lost():
            return _closed(state, payload)
        case Reopened():
            return _entered(state, payload.to_stage, payload.probability, "open")
        case Opened():
            raise Undecodable(f"The opportunity {state.id} was opened twice. Verify the store.")
        case _:
            assert_never(payload)


def _created(event: Event) -> Opportunity:
    payload = event.payload
    if not isinstance(payload, Opened):
        raise NotFound("opportunity", event.originator_id)
    return Opportunity(
        id=event.originator_id,
        version=event.originator_version,
        party=event.party,
        time=event.time,
        recorded=event.recorded,
        pipeline=payload.pipeline,
        stage=payload.stage,
        outcome="open",
        last_open_stage=payload.stage,
        probability=payload.probability,
        probability_overridden=False,
        stage_entered=event.time,
        customer_id=payload.customer_id,
        owner_id=payload.owner_id,
        product_id=payload.product_id,
        team=(),
        items=(),
        amount=payload.amount,
        expected_close=payload.expected_close,
        forecast_category=payload.forecast_category,
        imported=payload.imported,
        original=dict(payload.original),
        references=payload.references,
        closes=(),
    )


def _entered(state: Opportunity, stage: str, probability: int, outcome: Outcome) -> Opportunity:
    return replace(
        state,
        stage=stage,
        outcome=outcome,
        last_open_stage=stage if outcome == "open" else state.last_open_stage,
        probability=probability,
        probability_overridden=False,
        stage_entered=state.time,
    )


def _closed(state: Opportunity, payload: Won | Lost) -> Opportunity:
    if isinstance(payload, Won):
        close = Close(outcome="won", time=state.time, from_stage=payload.from_stage)
    else:
        close = Close(
            outcome="lost",
            time=state.time,
            from_stage=payload.from_stage,
            reason=payload.reason,
            competitor=payload.competitor,
            note=payload.note,
        )
    entered = _entered(state, payload.to_stage, 100 if close.outcome == "won" else 0, close.outcome)
    return replace(
        entered,
        amount=state.amount if payload.amount is None else payload.amount,
        closes=(*state.closes, close),
    )
