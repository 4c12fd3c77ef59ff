"""The dispatcher: decides and records a command, or returns its earlier outcome; once, however often sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from commands.activities import interaction
from commands.customers import customer
from commands.dispatch.context import Context
from commands.dispatch.decide import decide
from commands.dispatch.decision import Decision, HandlerRepository, Handlers, Targeted, events_of
from commands.dispatch.repository import StoreRepository
from commands.sales import conversion
from commands.store.application import Crm
from commands.store.idempotency import Answer, Idempotency
from commands.store.identifiers import Identifiers
from domain.activities.interaction.commands import RecordInteraction
from domain.configuration.pipelines import Pipelines
from domain.configuration.reasons import DEFAULT, Reasons
from domain.kernel.command import Command
from domain.kernel.errors import ChangedAgain, ConcurrentChange, DomainError, Invalid, KeyReused

MAX_ATTEMPTS: Final = 20
"""How often a command is decided when others keep changing the record in between. An attempt fails only
because somebody else's did not, so with fewer than this many at once each of them is done."""

KEY_LIMIT: Final = 255
CREATED: Final = 201
CHANGED: Final = 200

HANDLERS: Final[Handlers] = {**customer.HANDLERS, **conversion.HANDLERS, **interaction.HANDLERS}
"""The commands that change several records, or make one whose id is derived. All others are decided alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a command.

    `id` and `version` are the commanded record's, `ids` those of all records it changed, that one first.
    `position` is the highest one recorded, 0 where nothing changed. `replayed`: the answer to the same
    request, given before; nothing was recorded now.
    """

    id: UUID
    version: int
    position: int
    ids: tuple[UUID, ...]
    replayed: bool = False


class Commands:
    """Executes commands."""

    def __init__(
        self,
        crm: Crm,
        idempotency: Idempotency,
        pipelines: Pipelines,
        identifiers: Identifiers,
        *,
        reasons: Reasons = DEFAULT,
        handlers: Handlers = HANDLERS,
    ) -> None:
        self.crm = crm
        self.pipelines = pipelines
        self.identifiers = identifiers
        self.reasons = reasons
        self.idempotency = idempotency
        self._handlers = handlers

    def execute(
        self,
        command: Targeted,
        context: Context,
        *,
        expected_version: int | None = None,
        key: str | None = None,
        request: bytes = b"",
    ) -> Outcome:
        """Executes one command.

        With `expected_version`, the record at another version raises `ConcurrentChange`; what others did to
        records beside it, or to any record where none is expected, is read again and decided upon, at most
        `ATTEMPTS` times, then it raises `ChangedAgain`.

        With `key`, the same `request` of the same actor gets the same outcome, however often and by however
        many at once it is sent. A refusal is not kept: it changed nothing, its cause may be put right, and
        then the same request is to succeed. So it is decided again each time, but never returned to one of
        two equal requests while the other succeeds. Raises the domain's errors.
        """
        if key is not None and not 0 < len(key.strip()) <= KEY_LIMIT:
            raise Invalid(f"The idempotency key is empty or longer than {KEY_LIMIT} characters. Use a UUID.")
        # Before any read: after a restore a lost record would look as if it never existed.
        self.crm.require_recovered()

        def attempt() -> Outcome:
            answered = self._answered(context, key, request)
            if answered is not None:
                return answered
            repository = StoreRepository(
                self.crm,
                self.configuration,
                self.identifiers,
                context.now,
                target=command.target,
                expected=expected_version,
            )
            return self._record(self.decide(command, repository, context), context, key, request)

        def stale(error: BaseException) -> bool:
            # Only a stale read is worth deciding afresh. A new record has nothing to read again, but for an
            # interaction, whose id is the same however often it is sent.
            if not isinstance(error, ConcurrentChange):
                return False
            if command.target is None:
                return type(command) is RecordInteraction
            return expected_version is None or error.id != command.target

        try:
            return _retried(attempt, stale)
        except KeyReused:
            raise
        except DomainError:
            # The same request at the same time may have been first, and what it did may be just what refuses
            # this one: then its answer is ours.
            answered = self._answered(context, key, request)
            if answered is None:
                raise
            return answered

    def decide(self, command: Targeted, repository: HandlerRepository, context: Context) -> Decision:
        """Returns the decision on the command; records nothing. Raises the domain's errors."""
        handler = self._handlers.get(type(command))
        if handler is not None:
            return handler(command, repository, context)
        return decide(cast("Command", command), repository, context)

    @property
    def configuration(self) -> Mapping[str, Any]:
        """The configuration in force, by kind."""
        return {"pipelines": self.pipelines, "reasons": self.reasons}

    def _answered(self, context: Context, key: str | None, request: bytes) -> Outcome | None:
        if key is None:
            return None
        answer = self.idempotency.find(context.actor.id, key, request)
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
            row = self.idempotency.row(context.actor.id, key, request, answer)
        positions: list[int] = []
        if events or row is not None:
            positions = self.crm.record(
                events, claims=decision.claims, idempotency=row, contact_points=decision.contact_points
            )
        return Outcome(id=first.id, version=first.version, position=max(positions, default=0), ids=ids)


def _retried(attempt: Callable[[], Outcome], stale: Callable[[BaseException], bool]) -> Outcome:
    try:
        return attempt()  # nearly always all there is to do; the retrying has a price of its own
    except ConcurrentChange as error:
        if not stale(error):
            raise
    again = Retrying(
        retry=retry_if_exception(stale),
        stop=stop_after_attempt(MAX_ATTEMPTS - 1),
        wait=wait_random_exponential(multiplier=0.01, max=0.1),
        retry_error_callback=_give_up,
    )
    return again(attempt)


def _give_up(state: RetryCallState) -> Outcome:
    last = state.outcome.exception() if state.outcome else None
    assert isinstance(last, ConcurrentChange), "only those are tried again"
    raise ChangedAgain(last, attempts=state.attempt_number + 1) from last
