"""Opportunity: what happened to it (events), what it is (state). What may happen: `decide.py`.

Its party is its customer's id if the opening named one, else its own; it never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, assert_never
from uuid import UUID

from domain.events.event import Event
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import NotFound, Undecodable
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity.events import (
    AmountChanged,
    ClosedAs,
    CloseDateChanged,
    CustomerLinked,
    ForecastCategory,
    ForecastCategoryChanged,
    LineItem,
    Lost,
    Opened,
    OpportunityEvent,
    OwnerAssigned,
    ProbabilityOverridden,
    ProductsChanged,
    Reopened,
    StageChanged,
    TeamChanged,
    Won,
)

Outcome = Literal["open", "won", "lost"]


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

    `probability` is percent. A reopening leads to `last_open_stage`. `closes` are all its closes,
    oldest first, with those that were reopened later.
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
    """Returns the opportunity after `event`. Raises `NotFound` if the stream is not an opportunity's."""
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
