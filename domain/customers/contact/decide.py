"""What may happen to a contact: profile, contact points, consents.

A decision reads the state and its arguments and returns events, or none if nothing changes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, get_args
from uuid import UUID

from domain.customers.contact.commands import (
    AddContactPoint,
    ChangeContact,
    GiveConsent,
    RegisterContact,
    RemoveContactPoint,
    VerifyContactPoint,
    WithdrawConsent,
)
from domain.customers.contact.events import (
    ConsentGiven,
    ConsentWithdrawn,
    ContactEvent,
    Erased,
    LegalBasis,
    PointAdded,
    PointKind,
    PointRemoved,
    PointVerified,
    ProfileChanged,
    Registered,
)
from domain.customers.contact.state import Contact, Point
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.repository import Repository
from domain.kernel.text import line, note, optional_line, quoted
from domain.kernel.transitions import Lifecycle, check
from domain.kernel.values import Reference, changed, references

VERIFY: Final = "be verified"
REMOVE: Final = "be removed"
ALLOW: Final = "be given a consent"
GIVE: Final = "be given"
WITHDRAW: Final = "be withdrawn"

POINT_LIFECYCLE: Final = Lifecycle(
    record_type="contact point",
    transitions={"active": {VERIFY: "active", ALLOW: "active", REMOVE: "removed"}, "removed": {}},
)
CONSENT_LIFECYCLE: Final = Lifecycle(
    record_type="consent",
    transitions={
        "not given": {GIVE: "given"},
        "given": {GIVE: "given", WITHDRAW: "withdrawn"},
        "withdrawn": {GIVE: "given"},
    },
)

POINTS_LIMIT: Final = 100

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NOT_DIALLED: Final = re.compile(r"[\s().\-/]")
_PHONE: Final = re.compile(r"\+?[0-9]{3,20}")

Events = tuple[ContactEvent, ...]


def register(*, customer_id: UUID, name: str, role: str | None, reference: Reference | None) -> Events:
    """Registers a person at a customer."""
    return (
        Registered(
            customer_id=customer_id,
            name=line("name", name),
            role=optional_line("role", role),
            references=references(reference),
        ),
    )


def change(state: Contact, *, name: str | None, role: str | None, remove: tuple[str, ...]) -> Events:
    """Changes the named fields; `remove` may name role."""
    if unknown := [field for field in remove if field != "role"]:
        raise Invalid(f"No field {quoted(unknown[0])} of a contact can be removed. Name role.")
    new_role = None if "role" in remove else optional_line("role", role) or state.role
    changes = changed("role", state.role, new_role)
    new_name = optional_line("name", name)
    if new_name == state.name:
        new_name = None
    if not changes and new_name is None:
        return ()
    before = state.name if new_name is not None and isinstance(state.name, str) else None
    return (ProfileChanged(changes=changes, name=new_name, name_before=before),)


def normalised(kind: PointKind, value: str) -> str:
    """Returns the value to compare: two spellings of one address are equal. Raises `Invalid`."""
    if kind not in get_args(PointKind):
        names = ", ".join(get_args(PointKind))
        raise Invalid(f"There is no kind of contact point {quoted(kind)}. Name one of: {names}.")
    plain = " ".join(note("contact point", value).casefold().split())
    match kind:
        case "email":
            if not _EMAIL.fullmatch(plain):
                raise Invalid(
                    "The email address is not valid: it needs a name, one @ and a domain. Give one such as "
                    "name@example.org."
                )
        case "phone":
            plain = _NOT_DIALLED.sub("", plain)
            if not _PHONE.fullmatch(plain):
                raise Invalid("The phone number is not valid. Give 3 to 20 digits, such as +44 20 7946 0000.")
        case "social":
            plain = plain.removeprefix("@")
        case "postal":
            pass
    return plain


def is_point(kind: PointKind, value: str) -> bool:
    """Whether the value could be a contact point: imported history may hold any text."""
    try:
        return bool(normalised(kind, value))
    except Invalid:
        return False


def add_point(state: Contact, *, point_id: UUID, kind: PointKind, value: str) -> Events:
    """Adds an address unless the contact has it already."""
    wanted = normalised(kind, value)
    if any(_same(point, kind, wanted) for point in state.points.values()):
        return ()
    return (_added(point_id, kind, value, beside=len(state.points), taken=point_id in state.points),)


def first_point(*, point_id: UUID, kind: PointKind, value: str) -> PointAdded:
    """Adds an address to a contact that the same command registers."""
    normalised(kind, value)
    return _added(point_id, kind, value, beside=0, taken=False)


def _added(point_id: UUID, kind: PointKind, value: str, *, beside: int, taken: bool) -> PointAdded:
    if taken:
        raise Invalid(
            f"The contact has another contact point with the id {point_id}. Name a new id, or none."
        )
    if beside >= POINTS_LIMIT:
        raise Invalid(
            f"The contact has {beside} contact points; at most {POINTS_LIMIT} are kept. Change one."
        )
    kept = note("contact point", value) if kind == "postal" else line("contact point", value)
    return PointAdded(point_id=point_id, kind=kind, value=kept)


def _same(point: Point, kind: PointKind, wanted: str) -> bool:
    if point.removed or point.kind != kind or not isinstance(point.value, str):
        return False
    return normalised(kind, point.value) == wanted


def verify_point(state: Contact, *, point_id: UUID, method: str) -> Events:
    """Records that a point is the person's, unless that method has shown it already."""
    point = _point(state, point_id)
    check(POINT_LIFECYCLE, _state(point), VERIFY)
    checked = line("method", method)
    if point.verified is not None and point.verified[1] == checked:
        return ()
    return (PointVerified(point_id=point_id, method=checked),)


