"""Many records in one transaction: the same handlers, run over states in memory, recorded through COPY.

It records the history of one record (a `History`) whole or not at all, with the claim of its external id.
Killed at any moment and run again, it finds recorded histories by their claim or key and adds the missing
ones. Interactions have no claim: their ids follow from their references, and their first events keep the
digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from commands.activities.interaction import RecordIdentified, identified
from commands.bulk.items import (
    BulkOutcome,
    Decided,
    History,
    HistoryFailed,
    Item,
    Key,
    State,
    compare,
    named,
)
from commands.bulk.repository import BulkRepository
from commands.dispatch.context import Context
from commands.dispatch.decision import Targeted, events_of
from commands.dispatch.dispatcher import CHANGED, CREATED, Commands
from commands.store.claims import ClaimTable
from commands.store.contact_index import ContactPoint
from commands.store.idempotency import Answer, IdempotencyRow
from commands.store.incarnation import RecoveryNeeded
from domain.activities.interaction.commands import RecordInteraction
from domain.events.event import Event
from domain.kernel.errors import (
    AlreadyClaimed,
    AlreadyRecorded,
    ChangedSinceImport,
    ConcurrentChange,
    DomainError,
    Invalid,
    KeyReused,
    RequestInProgress,
)

__all__ = ["LIMIT", "BulkOutcome", "BulkRecorder", "History", "HistoryFailed"]

LIMIT: Final = 10_000
"""Most events of one transaction."""
MAX_LOOKUPS: Final = 3
"""Attempts to decide the same histories when other writers come first, before it halves the batch."""


class BulkRecorder:
    """Records histories. One run of an import, or one request, uses one recorder and one `context`.

    Records that histories refer to are read once and remembered for the run.
    """

    def __init__(self, commands: Commands, claims: ClaimTable, context: Context) -> None:
        self._commands = commands
        self._claims = claims
        self._context = context
        self._repository = BulkRepository(commands, context.now)

    def record(self, histories: Sequence[History], *, whole: bool = False) -> list[BulkOutcome]:
        """Records what is new, at most 10,000 events a transaction; the outcomes in the order of `histories`.

        A history may refer to records of histories before it. A failed history leaves no trace and holds up
        no other; with `whole` it makes all fail: then nothing was recorded, and it raises `HistoryFailed` for
        the first one.

        Raises `RequestInProgress` where another request with one of the keys runs for longer than 2 s,
        `RecoveryNeeded`, and the store's errors: then what is recorded so far stays; a second run goes on.
        """
        self._repository.trim()
        outcomes: dict[int, BulkOutcome] = {}
        items: list[Item] = []
        for index, history in enumerate(histories):
            try:
                items.append(self._item(index, history))
            except DomainError as error:
                _fail(outcomes, index, error, whole=whole)
        self._take(items, outcomes, MAX_LOOKUPS, whole=whole)
        return [outcomes[index] for index in range(len(histories))]

    def _item(self, index: int, history: History) -> Item:
        """Says whose history it is. Raises `Invalid` for an interaction that cannot be recorded as it is."""
        claim, first = history.claim, history.commands[0]
        if claim is not None:
            return Item(index, history, claim.id, claim.source_digest)
        if not isinstance(first, RecordInteraction):
            raise TypeError(f"a history that begins with {type(first)} needs a claim")
        new = identified(first, self._commands.identifiers)
        prepared = replace(
            history, commands=(RecordIdentified(command=first, new=new), *history.commands[1:])
        )
        return Item(index, prepared, new.id, new.payload.source_digest.encode())

    def _take(
        self, items: Sequence[Item], outcomes: dict[int, BulkOutcome], looks: int, *, whole: bool
    ) -> None:
        """Decides the items in order and records them, whole histories at a time."""
        answers = self._answers(items)
        items = _unanswered(items, answers, outcomes, whole=whole)
        known = self._recorded(items)
        self._preload(items, known)
        pending: list[Decided] = []
        size = 0
        for item in items:
            earlier = known.get(item.key)
            if (
                not whole
                and earlier is not None
                and item.history.change
                and self._repository.staged(earlier[0])
            ):
                # It changes what one before it made: that is recorded first, so that each stands by itself.
                self._flush(pending, outcomes, looks, whole=whole)
                pending, size = [], 0
                earlier = self._recorded([item]).get(item.key)
            try:
                decided = self._decide(item, earlier)
            except DomainError as error:
                if whole:
                    self._drop(pending)
                _fail(outcomes, item.index, error, whole=whole)
                continue
            if size + len(decided.events) > LIMIT and not whole:
                self._flush(pending, outcomes, looks, whole=whole)
                pending, size = [], 0
            pending.append(decided)
            size += len(decided.events)
            known.setdefault(item.key, (item.id, item.digest))
        self._flush(pending, outcomes, looks, whole=whole)

    def _recorded(self, items: Iterable[Item]) -> dict[Key, tuple[UUID, bytes | None]]:
        """Returns id and digest of each item that the store has already."""
        wanted: dict[str, list[str]] = {}
        derived: list[UUID] = []
        for item in items:
            claim = item.history.claim
            if claim is None:
                derived.append(item.id)
            else:
                wanted.setdefault(claim.source, []).append(claim.external_id)
        known: dict[Key, tuple[UUID, bytes | None]] = {
            (source, external_id): (claim.id, claim.source_digest)
            for source, external_ids in wanted.items()
            for external_id, claim in self._claims.find(source, external_ids).items()
        }
        recorded = self._commands.crm.digests(derived) if derived else {}
        self._repository.absent(id for id in derived if id not in recorded)
        return known | {id: (id, digest.encode()) for id, digest in recorded.items()}

    def _preload(self, items: Iterable[Item], known: Mapping[Key, tuple[UUID, bytes | None]]) -> None:
        """Reads the records that decisions will need, at once instead of one by one."""
        wanted: list[UUID] = []
        for item in items:
            earlier = known.get(item.key)
            if earlier is None:
                wanted += (id for id in named(item.history) if id != item.id)
            elif item.history.change is not None:
                wanted.append(earlier[0])
        self._repository.preload(wanted)

    def _answers(self, items: Iterable[Item]) -> dict[str, Answer | KeyReused]:
        """Returns the earlier outcomes of the items' idempotency keys."""
        keys = {item.history.key: item.history.request for item in items if item.history.key is not None}
        return self._commands.idempotency.find_many(self._context.actor.id, keys) if keys else {}

    def _decide(self, item: Item, earlier: tuple[UUID, bytes | None] | None) -> Decided:
        """Runs the history's commands, or the one that changes the record that is there, or compares it.

        Raises the domain's errors; then the repository keeps nothing of it."""
        history = item.history
        if earlier is None:
            return self._run(item, item.id, history.commands, "created")
        id, digest = earlier
        if history.change is not None:
            return self._run(item, id, (history.change(self._repository, id),), "updated")
        compare(item, id, digest)
        return Decided(item, BulkOutcome(state="unchanged", id=id))

    def _run(self, item: Item, id: UUID, commands: Sequence[Targeted], state: State) -> Decided:
        claim = item.history.claim if state == "created" else None
        claims = {} if claim is None else {item.key: claim}
        points: list[ContactPoint] = []
        events: list[Event] = []
        version = 0
        try:
            for command in commands:
                decision = self._commands.decide(command, self._repository, self._context)
                made = events_of(decision, self._context)
                if any(event.originator_id != id for event in made):
                    raise ValueError(f"a history of {id} changes another one by {type(command)}")
                for each in decision.claims:
                    claims.setdefault((each.source, each.external_id), each)
                points += decision.contact_points
                events += made
                version = decision.changes[0].version
                self._repository.stage(id, made)
            if len(events) > LIMIT:
                raise Invalid(
                    f"The history has {len(events):,} events; at most {LIMIT:,} are allowed. Shorten it."
                )
        except Exception:
            self._repository.drop(id)
            raise
        outcome = BulkOutcome(state=state if events else "unchanged", id=id, version=version)
        return Decided(item, outcome, tuple(events), tuple(claims.values()), tuple(points))

    def _flush(
        self, pending: Sequence[Decided], outcomes: dict[int, BulkOutcome], looks: int, *, whole: bool
    ) -> None:
        """Records `pending` in one transaction; where that is refused, in halves, down to the culprit."""
        if not pending:
            return
        if whole and sum(len(decided.events) for decided in pending) > LIMIT:
            self._drop(pending)
            raise HistoryFailed(
                0, Invalid(f"Together that is more than {LIMIT:,} events. Send less at once.")
            )
        try:
            positions = self._record(pending)
        except DomainError as error:
            self._drop(pending)
            self._again(pending, error, outcomes, looks, whole=whole)
            return
        start = 0
        for decided in pending:
            own = positions[start : start + len(decided.events)]
            start += len(own)
            if decided.outcome.id is not None:
                self._repository.keep(decided.outcome.id)
            outcomes[decided.item.index] = replace(decided.outcome, position=max(own, default=0))

    def _record(self, pending: Sequence[Decided]) -> list[int]:
        rows = self._rows(pending)
        events = [event for decided in pending for event in decided.events]
        if not events and not rows:
            return []
        return self._commands.crm.record_bulk(
            events,
            [claim for decided in pending for claim in decided.claims],
            [point for decided in pending for point in decided.contact_points],
            rows,
        )

    def _rows(self, pending: Sequence[Decided]) -> list[IdempotencyRow]:
        """Returns the outcomes to keep, of the items with an idempotency key."""
        keyed = [(decided, decided.item.history.key) for decided in pending]
        compared = [
            decided.outcome.id
            for decided, key in keyed
            if key is not None and decided.outcome.version == 0 and decided.outcome.id is not None
        ]
        versions = self._commands.crm.versions(compared) if compared else {}
        rows = []
        for decided, key in keyed:
            outcome = decided.outcome
            if key is None or outcome.id is None:
                continue
            answer = Answer(
                status=CREATED if outcome.state == "created" else CHANGED,
                ids=(outcome.id,),
                versions=(outcome.version or versions.get(outcome.id, 1),),
                recorded=bool(decided.events),
            )
            request = decided.item.history.request
            rows.append(self._commands.idempotency.row(self._context.actor.id, key, request, answer))
        return rows

    def _again(
        self,
        pending: Sequence[Decided],
        error: DomainError,
        outcomes: dict[int, BulkOutcome],
        looks: int,
        *,
        whole: bool,
    ) -> None:
        """Decides what to do with histories that were refused together; none of them is recorded.

        Another request, or another run of the import, may have been first: then what is there now is looked
        at again, as any earlier one. Decided again they are in any case, since a history of the second half
        may lean on a failed one of the first."""
        items = [decided.item for decided in pending]
        if isinstance(error, RecoveryNeeded):
            raise error
        if isinstance(error, RequestInProgress) and (looks == 1 or not self._answers(items)):
            raise error
        met = isinstance(error, AlreadyClaimed | ConcurrentChange | KeyReused | RequestInProgress)
        if met and looks > 1:
            self._take(items, outcomes, looks - 1, whole=whole)
        elif whole:
            raise HistoryFailed(self._culprit(pending, error), error)
        elif len(items) == 1:
            _fail(outcomes, items[0].index, error, whole=whole)
        else:
            middle = len(items) // 2
            self._take(items[:middle], outcomes, MAX_LOOKUPS, whole=whole)
            self._take(items[middle:], outcomes, MAX_LOOKUPS, whole=whole)

    def _culprit(self, pending: Sequence[Decided], error: DomainError) -> int:
        """The place of the first history that `error` is about."""
        for decided in pending:
            try:
                self._commands.crm.refuse_unwritable(decided.events)
            except DomainError:
                return decided.item.index
        about = getattr(error, "id", None)
        return next((each.item.index for each in pending if each.outcome.id == about), pending[0].item.index)

    def _drop(self, pending: Iterable[Decided]) -> None:
        """Forgets what is decided and not recorded, and what it was decided upon: that may be stale."""
        for decided in pending:
            if decided.outcome.id is not None:
                self._repository.drop(decided.outcome.id)


def _fail(outcomes: dict[int, BulkOutcome], index: int, error: DomainError, *, whole: bool) -> None:
    if whole:
        raise HistoryFailed(index, error)
    id = error.id if isinstance(error, AlreadyRecorded | ChangedSinceImport) else None
    outcomes[index] = BulkOutcome(state="failed", id=id if isinstance(id, UUID) else None, error=error)


def _unanswered(
    items: Sequence[Item],
    answers: dict[str, Answer | KeyReused],
    outcomes: dict[int, BulkOutcome],
    *,
    whole: bool,
) -> list[Item]:
    """Returns the items without an earlier outcome; the others have their earlier outcome."""
    left = []
    for item in items:
        answer = None if item.history.key is None else answers.get(item.history.key)
        if answer is None:
            left.append(item)
        elif isinstance(answer, KeyReused):
            _fail(outcomes, item.index, answer, whole=whole)
        else:
            done: State = "created" if answer.status == CREATED else "updated"
            outcomes[item.index] = BulkOutcome(
                state=done if answer.recorded else "unchanged",
                id=answer.ids[0],
                version=answer.versions[0],
                position=max(answer.positions, default=0),
            )
    return left
