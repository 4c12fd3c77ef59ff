"""What may happen to a lead: its lifecycle table and one decision per command.

A decision reads the state and its arguments and returns events, or none if nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID

from domain.configuration.reasons import Reasons, checked, configured_reasons
from domain.customers.contact.decide import normalised
from domain.customers.contact.events import PointKind
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.repository import Repository
from domain.kernel.text import line, lines, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, references
from domain.sales.lead.commands import (
    AssignLeadOwner,
    CreateLead,
    DisqualifyLead,
    LinkLead,
    MoveLead,
    ReopenLead,
    ScoreLead,
)
from domain.sales.lead.events import (
    Converted,
    Created,
    CustomerLinked,
    Disqualified,
    Erased,
    LeadEvent,
    OpenLeadState,
    OwnerAssigned,
    Reopened,
    Scored,
    StatusChanged,
)
from domain.sales.lead.state import Lead

WORK: Final = "move to working"
NURTURE: Final = "move to nurturing"
QUALIFY: Final = "move to qualified"
CONVERT: Final = "be converted"
DISQUALIFY: Final = "be disqualified"
REOPEN: Final = "be reopened"
SCORE: Final = "be scored"
OWNER: Final = "be given to an owner"
LINK: Final = "be linked to a customer"
ERASE: Final = "be erased"

MOVES: Final = {"working": WORK, "nurturing": NURTURE, "qualified": QUALIFY}


def _open(state: str, **transitions: str) -> dict[str, str]:
    """The transitions of an open state: its own, disqualification, and those that leave it there."""
    return {
        **transitions,
        DISQUALIFY: "disqualified",
        ERASE: "erased",
        **dict.fromkeys((SCORE, OWNER, LINK), state),
    }


LIFECYCLE: Final = Lifecycle(
    record_type="lead",
    transitions={
        "new": {WORK: "working", **_open("new")},
        "working": {NURTURE: "nurturing", QUALIFY: "qualified", **_open("working")},
        "nurturing": {WORK: "working", **_open("nurturing")},
        "qualified": {CONVERT: "converted", **_open("qualified")},
        "disqualified": {REOPEN: "working", OWNER: "disqualified", LINK: "disqualified", ERASE: "erased"},
        "converted": {ERASE: "erased"},
        "erased": {},
    },
)

SCORE_REASONS_LIMIT: Final = 20

Events = tuple[LeadEvent, ...]


def create(
    *,
    name: str | None,
    company: str | None,
    email: str | None,
    phone: str | None,
    owner_id: UUID | None,
    campaign: str | None,
    imported: bool,
    original: Mapping[str, str],
    reference: Reference | None,
) -> Events:
    """Creates a lead with a name, a company, an email or a phone. Imported addresses may be any text."""
    if name is None and company is None and email is None and phone is None:
        raise Invalid("The lead has no name, company, email or phone. Give at least one of them.")
    return (
        Created(
            name=optional_line("name", name),
            company=optional_line("company", company),
            email=_point("email", email, imported=imported),
            phone=_point("phone", phone, imported=imported),
            owner_id=owner_id,
            campaign=optional_line("campaign", campaign),
            imported=imported,
            original=lines("spelling", original),
            references=references(reference),
        ),
    )


def move(state: Lead, *, to_state: str) -> Events:
    """Moves it to working, nurturing or qualified."""
    wanted = MOVES.get(to_state)
    if wanted is None:
        raise Invalid(
            f"A lead cannot be moved to a state {quoted(to_state)}. Name one of: {', '.join(MOVES)}."
        )
    if state.state == to_state:
        return ()
    reached = check(LIFECYCLE, state.state, wanted)
    return (StatusChanged(from_state=_as_open(state.state), to_state=_as_open(reached)),)


def disqualify(state: Lead, reasons: Reasons, *, reason: str, note_text: str | None) -> Events:
    """Closes it; the reason is one of the list, and "other" needs a note."""
    check(LIFECYCLE, state.state, DISQUALIFY)
    note = checked(reasons.lead_disqualified, reason, note_text)
    return (Disqualified(from_state=_as_open(state.state), reason=reason, note=note),)


def reopen(state: Lead) -> Events:
    """Takes up a disqualified one again, in the state working."""
    return (Reopened(to_state=_as_open(check(LIFECYCLE, state.state, REOPEN))),)


def score(state: Lead, *, value: int, model: str, reasons: tuple[str, ...]) -> Events:
    """Records a score of 0 to 100, its model and its reasons; a new one each time, even an equal one."""
    check(LIFECYCLE, state.state, SCORE)
    if not 0 <= value <= 100:
        raise Invalid(f"The score {value} is not between 0 and 100. Correct it.")
    if len(reasons) > SCORE_REASONS_LIMIT:
        raise Invalid(
            f"There are {len(reasons)} reasons; at most {SCORE_REASONS_LIMIT} are kept. Name fewer."
        )
    checked = tuple(line("reason", reason) for reason in reasons)
    return (Scored(score=value, model=line("model", model), reasons=checked),)


def assign_owner(state: Lead, *, owner_id: UUID) -> Events:
    """Gives it to another owner."""
    check(LIFECYCLE, state.state, OWNER)
    if owner_id == state.owner_id:
        return ()
    return (OwnerAssigned(owner_id=owner_id, previous_owner_id=state.owner_id),)


def link_customer(state: Lead, *, customer_id: UUID) -> Events:
    """Links the lead to its customer, or to another one. Its party stays."""
    check(LIFECYCLE, state.state, LINK)
    if customer_id == state.customer_id:
        return ()
    return (CustomerLinked(customer_id=customer_id, previous_customer_id=state.customer_id),)


def convert(
    state: Lead, *, customer_id: UUID, contact_id: UUID | None, opportunity_id: UUID, customer_created: bool
) -> Events:
    """Ends the lead as a customer's opportunity. The handler skips a lead that is converted already."""
    check(LIFECYCLE, state.state, CONVERT)
    return (
        Converted(
            customer_id=customer_id,
            contact_id=contact_id,
            opportunity_id=opportunity_id,
            customer_created=customer_created,
        ),
    )


def erase(state: Lead, *, erasure: UUID) -> Events:
    """Forgets the person, in any state, once."""
    if state.state == "erased":
        return ()
    check(LIFECYCLE, state.state, ERASE)
    return (Erased(erasure=erasure),)


def _point(kind: PointKind, value: str | None, *, imported: bool) -> str | None:
    if value is not None and not imported:
        normalised(kind, value)
    return optional_line(kind, value)


def _as_open(state: str) -> OpenLeadState:
    return cast("OpenLeadState", state)


def decide(command: Any, state: Any, repository: Repository) -> Events:
    """Returns the events that follow from a command. A conversion changes four records and has a handler."""
    match command:
        case CreateLead():
            return create(
                name=command.name,
                company=command.company,
                email=command.email,
                phone=command.phone,
                owner_id=command.owner_id,
                campaign=command.campaign,
                imported=command.imported,
                original=command.original,
                reference=command.reference,
            )
        case MoveLead():
            return move(state, to_state=command.to_state)
        case DisqualifyLead():
            reasons = configured_reasons(repository)
            return disqualify(state, reasons, reason=command.reason, note_text=command.note)
        case ReopenLead():
            return reopen(state)
        case ScoreLead():
            return score(state, value=command.score, model=command.model, reasons=command.reasons)
        case AssignLeadOwner():
            return assign_owner(state, owner_id=command.owner_id)
        case LinkLead():
            return link_customer(state, customer_id=command.customer_id)
        case _:
            raise undecided(command)
