"""What may happen to a case: its lifecycle table and one decision per command.

Imported history may begin in any state and may leap within the open ones and to the end; what it leapt over
is recorded. A decision answers with events, with none when nothing would change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args
from uuid import UUID

from domain.configuration.reasons import Reasons, checked, configured_reasons
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.repository import Repository
from domain.kernel.text import lines, note, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, changed, changed_entries, references
from domain.service.case.commands import (
    AssignCase,
    ChangeCaseDetails,
    ChangeCasePriority,
    CloseCase,
    EscalateCase,
    HistoryCommand,
    LinkCase,
    MarkDuplicate,
    MoveCase,
    OpenCase,
    RejectCase,
    ReopenCase,
    ResolveCase,
    RespondToCase,
)
from domain.service.case.events import (
    Assigned,
    CaseClosed,
    CaseEvent,
    CaseKind,
    CaseState,
    CustomerLinked,
    DetailsChanged,
    Duplicated,
    Escalated,
    Opened,
    PriorityChanged,
    Rejected,
    Reopened,
    Resolved,
    Responded,
    StateChanged,
)
from domain.service.case.state import Case

ASSIGN: Final = "be assigned"
RESOLVE: Final = "be resolved"
CLOSE: Final = "be closed"
REOPEN: Final = "be reopened"
REJECT: Final = "be rejected"
DUPLICATE: Final = "be marked as a duplicate"
PRIORITY: Final = "change its priority"
ESCALATE: Final = "be escalated"
DETAILS: Final = "change its details"
RESPOND: Final = "be responded to"
LINK: Final = "be linked to a customer"

OPEN: Final[tuple[CaseState, ...]] = (
    "new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party",
)  # fmt: skip
WAITING: Final[tuple[CaseState, ...]] = ("waiting_on_customer", "waiting_on_third_party")


def to(state: str) -> str:
    """The move to an open state, as a refusal says it."""
    return f"move to {state}"


def _open(state: CaseState, *leads_to: CaseState) -> dict[str, str]:
    """The moves of an open state: to other open states, out of the open ones, and what leaves it there."""
    return {
        **{to(other): other for other in leads_to},
        RESOLVE: "resolved",
        REJECT: "rejected",
        DUPLICATE: "duplicate",
        ASSIGN: "assigned" if state == "new" else state,
        **dict.fromkeys((PRIORITY, ESCALATE, DETAILS, RESPOND, LINK), state),
    }


LIFECYCLE: Final = Lifecycle(
    record_type="case",
    transitions={
        "new": _open("new", "assigned", *WAITING),
        "assigned": _open("assigned", "in_progress", *WAITING),
        "in_progress": _open("in_progress", *WAITING),
        **{state: _open(state, "new", "assigned", "in_progress") for state in WAITING},
        # An agent corrects category and cause when all is over, and only then is known whose it was.
        "resolved": {CLOSE: "closed", REOPEN: "in_progress", DETAILS: "resolved", LINK: "resolved"},
        "closed": {REOPEN: "in_progress", DETAILS: "closed", LINK: "closed"},
        "rejected": {LINK: "rejected"},
        "duplicate": {LINK: "duplicate"},
    },
)

PRIORITIES: Final = range(1, 5)
ESCALATIONS: Final = range(10)

_WAY: Final[tuple[CaseState, ...]] = ("new", "assigned", "in_progress", "resolved", "closed")

Events = tuple[CaseEvent, ...]


def open_case(
    *,
    kind: CaseKind,
    state: CaseState,
    priority: int,
    channel: str | None,
    customer_id: UUID | None,
    queue: str | None,
    owner_id: UUID | None,
    category: str | None,
    product: str | None,
    cause: str | None,
    subject: str | None,
    description: str | None,
    attributes: Mapping[str, str],
    imported: bool,
    logged_at: datetime | None,
    reference: Reference | None,
) -> Events:
    """Opens it as new; imported history in any state."""
    if state not in get_args(CaseState):
        names = ", ".join(get_args(CaseState))
        raise Invalid(f"There is no state {quoted(state)} of a case. Name one of: {names}.")
    if state != "new" and not imported:
        raise Invalid(f"A case is opened as new, not as {state}. Open it, then move it.")
    return (
        Opened(
            kind=_kind(kind),
            state=state,
            priority=_priority(priority),
            channel=optional_line("channel", channel),
            customer_id=customer_id,
            queue=optional_line("queue", queue),
            owner_id=owner_id,
            category=optional_line("category", category),
            product=optional_line("product", product),
            cause=optional_line("cause", cause),
            subject=optional_line("subject", subject),
            description=None if description is None else note("description", description),
            references=references(reference),
            imported=imported,
            skipped=() if state == "new" else ("new", *skipped("new", state)),
            logged_at=_logged(logged_at, imported=imported),
            attributes=lines("attribute", attributes),
        ),
    )


def skipped(start: str, end: str) -> tuple[CaseState, ...]:
    """The states between two that imported history leapt over; none where the table has the move."""
    if end in LIFECYCLE.transitions[start].values():
        return ()
    if start in WAITING and end in WAITING:
        return ("in_progress",)
    behind = _place(start) + 1
    return _WAY[behind : _place(end)]


def _place(state: str) -> int:
    """How far a case has come in a state: one that waits has been worked on, one that ended has ended."""
    if state in WAITING:
        return _WAY.index("in_progress")
    return _WAY.index(state) if state in _WAY else _WAY.index("resolved")


def assign(
    state: Case,
    *,
    queue: str | None,
    owner_id: UUID | None,
    remove: tuple[str, ...],
    imported: bool,
    logged_at: datetime | None,
) -> Events:
    """Gives it to a queue, an owner, or both; what is not named stays, `remove` names queue or owner_id.

    A new case becomes assigned by it; an imported log says its states itself. Imported history may change
    who had it in any state.
    """
    reached = state.state if imported else check(LIFECYCLE, state.state, ASSIGN)
    if unknown := [field for field in remove if field not in ("queue", "owner_id")]:
        raise Invalid(f"A case has no {quoted(unknown[0])} to be taken from. Name queue or owner_id.")
    if queue is None and owner_id is None and not remove:
        raise Invalid("The case is given to nobody. Name a queue, an owner, or both.")
    new_queue = None if "queue" in remove else optional_line("queue", queue) or state.queue
    new_owner = None if "owner_id" in remove else owner_id or state.owner_id
    moves = reached != state.state
    if (new_queue, new_owner) == (state.queue, state.owner_id) and not moves:
        return ()
    return (
        Assigned(
            queue=new_queue,
            owner_id=new_owner,
            previous_queue=state.queue if new_queue != state.queue else None,
            previous_owner_id=state.owner_id if new_owner != state.owner_id else None,
            from_state=state.state if moves else None,
            to_state=cast("CaseState", reached) if moves else None,
            logged_at=_logged(logged_at, imported=imported),
        ),
    )


def move(state: Case, *, to_state: CaseState, imported: bool, logged_at: datetime | None) -> Events:
    """Moves it to another open state; nothing when it is there. Imported history may leap, also back."""
    if to_state not in OPEN:
        raise Invalid(f"A case cannot be moved to {quoted(to_state)}. Name one of: {', '.join(OPEN)}.")
    if state.state == to_state:
        return ()
    if not (imported and state.state in OPEN):
        check(LIFECYCLE, state.state, to(to_state))
    return (
        StateChanged(
            from_state=state.state,
            to_state=to_state,
            skipped=skipped(state.state, to_state),
            logged_at=_logged(logged_at, imported=imported),
        ),
    )


def change_priority(state: Case, *, priority: int, imported: bool, logged_at: datetime | None) -> Events:
    """Changes the priority, 1 (most urgent) to 4."""
    _check_open(state, PRIORITY, imported=imported)
    if _priority(priority) == state.priority:
        return ()
    logged = _logged(logged_at, imported=imported)
    return (PriorityChanged(old=state.priority, new=priority, logged_at=logged),)


def escalate(state: Case, *, level: int, imported: bool, logged_at: datetime | None) -> Events:
    """Changes the escalation level, 0 (none) to 9."""
    _check_open(state, ESCALATE, imported=imported)
    if level not in ESCALATIONS:
        raise Invalid(f"The escalation level {level} is not between 0 and {ESCALATIONS[-1]}. Correct it.")
    if level == state.escalation:
        return ()
    return (Escalated(old=state.escalation, new=level, logged_at=_logged(logged_at, imported=imported)),)


def change_details(
    state: Case,
    *,
    kind: CaseKind | None,
    channel: str | None,
    category: str | None,
    product: str | None,
    cause: str | None,
    attributes: Mapping[str, str],
    remove: tuple[str, ...],
    imported: bool,
    logged_at: datetime | None,
) -> Events:
    """Changes what is named; `remove` names channel, category, product, cause or `attributes.<name>`."""
    check(LIFECYCLE, state.state, DETAILS)
    details = {"channel": channel, "category": category, "product": product, "cause": cause}
    entries: dict[str, str | None] = dict(lines("attribute", attributes))
    for named in remove:
        if named.startswith("attributes."):
            entries[named.removeprefix("attributes.")] = None
        elif named not in details:
            raise Invalid(
                f"No field {quoted(named)} of a case can be removed. "
                f"Name one of: {', '.join(details)}, attributes.<name>."
            )
    changes = [*changed("kind", state.kind, state.kind if kind is None else _kind(kind))]
    for name, value in details.items():
        old = getattr(state, name)
        changes += changed(name, old, None if name in remove else optional_line(name, value) or old)
    changes += changed_entries("attributes", state.attributes, entries)
    logged = _logged(logged_at, imported=imported)
    return (DetailsChanged(changes=tuple(changes), logged_at=logged),) if changes else ()


def respond(state: Case, *, interaction_id: UUID | None) -> Events:
    """Notes the first response; a later one changes nothing."""
    if state.responded is not None:
        return ()
    check(LIFECYCLE, state.state, RESPOND)
    return (Responded(interaction_id=interaction_id),)


def resolve(
    state: Case,
    *,
    code: str | None,
    cause: str | None,
    note_text: str | None,
    imported: bool,
    logged_at: datetime | None,
) -> Events:
    """Notes that it is solved, out of any open state."""
    check(LIFECYCLE, state.state, RESOLVE)
    return (
        Resolved(
            from_state=state.state,
            code=optional_line("code", code),
            cause=optional_line("cause", cause),
            note=None if note_text is None else note("note", note_text),
            logged_at=_logged(logged_at, imported=imported),
            skipped=skipped(state.state, "resolved"),
        ),
    )


def close(
    state: Case, *, code: str | None, reported_sla: bool | None, imported: bool, logged_at: datetime | None
) -> Events:
    """Closes a resolved one; imported history any open one. Only a log reports how its SLA ended."""
    if not (imported and state.state in OPEN):
        check(LIFECYCLE, state.state, CLOSE)
    if reported_sla is not None and not imported:
        raise Invalid("Only an imported log reports how the SLA ended. Leave reported_sla out.")
    return (
        CaseClosed(
            from_state=state.state,
            code=optional_line("code", code),
            reported_sla=reported_sla,
            logged_at=_logged(logged_at, imported=imported),
            skipped=skipped(state.state, "closed"),
        ),
    )


def reopen(state: Case, *, to_state: CaseState, imported: bool, logged_at: datetime | None) -> Events:
    """Takes up a resolved or closed one again, in an open state; what resolved it stays in the history."""
    check(LIFECYCLE, state.state, REOPEN)
    if to_state not in OPEN:
        raise Invalid(f"A case cannot be reopened as {quoted(to_state)}. Name one of: {', '.join(OPEN)}.")
    logged = _logged(logged_at, imported=imported)
    return (Reopened(from_state=state.state, to_state=to_state, logged_at=logged),)


def reject(state: Case, reasons: Reasons, *, reason: str | None, note_text: str | None) -> Events:
    """Ends it unsolved; the reason, where one is named, is one of the list, and "other" needs a note."""
    check(LIFECYCLE, state.state, REJECT)
    note = checked(reasons.case_rejected, reason, note_text)
    return (Rejected(from_state=state.state, reason=reason, note=note),)


def mark_duplicate(state: Case, other: Case) -> Events:
    """Ends it as the same as another, which is itself no duplicate."""
    check(LIFECYCLE, state.state, DUPLICATE)
    if other.id == state.id:
        raise Invalid("A case cannot be a duplicate of itself. Name the other one.")
    if other.state == "duplicate":
        raise Invalid(f"The case {other.id} is itself a duplicate of {other.duplicate_of}. Name that one.")
    return (Duplicated(from_state=state.state, of=other.id),)


def link_customer(state: Case, *, customer_id: UUID) -> Events:
    """Says whose case it is, or that it is another's; its party stays."""
    check(LIFECYCLE, state.state, LINK)
    if customer_id == state.customer_id:
        return ()
    return (CustomerLinked(customer_id=customer_id, previous_customer_id=state.customer_id),)


