"""Imported histories in bulk: the same handlers, run over states in memory, recorded many at a time.

The run of one new record is taken in whole or not at all, together with the claim of its external id. Killed
at any moment and run again, what is there is found by its claims and what is missing is added. Interactions
have no claim: their ids follow from their references, and their first events keep the digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, Literal
from uuid import UUID

from commands.bulk_world import BulkWorld
from commands.bus import Commands
from commands.context import Context
from commands.decision import Command, events_of
from commands.interaction import RecordInteraction, identified
from commands.store.claims import Claim, ClaimTable
from commands.store.contact_index import ContactPoint
from domain.errors import (
    AlreadyClaimed,
    AlreadyRecorded,
    ChangedSinceImport,
    ConcurrentChange,
    DomainError,
    Invalid,
)
from domain.events.event import Event

LIMIT: Final = 10_000
"""Most events of one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The life so far of one new record: the command that makes it, then those that change it.

    `claim` says where it came from: its `id` is the record's (the first command names it as `id`), its
    `source_digest` an HMAC of the normalised row. An interaction's (the first command is `RecordInteraction`)
    has none.
    """

    commands: tuple[Command, ...]
    claim: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """What came of one history: the record's id, or why it failed (with the id of the record in its way).

    unchanged: the same row was taken in before, whatever happened to the record since.
    """

    state: Literal["created", "unchanged", "failed"]
    id: UUID | None
    error: DomainError | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """A history with its place in the input, the id of its record and the digest of what it was made of.

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
class _Decided:
    """An item's events, ready to be recorded with its claims and contact points."""

    item: _Item
    events: tuple[Event, ...]
    claims: tuple[Claim, ...]
    contact_points: tuple[ContactPoint, ...]


