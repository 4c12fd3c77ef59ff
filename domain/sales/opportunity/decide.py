"""What may happen to an opportunity: its lifecycle table and one decision per command.

A decision reads the state, the configured pipeline and its arguments, and returns events, or none if nothing
changes. Open stages may follow one another in any order; the events record skipped stages and steps back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final, get_args
from uuid import UUID

from domain.configuration.pipelines import Pipeline, configured_pipelines
from domain.configuration.reasons import OTHER
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.money import Money, checked, optional, plain
from domain.kernel.repository import Repository
from domain.kernel.text import lines, optional_line, quoted
from domain.kernel.text import note as checked_note
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, references
from domain.sales.opportunity.commands import (
    AssignOwner,
    ChangeAmount,
    ChangeCloseDate,
    ChangeForecastCategory,
    ChangeProducts,
    ChangeTeam,
    LinkCustomer,
    LoseOpportunity,
    MoveStage,
    OpenOpportunity,
    OverrideProbability,
    ReopenOpportunity,
    WinOpportunity,
)
from domain.sales.opportunity.events import (
    AmountChanged,
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
from domain.sales.opportunity.state import Opportunity

MOVE: Final = "move to another stage"
WIN: Final = "be won"
LOSE: Final = "be lost"
REOPEN: Final = "be reopened"
AMOUNT: Final = "change its amount"
PRODUCTS: Final = "change its products"
CLOSE_DATE: Final = "change its expected close"
FORECAST: Final = "change its forecast category"
PROBABILITY: Final = "change its probability"
LINK: Final = "be linked to a customer"
OWNER: Final = "be given to an owner"
TEAM: Final = "change its team"

# Customer, owner and team may change at any time: people leave, and customers are found later.
_ALWAYS: Final = (LINK, OWNER, TEAM)

LIFECYCLE: Final = Lifecycle(
    record_type="opportunity",
    transitions={
        "open": {
            WIN: "won",
            LOSE: "lost",
            **dict.fromkeys((MOVE, AMOUNT, PRODUCTS, CLOSE_DATE, FORECAST, PROBABILITY, *_ALWAYS), "open"),
        },
        "won": {REOPEN: "open", **dict.fromkeys(_ALWAYS, "won")},
        "lost": {REOPEN: "open", **dict.fromkeys(_ALWAYS, "lost")},
    },
)

TEAM_LIMIT: Final = 100
ITEMS_LIMIT: Final = 500

Events = tuple[OpportunityEvent, ...]


def open_opportunity(
    pipeline: Pipeline,
    *,
    stage: str | None,
    customer_id: UUID | None,
    owner_id: UUID | None,
    product_id: UUID | None,
    amount: Money | None,
    expected_close: date | None,
    forecast_category: ForecastCategory,
    imported: bool,
    original: Mapping[str, str],
    reference: Reference | None,
) -> Events:
    """Opens in `stage`, or in the first open one. One that comes in closed is opened where it was, then
    closed."""
    entered = pipeline.open_stages[0] if stage is None else pipeline.open_stage(stage)
    return (
        Opened(
            pipeline=pipeline.id,
            stage=entered.id,
            probability=entered.probability,
            customer_id=customer_id,
            owner_id=owner_id,
            product_id=product_id,
            amount=_amount(pipeline, amount),
            expected_close=expected_close,
            forecast_category=_category(forecast_category),
            imported=imported,
            skipped=pipeline.between(None, entered.id),
            original=lines("spelling", original),
            references=references(reference),
        ),
    )


def move_stage(state: Opportunity, pipeline: Pipeline, *, stage: str) -> Events:
    """Moves to another open stage, forward or back."""
    check(LIFECYCLE, state.outcome, MOVE)
    entered = pipeline.open_stage(stage)
    if entered.id == state.stage:
        return ()
    order = [each.id for each in pipeline.open_stages]
    # From a stage that is no longer configured, every step leads forward.
    forward = state.stage not in order or order.index(entered.id) > order.index(state.stage)
    return (
        StageChanged(
            from_stage=state.stage,
            to_stage=entered.id,
            probability=entered.probability,
            direction="forward" if forward else "back",
            skipped=pipeline.between(state.stage, entered.id),
        ),
    )


def win(state: Opportunity, pipeline: Pipeline, *, amount: Money | None) -> Events:
    """Closes as won, for `amount` where one is named."""
    check(LIFECYCLE, state.outcome, WIN)
    return (
        Won(
            from_stage=state.stage,
            to_stage=pipeline.won.id,
            amount=_amount(pipeline, amount),
            skipped=pipeline.between(state.stage, None),
        ),
    )


def lose(
    state: Opportunity,
    pipeline: Pipeline,
    *,
    reason: str,
    competitor: str | None,
    note: str | None,
    amount: Money | None,
) -> Events:
    """Closes as lost for one of the pipeline's reasons; `other` needs a note."""
    check(LIFECYCLE, state.outcome, LOSE)
    if reason not in pipeline.lost_reasons:
        names = ", ".join(pipeline.lost_reasons)
        raise Invalid(
            f"The pipeline {pipeline.id} has no lost reason {quoted(reason)}. Name one of: {names}."
        )
    if reason == OTHER and (note is None or not note.strip()):
        raise Invalid("The reason other needs a note. Write in a few words why the opportunity was lost.")
    return (
        Lost(
            from_stage=state.stage,
            to_stage=pipeline.lost.id,
            reason=reason,
            competitor=optional_line("competitor", competitor),
            note=None if note is None else checked_note("note", note),
            amount=_amount(pipeline, amount),
            skipped=pipeline.between(state.stage, None),
        ),
    )


