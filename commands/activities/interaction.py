"""Commands on interactions and their handlers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decide import require_references
from commands.dispatch.decision import Decision, HandlerRepository, Handlers, change, new_record
from commands.store.identifiers import Identifiers, moment_of
from domain.activities.interaction import decide
from domain.activities.interaction.commands import (
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
    """A new interaction: its id, and its payload with its digest."""

    id: UUID
    payload: Recorded


def identified(command: RecordInteraction, identifiers: Identifiers) -> Identified:
    """Checks the command and derives id, payload and digest without the store. Raises `Invalid`."""
    payload = decide.record(
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
    """Raises `AlreadyRecorded` if the recorded digest `found` differs."""
    if found != digest:
        raise AlreadyRecorded(id=id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordIdentified:
    """`command` with its id, payload and digest derived already."""

    command: RecordInteraction
    new: Identified

    @property
    def target(self) -> UUID | None:
        """None: it creates a record."""
        return None


def _record(command: RecordInteraction, repository: HandlerRepository, context: Context) -> Decision:
    prepared = RecordIdentified(command=command, new=identified(command, repository.identifiers))
    return _record_identified(prepared, repository, context)


def _record_identified(prepared: RecordIdentified, repository: HandlerRepository, _: Context) -> Decision:
    command, new = prepared.command, prepared.new
    known: Interaction | None = repository.find("interaction", new.id)
    if known is not None:
        compared(known.source_digest, new.payload.source_digest, new.id)
        return change((known, ()), at=None)
    require_references((new.payload,), None, repository, imported=command.imported)
    party = command.customer_id or new.id
    return new_record(new.id, (new.payload,), party=party, at=command.at, reference=None)


HANDLERS: Final[Handlers] = {RecordInteraction: _record, RecordIdentified: _record_identified}
