"""Commands on opportunities and their handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import require_customer, require_principal, require_product
from domain.configuration.pipelines import Pipeline
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity import decide as moves
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.events import ForecastCategory, LineItem
from domain.sales.opportunity.state import Opportunity


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


def _open(command: OpenOpportunity, world: Repository, context: Context) -> Decision:
    require_customer(world, command.customer_id, imported=command.imported)
    require_principal(world, command.owner_id, imported=command.imported)
    require_product(world, command.product_id, imported=command.imported)
    id = command.id or context.new_id()
    payloads = moves.open_opportunity(
        world.pipelines.named(command.pipeline),
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
    return new_record(
        id, payloads, party=command.customer_id or id, at=command.at, reference=command.reference
    )


def _load(command: OpportunityCommand, world: Repository) -> Opportunity:
    return world.load("opportunity", opportunity.evolve, command.opportunity_id)


def _load_both(command: OpportunityCommand, world: Repository) -> tuple[Opportunity, Pipeline]:
    state = _load(command, world)
    return state, world.pipelines.named(state.pipeline)


def _move(command: MoveStage, world: Repository, _: Context) -> Decision:
    state, pipeline = _load_both(command, world)
    return change((state, moves.move_stage(state, pipeline, stage=command.stage)), at=command.at)


def _win(command: WinOpportunity, world: Repository, _: Context) -> Decision:
    state, pipeline = _load_both(command, world)
    return change((state, moves.win(state, pipeline, amount=command.amount)), at=command.at)


def _lose(command: LoseOpportunity, world: Repository, _: Context) -> Decision:
    state, pipeline = _load_both(command, world)
    lost = moves.lose(
        state,
        pipeline,
        reason=command.reason,
        competitor=command.competitor,
        note=command.note,
        amount=command.amount,
    )
    return change((state, lost), at=command.at)


def _reopen(command: ReopenOpportunity, world: Repository, _: Context) -> Decision:
    state, pipeline = _load_both(command, world)
    return change((state, moves.reopen(state, pipeline)), at=command.at)


def _change_amount(command: ChangeAmount, world: Repository, _: Context) -> Decision:
    state, pipeline = _load_both(command, world)
    return change((state, moves.change_amount(state, pipeline, amount=command.amount)), at=command.at)


def _link_customer(command: LinkCustomer, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    require_customer(world, command.customer_id)
    return change((state, moves.link_customer(state, customer_id=command.customer_id)), at=command.at)


def _assign_owner(command: AssignOwner, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    require_principal(world, command.owner_id)
    return change((state, moves.assign_owner(state, owner_id=command.owner_id)), at=command.at)


def _change_team(command: ChangeTeam, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    changed = moves.change_team(state, member_ids=command.member_ids)
    for member in dict.fromkeys(command.member_ids):
        if member not in state.team:
            require_principal(world, member)
    return change((state, changed), at=command.at)


def _change_products(command: ChangeProducts, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    changed = moves.change_products(state, items=command.items)
    sold = {item.product_id for item in state.items}
    for product_id in dict.fromkeys(item.product_id for item in command.items):
        if product_id not in sold:
            require_product(world, product_id)
    return change((state, changed), at=command.at)


def _change_close_date(command: ChangeCloseDate, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    changed = moves.change_close_date(state, expected_close=command.expected_close)
    return change((state, changed), at=command.at)


def _change_forecast_category(command: ChangeForecastCategory, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    changed = moves.change_forecast_category(state, category=command.category)
    return change((state, changed), at=command.at)


def _override_probability(command: OverrideProbability, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    changed = moves.override_probability(state, probability=command.probability)
    return change((state, changed), at=command.at)


HANDLERS: Final[Handlers] = {
    OpenOpportunity: _open,
    MoveStage: _move,
    WinOpportunity: _win,
    LoseOpportunity: _lose,
    ReopenOpportunity: _reopen,
    ChangeAmount: _change_amount,
    LinkCustomer: _link_customer,
    AssignOwner: _assign_owner,
    ChangeTeam: _change_team,
    ChangeProducts: _change_products,
    ChangeCloseDate: _change_close_date,
    ChangeForecastCategory: _change_forecast_category,
    OverrideProbability: _override_probability,
}
