"""From one command to its decision, for every record type alike.

    load the record -> decide -> check what the new events refer to -> claims and contact points

A command that changes several records, or makes one whose id is derived, has a handler instead.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, HandlerRepository, RecordChange, claim
from commands.store.contact_index import ContactPoint
from domain.kernel.command import Command, ids_to_make
from domain.kernel.record_type import RecordType
from domain.kernel.references import references_of
from domain.record_types import BY_COMMAND, BY_NAME


def decide(command: Command, repository: HandlerRepository, context: Context) -> Decision:
    """Returns the decision on a command. Raises the domain's errors."""
    record_type = BY_COMMAND[type(command)]
    assert record_type.decide is not None, f"the record type {record_type.name} has commands and no decide"
    made: dict[str, Any] = {
        name: context.new_id()
        for name in ids_to_make(cast("Hashable", type(command)))
        if getattr(command, name) is None
    }
    if made:
        command = replace(command, **made)
    state = None if command.target is None else repository.load(record_type.name, command.target)
    payloads = record_type.decide(command, state, repository)
    require_references(payloads, state, repository, imported=getattr(command, "imported", False))
    id: UUID = command.id if state is None else state.id  # type: ignore[attr-defined]  # a NewRecord's
    party = _party(record_type, id, payloads[0]) if state is None else state.party
    reference = getattr(command, "reference", None)
    return Decision(
        changes=(RecordChange(id=id, party=party, state=state, payloads=payloads, at=command.at),),
        claims=(claim(reference, id),) if reference is not None and payloads else (),
        contact_points=contact_points(record_type, id, payloads, repository),
    )


def require_references(
    payloads: tuple[Any, ...], state: Any | None, repository: HandlerRepository, *, imported: bool
) -> None:
    """Refuses references of new events to records that do not exist, were erased or, unless history is
    imported, are out of use. Does not check references that the record has already."""
    for payload in payloads:
        for name, id in references_of(payload, state):
            require_usable(repository, name, id, imported=imported)


def require_usable(
    repository: HandlerRepository, record_type: str, id: UUID | None, *, imported: bool = False
) -> None:
    """Refuses a record that does not exist, was erased or, unless history is imported, is out of use."""
    if id is None:
        return
    found = repository.load(record_type, id)
    usable = BY_NAME[record_type].usable
    if usable is not None and not imported:
        usable(found)


def contact_points(
    record_type: RecordType, id: UUID, payloads: tuple[Any, ...], repository: HandlerRepository
) -> tuple[ContactPoint, ...]:
    """The entries of the blind index that the events add."""
    points = record_type.contact_points
    if points is None:
        return ()
    return tuple(
        ContactPoint(repository.identifiers.contact_point(kind, value), id)
        for payload in payloads
        for kind, value in points(payload)
    )


def _party(record_type: RecordType, id: UUID, first: Any) -> UUID:
    """A record's party, fixed by its first event: its customer's, where it has one, else its own."""
    if record_type.customer is None or record_type.own_party:
        return id
    return getattr(first, record_type.customer, None) or id
