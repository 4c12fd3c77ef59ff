"""Commands on cases and their handlers.

`imported` says that a command is a step of imported history, which may leap and bring the log's own stamp.
"""

from __future__ import annotations

from typing import Final

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import case_of, require_customer, require_interaction, require_principal
from domain.service.case import decide as moves
from domain.service.case.commands import (
    AssignCase,
    ChangeCaseDetails,
    ChangeCasePriority,
    CloseCase,
    EscalateCase,
    LinkCase,
    MarkDuplicate,
    MoveCase,
    OpenCase,
    RejectCase,
    ReopenCase,
    ResolveCase,
    RespondToCase,
)


def _open(command: OpenCase, world: Repository, context: Context) -> Decision:
    require_customer(world, command.customer_id, imported=command.imported)
    require_principal(world, command.owner_id, imported=command.imported)
    id = command.id or context.new_id()
    payloads = moves.open_case(
        kind=command.kind,
        state=command.state,
        priority=command.priority,
        channel=command.channel,
        customer_id=command.customer_id,
        queue=command.queue,
        owner_id=command.owner_id,
        category=command.category,
        product=command.product,
        cause=command.cause,
        subject=command.subject,
        description=command.description,
        attributes=command.attributes,
        imported=command.imported,
        logged_at=command.logged_at,
        reference=command.reference,
    )
    return new_record(
        id, payloads, party=command.customer_id or id, at=command.at, reference=command.reference
    )


def _assign(command: AssignCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    assigned = moves.assign(
        state,
        queue=command.queue,
        owner_id=command.owner_id,
        remove=command.remove,
        imported=command.imported,
        logged_at=command.logged_at,
    )
    if command.owner_id != state.owner_id:
        require_principal(world, command.owner_id, imported=command.imported)
    return change((state, assigned), at=command.at)


def _move(command: MoveCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    moved = moves.move(
        state, to_state=command.to_state, imported=command.imported, logged_at=command.logged_at
    )
    return change((state, moved), at=command.at)


def _change_priority(command: ChangeCasePriority, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    changed = moves.change_priority(
        state, priority=command.priority, imported=command.imported, logged_at=command.logged_at
    )
    return change((state, changed), at=command.at)


def _escalate(command: EscalateCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    escalated = moves.escalate(
        state, level=command.level, imported=command.imported, logged_at=command.logged_at
    )
    return change((state, escalated), at=command.at)


def _change_details(command: ChangeCaseDetails, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    changed = moves.change_details(
        state,
        kind=command.kind,
        channel=command.channel,
        category=command.category,
        product=command.product,
        cause=command.cause,
        attributes=command.attributes,
        remove=command.remove,
        imported=command.imported,
        logged_at=command.logged_at,
    )
    return change((state, changed), at=command.at)


def _respond(command: RespondToCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    responded = moves.respond(state, interaction_id=command.interaction_id)
    require_interaction(world, command.interaction_id)
    return change((state, responded), at=command.at)


def _resolve(command: ResolveCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    resolved = moves.resolve(
        state,
        code=command.code,
        cause=command.cause,
        note_text=command.note,
        imported=command.imported,
        logged_at=command.logged_at,
    )
    return change((state, resolved), at=command.at)


def _close(command: CloseCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    closed = moves.close(
        state,
        code=command.code,
        reported_sla=command.reported_sla,
        imported=command.imported,
        logged_at=command.logged_at,
    )
    return change((state, closed), at=command.at)


def _reopen(command: ReopenCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    reopened = moves.reopen(
        state, to_state=command.to_state, imported=command.imported, logged_at=command.logged_at
    )
    return change((state, reopened), at=command.at)


def _reject(command: RejectCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    rejected = moves.reject(state, world.reasons, reason=command.reason, note_text=command.note)
    return change((state, rejected), at=command.at)


def _mark_duplicate(command: MarkDuplicate, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    other = case_of(world, command.of)
    return change((state, moves.mark_duplicate(state, other)), at=command.at)


def _link(command: LinkCase, world: Repository, _: Context) -> Decision:
    state = case_of(world, command.case_id)
    require_customer(world, command.customer_id)
    linked = moves.link_customer(state, customer_id=command.customer_id)
    return change((state, linked), at=command.at)


HANDLERS: Final[Handlers] = {
    OpenCase: _open,
    AssignCase: _assign,
    MoveCase: _move,
    ChangeCasePriority: _change_priority,
    EscalateCase: _escalate,
    ChangeCaseDetails: _change_details,
    RespondToCase: _respond,
    ResolveCase: _resolve,
    CloseCase: _close,
    ReopenCase: _reopen,
    RejectCase: _reject,
    MarkDuplicate: _mark_duplicate,
    LinkCase: _link,
}