class BulkRecorder:
    """Records histories. One run of an import uses one recorder and one `context`.

    Records that histories refer to are read once and remembered for the run.
    """

    def __init__(self, commands: Commands, claims: ClaimTable, context: Context) -> None:
        self._commands = commands
        self._claims = claims
        self._context = context
        self._world = BulkWorld(commands)

    def record(self, histories: Sequence[History]) -> list[BulkOutcome]:
        """Records what is new, at most 10,000 events a transaction; the outcomes in the order of `histories`.

        A history may refer to records of histories before it. A failed history leaves no trace and holds up
        no other. Raises the store's errors: then what is recorded so far stays, and a second run goes on.
        """
        outcomes: dict[int, BulkOutcome] = {}
        items: list[_Item] = []
        for index, history in enumerate(histories):
            try:
                items.append(self._item(index, history))
            except DomainError as error:
                outcomes[index] = BulkOutcome(state="failed", id=None, error=error)
        self._take(items, outcomes)
        return [outcomes[index] for index in range(len(histories))]

    def _item(self, index: int, history: History) -> _Item:
        """Says whose history it is. Raises `Invalid` for an interaction that cannot be recorded as it is."""
        claim, first = history.claim, history.commands[0]
        if claim is not None:
            return _Item(index, history, claim.id, claim.source_digest)
        if not isinstance(first, RecordInteraction):
            raise TypeError(f"a history that begins with {type(first)} needs a claim")
        new = identified(first, self._commands.identifiers)
        return _Item(index, history, new.id, new.payload.source_digest.encode())

    def _take(self, items: Sequence[_Item], outcomes: dict[int, BulkOutcome]) -> None:
        """Decides the items in order and records them, whole histories at a time."""
        taken = self._taken(items)
        pending: list[_Decided] = []
        size = 0
        for item in items:
            earlier = taken.get(item.key)
            if earlier is not None:
                outcomes[item.index] = _compared(item, *earlier)
                continue
            try:
                decided = self._decide(item)
            except DomainError as error:
                outcomes[item.index] = BulkOutcome(state="failed", id=None, error=error)
                continue
            if size + len(decided.events) > LIMIT:
                self._flush(pending, outcomes)
                pending, size = [], 0
            pending.append(decided)
            size += len(decided.events)
            taken[item.key] = (item.id, item.digest)
        self._flush(pending, outcomes)

    def _taken(self, items: Iterable[_Item]) -> dict[Key, tuple[UUID, bytes | None]]:
        """What the store has already of the items: the id and digest of each that is there."""
        wanted: dict[str, list[str]] = {}
        derived: list[UUID] = []
        for item in items:
            claim = item.history.claim
            if claim is None:
                derived.append(item.id)
            else:
                wanted.setdefault(claim.source, []).append(claim.external_id)
        taken: dict[Key, tuple[UUID, bytes | None]] = {
            (source, external_id): (claim.id, claim.source_digest)
            for source, external_ids in wanted.items()
            for external_id, claim in self._claims.find(source, external_ids).items()
        }
        recorded = self._commands.crm.digests(derived) if derived else {}
        self._world.absent(id for id in derived if id not in recorded)
        return taken | {id: (id, digest.encode()) for id, digest in recorded.items()}

    def _decide(self, item: _Item) -> _Decided:
        """Runs the history's commands. Raises the domain's errors; nothing of it stays in the world then."""
        claim = item.history.claim
        claims = {} if claim is None else {item.key: claim}
        points: list[ContactPoint] = []
        events: list[Event] = []
        try:
            for command in item.history.commands:
                decision = self._commands.decide(command, self._world, self._context)
                made = events_of(decision, self._context)
                if any(event.originator_id != item.id for event in made):
                    raise ValueError(f"a history of {item.id} changes another one by {type(command)}")
                for each in decision.claims:
                    claims.setdefault((each.source, each.external_id), each)
                points += decision.contact_points
                events += made
                self._world.stage(item.id, made)
            if len(events) > LIMIT:
                raise Invalid(
                    f"The history has {len(events):,} events; at most {LIMIT:,} are allowed. Shorten it."
                )
        except Exception:
            self._world.drop(item.id)
            raise
        return _Decided(item, tuple(events), tuple(claims.values()), tuple(points))

    def _flush(self, pending: Sequence[_Decided], outcomes: dict[int, BulkOutcome]) -> None:
        """Records `pending` in one transaction; where that is refused, in halves, down to the culprit."""
        if not pending:
            return
        try:
            self._commands.crm.record_bulk(
                [event for decided in pending for event in decided.events],
                [claim for decided in pending for claim in decided.claims],
                [point for decided in pending for point in decided.contact_points],
            )
        except DomainError as error:
            for decided in pending:
                self._world.drop(decided.item.id)
            if len(pending) == 1:
                item = pending[0].item
                outcomes[item.index] = self._refused(item, error)
                return
            # Decided again, since a history of the second half may lean on a failed one of the first.
            items = [decided.item for decided in pending]
            self._take(items[: len(items) // 2], outcomes)
            self._take(items[len(items) // 2 :], outcomes)
            return
        for decided in pending:
            self._world.keep(decided.item.id)
            outcomes[decided.item.index] = BulkOutcome(state="created", id=decided.item.id)

    def _refused(self, item: _Item, error: DomainError) -> BulkOutcome:
        """Another run of the import may have been first: then its record is looked at as any earlier one."""
        if isinstance(error, AlreadyClaimed | ConcurrentChange):
            earlier = self._taken([item]).get(item.key)
            if earlier is not None:
                return _compared(item, *earlier)
        return BulkOutcome(state="failed", id=None, error=error)


def _compared(item: _Item, id: UUID, before: bytes | None) -> BulkOutcome:
    """A row whose external id is taken: the same row as then, or another."""
    if item.digest is not None and before is not None and compare_digest(item.digest, before):
        return BulkOutcome(state="unchanged", id=id)
    derived = item.history.claim is None
    error = AlreadyRecorded(id=id) if derived else ChangedSinceImport(id=id)
    return BulkOutcome(state="failed", id=id, error=error)
