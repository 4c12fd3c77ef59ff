"""Commands on leads and their handlers. Conversion, which touches four records, is in `conversion.py`."""

from __future__ import annotations

from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import lead_of, require_customer, require_principal
from domain.sales.lead import decide as moves
from domain.sales.lead.commands import (
    AssignLeadOwner,
    CreateLead,
    DisqualifyLead,
    LinkLead,
    MoveLead,
    ReopenLead,
    ScoreLead,
)


def _create(command: CreateLead, world: Repository, context: Context) -> Decision:
    require_principal(world, command.owner_id, imported=command.imported)
    id = command.id or context.new_id()
    payloads = moves.create(
        name=command.name,
        company=command.company,
        email=command.email,
        phone=command.phone,
        owner_id=command.owner_id,
        campaign=command.campaign,
        imported=command.imported,
        original=command.original,
        reference=command.reference,
    )
    return new_record(id, payloads, party=id, at=command.at, reference=command.reference)


def _move(command: MoveLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    return change((state, moves.move(state, to_state=command.to_state)), at=command.at)


def _disqualify(command: DisqualifyLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    disqualified = moves.disqualify(state, world.reasons, reason=command.reason, note_text=command.note)
    return change((state, disqualified), at=command.at)


def _reopen(command: ReopenLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    return change((state, moves.reopen(state)), at=command.at)


def _score(command: ScoreLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    scored = moves.score(state, value=command.score, model=command.model, reasons=command.reasons)
    return change((state, scored), at=command.at)


def _assign_owner(command: AssignLeadOwner, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    assigned = moves.assign_owner(state, owner_id=command.owner_id)
    require_principal(world, command.owner_id)
    return change((state, assigned), at=command.at)


def _link(command: LinkLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    linked = moves.link_customer(state, customer_id=command.customer_id)
    require_customer(world, command.customer_id)
    return change((state, linked), at=command.at)


HANDLERS: Final[Handlers] = {
    CreateLead: _create,
    MoveLead: _move,
    DisqualifyLead: _disqualify,
    ReopenLead: _reopen,
    ScoreLead: _score,
    AssignLeadOwner: _assign_owner,
    LinkLead: _link,
}