def remove_point(state: Contact, *, point_id: UUID) -> Events:
    """Takes a point out of use."""
    check(POINT_LIFECYCLE, _state(_point(state, point_id)), REMOVE)
    return (PointRemoved(point_id=point_id),)


def give_consent(
    state: Contact,
    *,
    point_id: UUID,
    purpose: str,
    legal_basis: LegalBasis,
    source: str,
    double_opt_in: bool,
    until: datetime | None,
    given: datetime,
) -> Events:
    """Allows a purpose, or renews a consent; it holds from `given` on."""
    check(POINT_LIFECYCLE, _state(_point(state, point_id)), ALLOW)
    checked_purpose = line("purpose", purpose)
    held = state.consents.get((point_id, checked_purpose))
    check(CONSENT_LIFECYCLE, consent_state(state, point_id, checked_purpose), GIVE)
    if legal_basis not in get_args(LegalBasis):
        names = ", ".join(get_args(LegalBasis))
        raise Invalid(f"There is no legal basis {quoted(legal_basis)}. Name one of: {names}.")
    if until is not None and until.tzinfo is None:
        raise Invalid(f"The time {until.isoformat()} has no time zone. Add one, such as Z for UTC.")
    if until is not None and until <= given:
        raise Invalid(f"The consent would end at {until.isoformat()}, before it begins. Name a later time.")
    checked_source = line("source", source)
    if (
        held is not None
        and held.withdrawn is None
        and (held.legal_basis, held.source, held.double_opt_in, held.until)
        == (legal_basis, checked_source, double_opt_in, until)
    ):
        return ()
    return (
        ConsentGiven(
            point_id=point_id,
            purpose=checked_purpose,
            legal_basis=legal_basis,
            source=checked_source,
            double_opt_in=double_opt_in,
            until=until,
        ),
    )


def withdraw_consent(state: Contact, *, point_id: UUID, purpose: str, source: str) -> Events:
    """Withdraws a consent, also for a removed contact point."""
    _point(state, point_id)
    checked_purpose = line("purpose", purpose)
    check(CONSENT_LIFECYCLE, consent_state(state, point_id, checked_purpose), WITHDRAW)
    return (ConsentWithdrawn(point_id=point_id, purpose=checked_purpose, source=line("source", source)),)


def erase(state: Contact, *, erasure: UUID) -> Events:
    """Forgets the person, once."""
    return () if state.erased else (Erased(erasure=erasure),)


def consent_state(state: Contact, point_id: UUID, purpose: str) -> str:
    """Returns the consent's state in its lifecycle."""
    held = state.consents.get((point_id, purpose))
    if held is None:
        return "not given"
    return "given" if held.withdrawn is None else "withdrawn"


def _point(state: Contact, point_id: UUID) -> Point:
    point = state.points.get(point_id)
    if point is None:
        raise Invalid(f"The contact has no contact point with the id {point_id}. Check the id, or add it.")
    return point


def _state(point: Point) -> str:
    return "removed" if point.removed else "active"


def decide(command: Any, state: Any, repository: Repository) -> Events:
    """Returns the events that follow from a command on a contact."""
    match command:
        case RegisterContact():
            return register(
                customer_id=command.customer_id,
                name=command.name,
                role=command.role,
                reference=command.reference,
            )
        case ChangeContact():
            return change(state, name=command.name, role=command.role, remove=command.remove)
        case AddContactPoint():
            assert command.point_id is not None, "the dispatcher made one"
            return add_point(state, point_id=command.point_id, kind=command.kind, value=command.value)
        case VerifyContactPoint():
            return verify_point(state, point_id=command.point_id, method=command.method)
        case RemoveContactPoint():
            return remove_point(state, point_id=command.point_id)
        case GiveConsent():
            return give_consent(
                state,
                point_id=command.point_id,
                purpose=command.purpose,
                legal_basis=command.legal_basis,
                source=command.source,
                double_opt_in=command.double_opt_in,
                until=command.until,
                given=command.at or repository.now,
            )
        case WithdrawConsent():
            return withdraw_consent(
                state, point_id=command.point_id, purpose=command.purpose, source=command.source
            )
        case _:
            raise undecided(command)


def contact_points(payload: Any) -> tuple[tuple[PointKind, str], ...]:
    """Returns the contact points that an event adds; a search finds the contact by them."""
    match payload:
        case PointAdded(kind=kind, value=str(value)):
            return ((kind, value),)
        case _:
            return ()
