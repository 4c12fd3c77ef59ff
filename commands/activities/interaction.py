"""Commands on interactions and their handlers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import (
    require_case,
    require_contact,
    require_customer,
    require_opportunity,
)
from commands.store.identifiers import Identifiers, moment_of
from domain.activities.interaction import decide as moves
from domain.activities.interaction import state as interaction
from domain.activities.interaction.commands import (
    CorrectInteraction,
    InteractionCommand,
    LinkInteraction,
    RecordInteraction,
)
from domain.activities.interaction.events import (
    Recorded,
)
from domain.activities.interaction.state import Interaction
from domain.kernel.errors import AlreadyRecorded

_OUTSIDE_DIGEST: Final = ("reference", "source_digest", "imported")


@dataclass(frozen=True, slots=True)
class Identified:
    """An interaction's id, and its payload with its digest, before anything is looked up."""

    id: UUID
    payload: Recorded


def identified(command: RecordInteraction, identifiers: Identifiers) -> Identified:
    """Checks the command by itself and derives what follows from it alone. Raises `Invalid`."""
    payload = moves.record(
        kind=command.kind,
        direction=command.direction,
        channel=command.channel,
        customer_id=command.customer_id,
        contact_id=command.contact_id,
        participants=command.participants,
        duration_seconds=command.duration_seconds,
        amount=command.amount,
        items=command.items,
        opportunity_id=command.opportunity_id,
        case_id=command.case_id,
        survey=command.survey,
        attachments=command.attachments,
        file_names=command.file_names,
        subject=command.subject,
        body=command.body,
        reference=command.reference,
        imported=command.imported,
    )
    content: dict[str, Any] = {
        each.name: getattr(payload, each.name) for each in _RECORDED if each.name not in _OUTSIDE_DIGEST
    }
    content["at"] = moment_of(command.at)
    return Identified(
        id=identifiers.interaction(payload.reference),
        payload=replace(payload, source_digest=identifiers.digest(content)),
    )


_RECORDED: Final = fields(Recorded)


def compared(found: str, digest: str, id: UUID) -> None:
    """Raises `AlreadyRecorded` where the recorded digest `found` is another one."""
    if found != digest:
        raise AlreadyRecorded(id=id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInteraction:
    """The same as `command`, where it is known already what follows from it alone."""

    command: RecordInteraction
    new: Identified

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


def _record(command: RecordInteraction, world: Repository, context: Context) -> Decision:
    taken = TakeInteraction(command=command, new=identified(command, world.identifiers))
    return _take(taken, world, context)


def _take(taking: TakeInteraction, world: Repository, _: Context) -> Decision:
    command, new = taking.command, taking.new
    known = world.find(interaction.evolve, new.id)
    if known is not None:
        compared(known.source_digest, new.payload.source_digest, new.id)
        return change((known, ()), at=None)
    imported = command.imported
    require_customer(world, command.customer_id, imported=imported)
    require_contact(world, command.contact_id)
    require_opportunity(world, command.opportunity_id)
    require_case(world, command.case_id)
    return new_record(
        new.id, (new.payload,), party=command.customer_id or new.id, at=command.at, reference=None
    )


def _load(command: InteractionCommand, world: Repository) -> Interaction:
    return world.load("interaction", interaction.evolve, command.interaction_id)


def _correct(command: CorrectInteraction, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    corrected = moves.correct(
        state,
        direction=command.direction,
        channel=command.channel,
        contact_id=command.contact_id,
        duration_seconds=command.duration_seconds,
        score=command.score,
        amount=command.amount,
        items=command.items,
        subject=command.subject,
        body=command.body,
        reason=command.reason,
        remove=command.remove,
    )
    require_contact(world, command.contact_id)
    return change((state, corrected), at=command.at)


def _link(command: LinkInteraction, world: Repository, _: Context) -> Decision:
    state = _load(command, world)
    linked = moves.link(
        state,
        customer_id=command.customer_id,
        opportunity_id=command.opportunity_id,
        case_id=command.case_id,
    )
    require_customer(world, command.customer_id)
    require_opportunity(world, command.opportunity_id)
    require_case(world, command.case_id)
    return change((state, linked), at=command.at)


HANDLERS: Final[Handlers] = {
    RecordInteraction: _record,
    TakeInteraction: _take,
    CorrectInteraction: _correct,
    LinkInteraction: _link,
}
