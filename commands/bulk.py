"""Imported histories in bulk: the same handlers, run over states in memory, recorded many at a time.

The run of one new record is taken in whole or not at all, together with the claim of its external id. Killed
at any moment and run again, what is there is found by its claims and what is missing is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, Literal, TypeVar, cast
from uuid import UUID

from commands.bus import Commands, StoredWorld
from commands.context import Context
from commands.decision import Command, events_of
from commands.store.claims import Claim, ClaimTable
from domain.aggregate import Aggregate, Evolve, replay
from domain.errors import AlreadyClaimed, ChangedSinceImport, ConcurrentChange, DomainError, Invalid
from domain.events.event import Event
from domain.pipelines import Pipelines

A = TypeVar("A", bound=Aggregate)

LIMIT: Final = 10_000
"""Most events of one transaction."""

CACHED: Final = 20_000
"""Most states of stored records that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The life so far of one new record: the command that makes it, then those that change it.

    `claim` says where it came from: its `id` is the record's (the first command names it as `id`), its
    `source_digest` an HMAC of the normalised row.
    """

    commands: tuple[Command, ...]
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """What came of one history: the record's id, or why it failed (with the id of the record in its way).

    unchanged: the same row was taken in before, whatever happened to the record since.
    """

    state: Literal["created", "unchanged", "failed"]
    id: UUID | None
    error: DomainError | None = None


@dataclass(frozen=True, slots=True)
class _Decided:
    """A history's events, ready to be recorded with its claims; `index` is its place in the input."""

    index: int
    history: History
    events: tuple[Event, ...]
    claims: tuple[Claim, ...]


Items = Sequence[tuple[int, History]]


class _BulkWorld:
    """The store, with what this run decided but did not record yet on top."""

    def __init__(self, commands: Commands) -> None:
        self._stored = StoredWorld(commands.crm, commands.pipelines)
        self._known: dict[UUID, Aggregate] = {}
        self.staged: dict[UUID, list[Event]] = {}

    @property
    def pipelines(self) -> Pipelines:
        """The configured pipelines."""
        return self._stored.pipelines

    def load(self, what: str, evolve: Evolve[A], id: UUID) -> A:
        """The aggregate after all that is decided. Raises `NotFound`."""
        events = self.staged.get(id)
        if events is not None:
            staged = replay(evolve, None, events)
            assert staged is not None
            return staged
        found = self._known.get(id)
        if found is None:
            found = self._stored.load(what, evolve, id)
            if len(self._known) >= CACHED:
                self._known.clear()
            self._known[id] = found
        return cast("A", found)


class BulkRecorder:
    """Records histories. One run of an import uses one recorder and one `context`.

    Records that histories refer to are read once and remembered for the run.
    """

    def __init__(self, commands: Commands, claims: ClaimTable, context: Context) -> None:
        self._commands = commands
        self._claims = claims
        self._context = context
        self._world = _BulkWorld(commands)

    def record(self, histories: Sequence[History]) -> list[BulkOutcome]:
        """Records what is new, at most 10,000 events a transaction; the outcomes in the order of `histories`.

        A history may refer to records of histories before it. A failed history leaves no trace and holds up
        no other. Raises the store's errors: then what is recorded so far stays, and a second run goes on.
        """
        outcomes: dict[int, BulkOutcome] = {}
        self._take(list(enumerate(histories)), outcomes)
        return [outcomes[index] for index in range(len(histories))]

    def _take(self, items: Items, outcomes: dict[int, BulkOutcome]) -> None:
        """Decides the items in order and records them, whole histories at a time."""
        taken = self._taken(items)
        pending: list[_Decided] = []
        size = 0
        for index, history in items:
            key = _key(history.claim)
            earlier = taken.get(key)
            if earlier is not None:
                outcomes[index] = _compared(history.claim, earlier)
                continue
            try:
                decided = self._decide(index, history)
            except DomainError as error:
                outcomes[index] = BulkOutcome(state="failed", id=None, error=error)
                continue
            if size + len(decided.events) > LIMIT:
                self._flush(pending, outcomes)
                pending, size = [], 0
            pending.append(decided)
            size += len(decided.events)
            taken[key] = history.claim
        self._flush(pending, outcomes)

    def _taken(self, items: Items) -> dict[tuple[str, str], Claim]:
        """The claims that stand in the store already, of those that the items make."""
        wanted: dict[str, list[str]] = {}
        for _, history in items:
            wanted.setdefault(history.claim.source, []).append(history.claim.external_id)
        return {
            (source, external_id): claim
            for source, external_ids in wanted.items()
            for external_id, claim in self._claims.find(source, external_ids).items()
        }

    def _decide(self, index: int, history: History) -> _Decided:
        """Runs the history's commands. Raises the domain's errors; nothing of it stays in the world then."""
        id = history.claim.id
        claims = {_key(history.claim): history.claim}
        events: list[Event] = []
        try:
            for command in history.commands:
                decision = self._commands.decide(command, self._world, self._context)
                made = events_of(decision, self._context)
                if any(event.originator_id != id for event in made):
                    raise ValueError(f"a history of the record {id} changes another one by {type(command)}")
                for claim in decision.claims:
                    claims.setdefault(_key(claim), claim)
                events += made
                self._world.staged[id] = events
            if len(events) > LIMIT:
                raise Invalid(
                    f"The history has {len(events):,} events; at most {LIMIT:,} are allowed. Shorten it."
                )
        except Exception:
            self._world.staged.pop(id, None)
            raise
        return _Decided(index=index, history=history, events=tuple(events), claims=tuple(claims.values()))

    def _flush(self, pending: Sequence[_Decided], outcomes: dict[int, BulkOutcome]) -> None:
        """Records `pending` in one transaction; where that is refused, in halves, down to the culprit."""
        if not pending:
            return
        try:
            self._commands.crm.record_bulk(
                [event for decided in pending for event in decided.events],
                [claim for decided in pending for claim in decided.claims],
            )
        except DomainError as error:
            self._unstage(pending)
            if len(pending) == 1:
                outcomes[pending[0].index] = self._refused(pending[0].history.claim, error)
                return
            # Decided again, since a history of the second half may lean on a failed one of the first.
            items = [(decided.index, decided.history) for decided in pending]
            self._take(items[: len(items) // 2], outcomes)
            self._take(items[len(items) // 2 :], outcomes)
            return
        self._unstage(pending)
        for decided in pending:
            outcomes[decided.index] = BulkOutcome(state="created", id=decided.history.claim.id)

    def _unstage(self, pending: Sequence[_Decided]) -> None:
        for decided in pending:
            self._world.staged.pop(decided.history.claim.id, None)

    def _refused(self, claim: Claim, error: DomainError) -> BulkOutcome:
        """Another run of the import may have been first: then its record is looked at as any earlier one."""
        if isinstance(error, AlreadyClaimed | ConcurrentChange):
            earlier = self._claims.find(claim.source, [claim.external_id]).get(claim.external_id)
            if earlier is not None:
                return _compared(claim, earlier)
        return BulkOutcome(state="failed", id=None, error=error)


def _key(claim: Claim) -> tuple[str, str]:
    return claim.source, claim.external_id


def _compared(claim: Claim, earlier: Claim) -> BulkOutcome:
    """A row whose external id is taken: the same row as then, or another."""
    digest, before = claim.source_digest, earlier.source_digest
    if digest is not None and before is not None and compare_digest(digest, before):
        return BulkOutcome(state="unchanged", id=earlier.id)
    return BulkOutcome(state="failed", id=earlier.id, error=ChangedSinceImport(id=earlier.id))