def _check_open(state: Case, move: str, *, imported: bool) -> None:
    """A log may change these after the end, too; its order is not ours."""
    if not (imported and state.state in ("resolved", "closed")):
        check(LIFECYCLE, state.state, move)


def _kind(kind: CaseKind) -> CaseKind:
    if kind not in get_args(CaseKind):
        names = ", ".join(get_args(CaseKind))
        raise Invalid(f"There is no kind of case {quoted(kind)}. Name one of: {names}.")
    return kind


def _priority(priority: int) -> int:
    if priority not in PRIORITIES:
        raise Invalid(f"The priority {priority} is not between 1 and 4. Name 1 for the most urgent.")
    return priority


def _logged(logged_at: datetime | None, *, imported: bool) -> datetime | None:
    if logged_at is None:
        return None
    if not imported:
        raise Invalid("Only imported history has a log's own stamp. Leave logged_at out.")
    if logged_at.tzinfo is None:
        raise Invalid(f"The time {logged_at.isoformat()} has no time zone. Add one, such as Z for UTC.")
    return logged_at.astimezone(UTC)


def decide(command: Any, state: Any, repository: Repository) -> Events:
    """What follows from a command on a case."""
    match command:
        case OpenCase():
            return open_case(
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
        case HistoryCommand():
            return _decide_history(command, state, imported=command.imported, logged_at=command.logged_at)
        case RespondToCase():
            return respond(state, interaction_id=command.interaction_id)
        case RejectCase():
            reasons = configured_reasons(repository)
            return reject(state, reasons, reason=command.reason, note_text=command.note)
        case MarkDuplicate():
            return mark_duplicate(state, repository.load("case", command.of))
        case LinkCase():
            return link_customer(state, customer_id=command.customer_id)
        case _:
            raise undecided(command)


def _decide_history(
    command: HistoryCommand, state: Case, *, imported: bool, logged_at: datetime | None
) -> Events:
    """What follows from a command that may be a step of imported history."""
    match command:
        case AssignCase():
            return assign(
                state,
                queue=command.queue,
                owner_id=command.owner_id,
                remove=command.remove,
                imported=imported,
                logged_at=logged_at,
            )
        case MoveCase():
            return move(state, to_state=command.to_state, imported=imported, logged_at=logged_at)
        case ChangeCasePriority():
            return change_priority(state, priority=command.priority, imported=imported, logged_at=logged_at)
        case EscalateCase():
            return escalate(state, level=command.level, imported=imported, logged_at=logged_at)
        case ChangeCaseDetails():
            return change_details(
                state,
                kind=command.kind,
                channel=command.channel,
                category=command.category,
                product=command.product,
                cause=command.cause,
                attributes=command.attributes,
                remove=command.remove,
                imported=imported,
                logged_at=logged_at,
            )
        case ResolveCase():
            return resolve(
                state,
                code=command.code,
                cause=command.cause,
                note_text=command.note,
                imported=imported,
                logged_at=logged_at,
            )
        case CloseCase():
            return close(
                state,
                code=command.code,
                reported_sla=command.reported_sla,
                imported=imported,
                logged_at=logged_at,
            )
        case ReopenCase():
            return reopen(state, to_state=command.to_state, imported=imported, logged_at=logged_at)
        case _:
            raise undecided(command)
