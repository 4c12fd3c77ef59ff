"""Commands on leads and their handlers. Conversion, which touches four records, is in `conversion.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, Handlers, Repository, change, new_record
from commands.dispatch.references import lead_of, require_customer, require_principal
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.lead import decide as moves


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLead:
    """Creates a lead, of whom something is known. `original` keeps spellings as they came, by field."""

    name: str | None = field(default=None, repr=False)
    company: str | None = None
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    owner_id: UUID | None = None
    campaign: str | None = None
    imported: bool = False
    original: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadCommand:
    """What commands on an existing lead name. `at` is the business time, now unless named."""

    lead_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The lead."""
        return self.lead_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLead(LeadCommand):
    """Moves it to working, nurturing or qualified."""

    to_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisqualifyLead(LeadCommand):
    """Closes it without a conversion; the reason "other" needs a note."""

    reason: str
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenLead(LeadCommand):
    """Takes up a disqualified one again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLead(LeadCommand):
    """Keeps a score of 0 to 100, by which model and for which reasons."""

    score: int
    model: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignLeadOwner(LeadCommand):
    """Gives it to another owner."""

    owner_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLead(LeadCommand):
    """Says whose lead it is."""

    customer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertLead(LeadCommand):
    """Makes a qualified lead a customer's opportunity, in `pipeline`, all at once.

    The customer is `customer_id`, else the one that the lead is linked to, else one is made: an organisation
    where the lead has a company, else a person. The contact is `contact_id`, else one is made where the lead
    has a name. The owner is `owner_id`, else the lead's. Converting again changes nothing.
    """

    pipeline: str
    stage: str | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    product_id: UUID | None = None
    amount: Money | None = None
    expected_close: date | None = None


def _create(command: CreateLead, world: Repository, context: Context) -> Decision:
    require_principal(world, command.owner_id, imported=command.imported)
    id = command.id or context.new_id()
    payloads = moves.create(
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
    return new_record(id, payloads, party=id, at=command.at, reference=command.reference)


def _move(command: MoveLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    return change((state, moves.move(state, to_state=command.to_state)), at=command.at)


def _disqualify(command: DisqualifyLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    disqualified = moves.disqualify(state, world.reasons, reason=command.reason, note_text=command.note)
    return change((state, disqualified), at=command.at)


def _reopen(command: ReopenLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    return change((state, moves.reopen(state)), at=command.at)


def _score(command: ScoreLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    scored = moves.score(state, value=command.score, model=command.model, reasons=command.reasons)
    return change((state, scored), at=command.at)


def _assign_owner(command: AssignLeadOwner, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    assigned = moves.assign_owner(state, owner_id=command.owner_id)
    require_principal(world, command.owner_id)
    return change((state, assigned), at=command.at)


def _link(command: LinkLead, world: Repository, _: Context) -> Decision:
    state = lead_of(world, command.lead_id)
    linked = moves.link_customer(state, customer_id=command.customer_id)
    require_customer(world, command.customer_id)
    return change((state, linked), at=command.at)


HANDLERS: Final[Handlers] = {
    CreateLead: _create,
    MoveLead: _move,
    DisqualifyLead: _disqualify,
    ReopenLead: _reopen,
    ScoreLead: _score,
    AssignLeadOwner: _assign_owner,
    LinkLead: _link,
}