def reopen(state: Opportunity, pipeline: Pipeline) -> Events:
    """Back to the last open stage, with that stage's probability; earlier closes stay in the history."""
    check(LIFECYCLE, state.outcome, REOPEN)
    entered = pipeline.open_stage(state.last_open_stage)
    return (
        Reopened(
            from_stage=state.stage,
            to_stage=entered.id,
            probability=entered.probability,
            closed_as=state.closes[-1].outcome,
        ),
    )


def change_amount(state: Opportunity, pipeline: Pipeline, *, amount: Money) -> Events:
    """Changes the amount."""
    check(LIFECYCLE, state.outcome, AMOUNT)
    new = _in_sums(pipeline, checked("amount", amount))
    return () if new == state.amount else (AmountChanged(old=state.amount, new=new),)


def link_customer(state: Opportunity, *, customer_id: UUID) -> Events:
    """Links it to its customer, or to another one. Its party stays."""
    check(LIFECYCLE, state.outcome, LINK)
    if customer_id == state.customer_id:
        return ()
    return (CustomerLinked(customer_id=customer_id, previous_customer_id=state.customer_id),)


def assign_owner(state: Opportunity, *, owner_id: UUID) -> Events:
    """Gives it to another owner."""
    check(LIFECYCLE, state.outcome, OWNER)
    if owner_id == state.owner_id:
        return ()
    return (OwnerAssigned(owner_id=owner_id, previous_owner_id=state.owner_id),)


def change_team(state: Opportunity, *, member_ids: Iterable[UUID]) -> Events:
    """Names all who work on it from now on, the owner apart."""
    check(LIFECYCLE, state.outcome, TEAM)
    members = tuple(dict.fromkeys(member_ids))
    if len(members) > TEAM_LIMIT:
        raise Invalid(
            f"The team has {len(members)} members; at most {TEAM_LIMIT} are allowed. Name a team instead."
        )
    return () if members == state.team else (TeamChanged(member_ids=members),)


def change_products(state: Opportunity, *, items: Iterable[LineItem]) -> Events:
    """Names all line items from now on."""
    check(LIFECYCLE, state.outcome, PRODUCTS)
    checked_items = tuple(_item(item) for item in items)
    if len(checked_items) > ITEMS_LIMIT:
        raise Invalid(
            f"There are {len(checked_items)} line items; at most {ITEMS_LIMIT} are allowed. Group them."
        )
    if len({item.price.currency for item in checked_items}) > 1:
        raise Invalid("The line items are in several currencies. Give all prices in one.")
    return () if checked_items == state.items else (ProductsChanged(items=checked_items),)


def change_close_date(state: Opportunity, *, expected_close: date) -> Events:
    """Changes the day on which a close is expected; a day that has passed is allowed, it says "overdue"."""
    check(LIFECYCLE, state.outcome, CLOSE_DATE)
    if expected_close == state.expected_close:
        return ()
    return (CloseDateChanged(old=state.expected_close, new=expected_close),)


