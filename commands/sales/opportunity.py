"""Commands on opportunities and their handlers."""

from __future__ import annotations

from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import require_customer, require_principal, require_product
from domain.configuration.pipelines import Pipeline
from domain.sales.opportunity import decide as moves
from domain.sales.opportunity import state as opportunity
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
    OpportunityCommand,
    OverrideProbability,
    ReopenOpportunity,
    WinOpportunity,
)
from domain.sales.opportunity.state import Opportunity


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
