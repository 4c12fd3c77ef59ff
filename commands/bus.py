"""The bus: takes a command, finds an earlier answer or decides and records, once however often it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from commands import case, contact, conversion, customer, interaction, lead, opportunity, principal, product
from commands.context import Context
from commands.decision import Command, Decision, Handlers, World, events_of
from commands.identifiers import Identifiers
from commands.store.application import Crm
from commands.store.idempotency import Answer, Idempotency
from domain.aggregate import Aggregate, Evolve
from domain.errors import AlreadyClaimed, ConcurrentChange, Invalid, RequestInProgress
from domain.pipelines import Pipelines

A = TypeVar("A", bound=Aggregate)

ATTEMPTS: Final = 6
"""How often a command is decided when others keep changing the record in between."""

KEY_LIMIT: Final = 255
CREATED: Final = 201
CHANGED: Final = 200

HANDLERS: Final[Handlers] = {
    **opportunity.HANDLERS,
    **customer.HANDLERS,
    **principal.HANDLERS,
    **product.HANDLERS,
    **contact.HANDLERS,
    **lead.HANDLERS,
    **conversion.HANDLERS,
    **case.HANDLERS,
    **interaction.HANDLERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a command.

    `id` and `version` are the commanded record's, `ids` those of all records it changed, that one first.
    `position` is the highest one recorded, 0 where nothing changed. `replayed`: the answer to the same
    request, given before; nothing was recorded now.
    """

    id: UUID
    version: int
    position: int
    ids: tuple[UUID, ...]
    replayed: bool = False


class StoredWorld:
    """What the store holds. `expected` is the version that the record `target` must be at."""

    def __init__(
        self,
        crm: Crm,
        pipelines: Pipelines,
        identifiers: Identifiers,
        *,
        target: UUID | None = None,
        expected: int | None = None,
    ) -> None:
        self._crm = crm
        self._pipelines = pipelines
        self._identifiers = identifiers
        self._target = target
        self._expected = expected

    @property
    def pipelines(self) -> Pipelines:
        """The configured pipelines."""
        return self._pipelines

    @property
    def identifiers(self) -> Identifiers:
        """What is derived by a key."""
        return self._identifiers

    def find(self, evolve: Evolve[A], id: UUID) -> A | None:
        """The aggregate, None where it has no event."""
        return self._crm.find(evolve, id)

    def load(self, what: str, evolve: Evolve[A], id: UUID) -> A:
        """The aggregate. Raises `NotFound`, and `ConcurrentChange` for a target at another version: before
        anything is decided, so that who read an old version hears that, and not what followed from it."""
        found = self._crm.load(what, evolve, id)
        if id == self._target and self._expected is not None and found.version != self._expected:
            raise ConcurrentChange(id=id, expected=self._expected, found=found.version)
        return found


class Commands:
    """Executes commands."""

    def __init__(
        self,
        crm: Crm,
        idempotency: Idempotency,
        pipelines: Pipelines,
        identifiers: Identifiers,
        *,
        handlers: Handlers = HANDLERS,
    ) -> None:
        self.crm = crm
        self.pipelines = pipelines
        self.identifiers = identifiers
        self._idempotency = idempotency
        self._handlers = handlers

    def execute(
        self,
        command: Command,
        context: Context,
        *,
        expected_version: int | None = None,
        key: str | None = None,
        request: bytes = b"",
    ) -> Outcome:
        """Executes one command.

        With `expected_version`, a record at another version raises `ConcurrentChange`; without, what others
        did in between is read again and decided upon, a few times. With `key`, the same `request` of the same
        actor gets the same outcome, however often it comes; refusals are not kept, they are decided again.
        Raises the domain's errors.
        """
        if key is not None and not 0 < len(key.strip()) <= KEY_LIMIT:
            raise Invalid(f"The idempotency key is empty or longer than {KEY_LIMIT} characters. Use a UUID.")

        def attempt() -> Outcome:
            answered = self._answered(context, key, request)
            if answered is not None:
                return answered
            world = StoredWorld(
                self.crm,
                self.pipelines,
                self.identifiers,
                target=command.target,
                expected=expected_version,
            )
            return self._record(self.decide(command, world, context), context, key, request)

        # Only a stale read is worth deciding afresh. A new record has nothing to read again, but for an
        # interaction, whose id is the same however often it is sent.
        known = command.target is not None or type(command) is interaction.RecordInteraction
        again = known and expected_version is None
        try:
            return self._retrying(attempt) if again else attempt()
        except (ConcurrentChange, AlreadyClaimed, RequestInProgress):
            # The same request at the same time may have been first: then its answer is ours.
            answered = self._answered(context, key, request)
            if answered is None:
                raise
            return answered

    def decide(self, command: Command, world: World, context: Context) -> Decision:
        """What the command leads to in `world`; nothing is recorded. Raises the domain's errors."""
        return self._handlers[type(command)](command, world, context)

    def _retrying(self, attempt: Callable[[], Outcome]) -> Outcome:
        retrying = Retrying(
            retry=retry_if_exception_type(ConcurrentChange),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.01, max=0.3),
            reraise=True,
        )
        return retrying(attempt)

    def _answered(self, context: Context, key: str | None, request: bytes) -> Outcome | None:
        if key is None:
            return None
        answer = self._idempotency.find(context.actor.id, key, request)
        if answer is None:
            return None
        return Outcome(
            id=answer.ids[0],
            version=answer.versions[0],
            position=max(answer.positions, default=0),
            ids=answer.ids,
            replayed=True,
        )

    def _record(self, decision: Decision, context: Context, key: str | None, request: bytes) -> Outcome:
        events = events_of(decision, context)
        first = decision.changes[0]
        ids = tuple(change.id for change in decision.changes)
        row = None
        if key is not None:
            answer = Answer(
                status=CREATED if first.state is None else CHANGED,
                ids=ids,
                versions=tuple(change.version for change in decision.changes),
                recorded=bool(events),
            )
            row = self._idempotency.row(context.actor.id, key, request, answer)
        positions: list[int] = []
        if events or row is not None:
            positions = self.crm.record(
                events, claims=decision.claims, idempotency=row, contact_points=decision.contact_points
            )
        return Outcome(id=first.id, version=first.version, position=max(positions, default=0), ids=ids)