def change_forecast_category(state: Opportunity, *, category: ForecastCategory) -> Events:
    """Changes how it counts in the forecast."""
    check(LIFECYCLE, state.outcome, FORECAST)
    new = _category(category)
    old = state.forecast_category
    return () if new == old else (ForecastCategoryChanged(old=old, new=new),)


def override_probability(state: Opportunity, *, probability: int) -> Events:
    """Sets another probability (percent) than the stage's, until the next stage is entered."""
    check(LIFECYCLE, state.outcome, PROBABILITY)
    if not 0 <= probability <= 100:
        raise Invalid(f"The probability {probability} is not between 0 and 100. Give percent.")
    if probability == state.probability:
        return ()
    return (ProbabilityOverridden(stage=state.stage, old=state.probability, new=probability),)


def _amount(pipeline: Pipeline, amount: Money | None) -> Money | None:
    checked_amount = optional("amount", amount)
    return None if checked_amount is None else _in_sums(pipeline, checked_amount)


def _in_sums(pipeline: Pipeline, amount: Money) -> Money:
    """Returns `amount` with what sums need: without the rate a sum would add euros to dollars."""
    if amount.currency == pipeline.currency:
        if amount.rate not in (None, 1):
            raise Invalid(
                f"The amount is in {amount.currency}, like the sums of the pipeline {pipeline.id}, but has "
                f"the rate {amount.rate}. Leave the rate out."
            )
        return replace(amount, rate=None)
    if amount.rate is None:
        raise Invalid(
            f"The amount is in {amount.currency}, and the sums of the pipeline {pipeline.id} are in "
            f"{pipeline.currency}. Give the rate that leads from {amount.currency} to {pipeline.currency}."
        )
    return amount


def _category(category: ForecastCategory) -> ForecastCategory:
    if category not in get_args(ForecastCategory):
        names = ", ".join(get_args(ForecastCategory))
        raise Invalid(f"There is no forecast category {quoted(category)}. Name one of: {names}.")
    return category


def _item(item: LineItem) -> LineItem:
    quantity, discount = plain("quantity", item.quantity), plain("discount", item.discount)
    if quantity <= 0:
        raise Invalid(f"The quantity {quantity} is not above 0. Leave the line item out, or correct it.")
    if not Decimal(0) <= discount <= Decimal(100):
        raise Invalid(f"The discount {discount} is not between 0 and 100. Give percent.")
    return LineItem(
        product_id=item.product_id,
        quantity=quantity,
        price=checked("price", item.price),
        discount=discount,
    )


def decide(command: Any, state: Any, repository: Repository) -> Events:
    """Returns the events that follow from a command on an opportunity."""
    match command:
        case OpenOpportunity():
            return open_opportunity(
                configured_pipelines(repository).named(command.pipeline),
                stage=command.stage,
                customer_id=command.customer_id,
                owner_id=command.owner_id,
                product_id=command.product_id,
                amount=command.amount,
                expected_close=command.expected_close,
                forecast_category=command.forecast_category,
                imported=command.imported,
                original=command.original,
                reference=command.reference,
            )
        case LinkCustomer():
            return link_customer(state, customer_id=command.customer_id)
        case AssignOwner():
            return assign_owner(state, owner_id=command.owner_id)
        case ChangeTeam():
            return change_team(state, member_ids=command.member_ids)
        case ChangeProducts():
            return change_products(state, items=command.items)
        case ChangeCloseDate():
            return change_close_date(state, expected_close=command.expected_close)
        case ChangeForecastCategory():
            return change_forecast_category(state, category=command.category)
        case OverrideProbability():
            return override_probability(state, probability=command.probability)
        case _:
            return _decide_in(configured_pipelines(repository).named(state.pipeline), command, state)


def _decide_in(pipeline: Pipeline, command: Any, state: Opportunity) -> Events:
    """Returns the events that follow from a command that depends on the opportunity's pipeline."""
    match command:
        case MoveStage():
            return move_stage(state, pipeline, stage=command.stage)
        case WinOpportunity():
            return win(state, pipeline, amount=command.amount)
        case LoseOpportunity():
            return lose(
                state,
                pipeline,
                reason=command.reason,
                competitor=command.competitor,
                note=command.note,
                amount=command.amount,
            )
        case ReopenOpportunity():
            return reopen(state, pipeline)
        case ChangeAmount():
            return change_amount(state, pipeline, amount=command.amount)
        case _:
            raise undecided(command)
