"""What may happen to a case: its lifecycle table and one decision per command.

A decision returns the events to record, or none when the command changes nothing. Imported history may skip
states (`imported.py`); the events record which.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast, get_args
from uuid import UUID

from domain.configuration.reasons import Reasons, checked, configured_reasons
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.repository import Repository
from domain.kernel.text import lines, note, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import changed, changed_entries, references
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
    OPEN,
    WAITING,
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
from domain.service.case.imported import logged_at, states_between
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


def to(state: str) -> str:
    """The transition to an open state, as a refusal names it."""
    return f"move to {state}"


def _open(state: CaseState, *leads_to: CaseState) -> dict[str, str]:
    """The transitions of an open state: to other open states, to the end, and those that leave it there."""
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
        # Agents correct category and cause after the end, and often learn the customer only then.
        "resolved": {CLOSE: "closed", REOPEN: "in_progress", DETAILS: "resolved", LINK: "resolved"},
        "closed": {REOPEN: "in_progress", DETAILS: "closed", LINK: "closed"},
        "rejected": {LINK: "rejected"},
        "duplicate": {LINK: "duplicate"},
    },
)

PRIORITIES: Final = range(1, 5)
ESCALATIONS: Final = range(10)

Events = tuple[CaseEvent, ...]


def open_case(command: OpenCase) -> Events:
    """Opens it as new, imported history in any state."""
    state = command.state
    if state not in get_args(CaseState):
        names = ", ".join(get_args(CaseState))
        raise Invalid(f"There is no state {quoted(state)} of a case. Name one of: {names}.")
    if state != "new" and not command.imported:
        raise Invalid(f"A case is opened as new, not as {state}. Open it, then move it.")
    return (
        Opened(
            kind=_kind(command.kind),
            state=state,
            priority=_priority(command.priority),
            channel=optional_line("channel", command.channel),
            customer_id=command.customer_id,
            queue=optional_line("queue", command.queue),
            owner_id=command.owner_id,
            category=optional_line("category", command.category),
            product=optional_line("product", command.product),
            cause=optional_line("cause", command.cause),
            subject=optional_line("subject", command.subject),
            description=None if command.description is None else note("description", command.description),
            references=references(command.reference),
            imported=command.imported,
            skipped=() if state == "new" else ("new", *_skipped("new", state)),
            logged_at=logged_at(command.logged_at, imported=command.imported),
            attributes=lines("attribute", command.attributes),
        ),
    )


def _skipped(start: str, end: str) -> tuple[CaseState, ...]:
    """The states that imported history skips between two; empty where the table has the transition."""
    return () if end in LIFECYCLE.transitions[start].values() else states_between(start, end)


def assign(state: Case, command: AssignCase) -> Events:
    """Gives it to a queue, an owner, or both. What the command does not name stays; `remove` takes away.

    A new case becomes assigned. Imported history may change queue and owner in any state, and changes the
    state by steps of its own.
    """
    reached = state.state if command.imported else check(LIFECYCLE, state.state, ASSIGN)
    if unknown := [field for field in command.remove if field not in ("queue", "owner_id")]:
        raise Invalid(
            f"No field {quoted(unknown[0])} of a case can be removed by assigning it. Name queue or owner_id."
        )
    if command.queue is None and command.owner_id is None and not command.remove:
        raise Invalid("The case is given to nobody. Name a queue, an owner, or both.")
    new_queue = None if "queue" in command.remove else optional_line("queue", command.queue) or state.queue
    new_owner = None if "owner_id" in command.remove else command.owner_id or state.owner_id
    changes_state = reached != state.state
    if (new_queue, new_owner) == (state.queue, state.owner_id) and not changes_state:
        return ()
    return (
        Assigned(
            queue=new_queue,
            owner_id=new_owner,
            previous_queue=state.queue if new_queue != state.queue else None,
            previous_owner_id=state.owner_id if new_owner != state.owner_id else None,
            from_state=state.state if changes_state else None,
            to_state=cast("CaseState", reached) if changes_state else None,
            logged_at=_logged(command),
        ),
    )


def move(state: Case, command: MoveCase) -> Events:
    """Moves it to another open state. Imported history may skip states and go back."""
    to_state = command.to_state
    if to_state not in OPEN:
        raise Invalid(
            f"A case cannot be moved to {quoted(to_state)}: that is no open state. Name one of: "
            f"{', '.join(OPEN)}."
        )
    if state.state == to_state:
        return ()
    if not (command.imported and state.state in OPEN):
        check(LIFECYCLE, state.state, to(to_state))
    return (
        StateChanged(
            from_state=state.state,
            to_state=to_state,
            skipped=_skipped(state.state, to_state),
            logged_at=_logged(command),
        ),
    )


def change_priority(state: Case, command: ChangeCasePriority) -> Events:
    """Changes the priority, 1 (most urgent) to 4."""
    _check_open(state, PRIORITY, command)
    if _priority(command.priority) == state.priority:
        return ()
    return (PriorityChanged(old=state.priority, new=command.priority, logged_at=_logged(command)),)


def escalate(state: Case, command: EscalateCase) -> Events:
    """Changes the escalation level, 0 (none) to 9."""
    level = command.level
    _check_open(state, ESCALATE, command)
    if level not in ESCALATIONS:
        raise Invalid(f"The escalation level {level} is not between 0 and {ESCALATIONS[-1]}. Correct it.")
    if level == state.escalation:
        return ()
    return (Escalated(old=state.escalation, new=level, logged_at=_logged(command)),)


def change_details(state: Case, command: ChangeCaseDetails) -> Events:
    """Changes what it names; `remove` names channel, category, product, cause or `attributes.<name>`."""
    check(LIFECYCLE, state.state, DETAILS)
    details = {name: getattr(command, name) for name in ("channel", "category", "product", "cause")}
    entries: dict[str, str | None] = dict(lines("attribute", command.attributes))
    for named in command.remove:
        if named.startswith("attributes."):
            entries[named.removeprefix("attributes.")] = None
        elif named not in details:
            raise Invalid(
                f"No field {quoted(named)} of a case can be removed. "
                f"Name one of: {', '.join(details)}, attributes.<name>."
            )
    changes = [*changed("kind", state.kind, state.kind if command.kind is None else _kind(command.kind))]
    for name, value in details.items():
        old = getattr(state, name)
        changes += changed(name, old, None if name in command.remove else optional_line(name, value) or old)
    changes += changed_entries("attributes", state.attributes, entries)
    return (DetailsChanged(changes=tuple(changes), logged_at=_logged(command)),) if changes else ()


def respond(state: Case, *, interaction_id: UUID | None) -> Events:
    """Records the first response; a later one changes nothing."""
    if state.responded is not None:
        return ()
    check(LIFECYCLE, state.state, RESPOND)
    return (Responded(interaction_id=interaction_id),)


def resolve(state: Case, command: ResolveCase) -> Events:
    """Records that it is solved, from any open state."""
    check(LIFECYCLE, state.state, RESOLVE)
    return (
        Resolved(
            from_state=state.state,
            code=optional_line("code", command.code),
            cause=optional_line("cause", command.cause),
            note=None if command.note is None else note("note", command.note),
            logged_at=_logged(command),
            skipped=_skipped(state.state, "resolved"),
        ),
    )


def close(state: Case, command: CloseCase) -> Events:
    """Closes a resolved one, imported history any open one too. Only a log reports how the SLA ended."""
    if not (command.imported and state.state in OPEN):
        check(LIFECYCLE, state.state, CLOSE)
    if command.reported_sla is not None and not command.imported:
        raise Invalid("Only an imported log reports how the SLA ended. Leave reported_sla out.")
    return (
        CaseClosed(
            from_state=state.state,
            code=optional_line("code", command.code),
            reported_sla=command.reported_sla,
            logged_at=_logged(command),
            skipped=_skipped(state.state, "closed"),
        ),
    )


def reopen(state: Case, command: ReopenCase) -> Events:
    """Takes up a resolved or closed one again, in an open state. The history keeps the resolution."""
    to_state = command.to_state
    check(LIFECYCLE, state.state, REOPEN)
    if to_state not in OPEN:
        raise Invalid(
            f"A case cannot be reopened as {quoted(to_state)}: that is no open state. Name one of: "
            f"{', '.join(OPEN)}."
        )
    return (Reopened(from_state=state.state, to_state=to_state, logged_at=_logged(command)),)


def reject(state: Case, reasons: Reasons, *, reason: str | None, note_text: str | None) -> Events:
    """Ends it unsolved. A reason is one of the list; "other" needs a note."""
    check(LIFECYCLE, state.state, REJECT)
    note = checked(reasons.case_rejected, reason, note_text)
    return (Rejected(from_state=state.state, reason=reason, note=note),)


def mark_duplicate(state: Case, other: Case) -> Events:
    """Ends it as a duplicate of another case, which is not a duplicate itself."""
    check(LIFECYCLE, state.state, DUPLICATE)
    if other.id == state.id:
        raise Invalid("A case cannot be a duplicate of itself. Name the other one.")
    if other.state == "duplicate":
        raise Invalid(f"The case {other.id} is itself a duplicate of {other.duplicate_of}. Name that one.")
    return (Duplicated(from_state=state.state, of=other.id),)


def link_customer(state: Case, *, customer_id: UUID) -> Events:
    """Links the case to its customer, or to another one. Its party stays."""
    check(LIFECYCLE, state.state, LINK)
    if customer_id == state.customer_id:
        return ()
    return (CustomerLinked(customer_id=customer_id, previous_customer_id=state.customer_id),)


def _check_open(state: Case, transition: str, command: HistoryCommand) -> None:
    """Checks the transition; a log has an order of its own and may change these after the end, too."""
    if not (command.imported and state.state in ("resolved", "closed")):
        check(LIFECYCLE, state.state, transition)


def _logged(command: HistoryCommand) -> datetime | None:
    return logged_at(command.logged_at, imported=command.imported)


def _kind(kind: CaseKind) -> CaseKind:
    if kind not in get_args(CaseKind):
        names = ", ".join(get_args(CaseKind))
        raise Invalid(f"There is no kind of case {quoted(kind)}. Name one of: {names}.")
    return kind


def _priority(priority: int) -> int:
    if priority not in PRIORITIES:
        raise Invalid(f"The priority {priority} is not between 1 and 4. Name 1 for the most urgent.")
    return priority


def decide(command: Any, state: Any, repository: Repository) -> Events:
    """Returns the events that follow from a command on a case."""
    match command:
        case OpenCase():
            return open_case(command)
        case HistoryCommand():
            return _decide_history(command, state)
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


def _decide_history(command: HistoryCommand, state: Case) -> Events:
    """Returns the events that follow from a command that may be a step of imported history."""
    match command:
        case AssignCase():
            return assign(state, command)
        case MoveCase():
            return move(state, command)
        case ChangeCasePriority():
            return change_priority(state, command)
        case EscalateCase():
            return escalate(state, command)
        case ChangeCaseDetails():
            return change_details(state, command)
        case ResolveCase():
            return resolve(state, command)
        case CloseCase():
            return close(state, command)
        case ReopenCase():
            return reopen(state, command)
        case _:
            raise undecided(command)
