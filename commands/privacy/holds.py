"""Legal holds: what must be kept for now, whoever wants it gone. Placed, released, and asked for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from commands.context import Context
from commands.decision import Change, Decision, events_of
from commands.store.application import Crm
from commands.store.privacy_events import PrivacyEvents
from domain import hold
from domain.errors import DomainError, NotFound
from domain.hold import LegalHold


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold in force: on a `party`, or on texts of a retention `kind`, of a `month` (YYYY-MM) or of all."""

    id: UUID
    party: UUID | None
    kind: str | None
    month: str | None
    reference: str
    legal_basis: str

    def covers(self, kind: str, month: str) -> bool:
        """Whether it keeps the texts of that kind and month."""
        return self.kind == kind and self.month in (None, month)


class OnHold(DomainError):
    """A legal hold forbids it."""

    code = "legal-hold"

    def __init__(self, held: Hold, what: str) -> None:
        super().__init__(
            f"{what} is under the legal hold {held.reference} ({held.id}), and nothing of it may be "
            f"destroyed. Once it has ended, release it (`rapport privacy hold release {held.id}`) and repeat."
        )
        self.hold, self.reference = str(held.id), held.reference


def active(crm: Crm) -> tuple[Hold, ...]:
    """The holds in force, the oldest first."""
    found = []
    for id in PrivacyEvents(crm.pool).of_type("crm.privacy.hold_placed"):
        state = crm.load("legal hold", hold.evolve, id)
        if state.state == "active":
            found.append(_told(state))
    return tuple(found)


def place(
    crm: Crm,
    context: Context,
    *,
    party: UUID | None,
    kind: str | None,
    month: str | None,
    reference: str,
    legal_basis: str,
) -> Hold:
    """Places a hold. Raises `Invalid`, and `NotFound` for a party that is none."""
    payload = hold.place(party=party, kind=kind, month=month, reference=reference, legal_basis=legal_basis)
    if party is not None and not _is_record(crm, party):
        raise NotFound("record", party)
    id = context.new_id()
    birth = Change(id=id, party=id, state=None, payloads=(payload,), at=None)
    crm.record(events_of(Decision(changes=(birth,)), context))
    return _told(crm.load("legal hold", hold.evolve, id))


def release(crm: Crm, context: Context, id: UUID) -> Hold:
    """Ends a hold; again changes nothing. Raises `NotFound`."""
    state = crm.load("legal hold", hold.evolve, id)
    end = Change(id=id, party=state.party, state=state, payloads=hold.release(state), at=None)
    crm.record(events_of(Decision(changes=(end,)), context))
    return _told(state)


def _told(state: LegalHold) -> Hold:
    return Hold(
        id=state.id,
        party=state.held_party,
        kind=state.kind,
        month=state.month,
        reference=state.reference,
        legal_basis=state.legal_basis,
    )


_PERSONAL = frozenset({"customer", "contact", "lead", "opportunity", "case", "interaction"})


def _is_record(crm: Crm, id: UUID) -> bool:
    return PrivacyEvents(crm.pool).families([id]).get(id, "") in _PERSONAL
