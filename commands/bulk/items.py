"""The bulk recorder's input and output, and the steps between: items, and their decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from hmac import compare_digest
from typing import Any, Literal
from uuid import UUID

from commands.activities.interaction import RecordIdentified
from commands.dispatch.decision import Targeted
from commands.store.claims import Claim
from commands.store.contact_index import ContactPoint
from domain.events.event import Event
from domain.kernel.errors import AlreadyRecorded, ChangedSinceImport, DomainError
from domain.kernel.repository import Repository

State = Literal["created", "updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The life so far of one new record: the command that makes it, then those that change it.

    `claim` says where it came from: its `id` is the record's (the first command names it as `id`), its
    `source_digest` an HMAC of the normalised row. An interaction's (the first command is `RecordInteraction`)
    has none. Where the record is there already, `change` says by which command it becomes what it is to be;
    without, it is only compared. With `key`, the same `request` has the same outcome however often it comes.
    """

    commands: tuple[Targeted, ...]
    claim: Claim | None = None
    change: Callable[[Repository, UUID], Targeted] | None = None
    key: str | None = None
    request: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """The outcome of one history: the record's id, or why it failed (with the id of the conflicting record).

    unchanged: the same row was recorded before, whatever happened to the record since. `version` and
    `position` are those of the last event recorded, 0 where none was.
    """

    state: State
    id: UUID | None
    error: DomainError | None = None
    version: int = 0
    position: int = 0


class HistoryFailed(Exception):
    """Nothing was recorded, because all or none was requested and the history at `index` failed with
    `error`."""

    def __init__(self, index: int, error: DomainError) -> None:
        super().__init__(str(error))
        self.index, self.error = index, error


@dataclass(frozen=True, slots=True)
class Item:
    """A history with its index in the input, the id of its record and the digest of its source.

    `key` is by which an earlier run of it is known: its claim, or its id where that is derived.
    """

    index: int
    history: History
    id: UUID
    digest: bytes | None

    @property
    def key(self) -> Key:
        claim = self.history.claim
        return self.id if claim is None else (claim.source, claim.external_id)


Key = tuple[str, str] | UUID


@dataclass(frozen=True, slots=True)
class Decided:
    """An item's events, ready to be recorded with its claims and contact points, and its outcome."""

    item: Item
    outcome: BulkOutcome
    events: tuple[Event, ...] = ()
    claims: tuple[Claim, ...] = ()
    contact_points: tuple[ContactPoint, ...] = ()


def named(history: History) -> Iterator[UUID]:
    """The records that the history's commands name."""
    for command in history.commands:
        if isinstance(command, RecordIdentified):
            command = command.command
        for name in _fields(type(command)):
            value = getattr(command, name)
            if isinstance(value, UUID):
                yield value


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def compare(item: Item, id: UUID, before: bytes | None) -> None:
    """Returns the outcome of a row whose external id is claimed: unchanged if the row is the same, else
    refused."""
    if item.digest is None or before is None or not compare_digest(item.digest, before):
        raise AlreadyRecorded(id=id) if item.history.claim is None else ChangedSinceImport(id=id)
