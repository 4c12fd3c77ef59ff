"""Leads, their conversion, and contacts, beside a small model that was written without the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from domain.customers.contact import commands as k
from domain.sales.lead import commands as e
from tests.support.machine import CLAIMS, OPEN, SOMETIMES, WHY_NO_LEAD, CrmMachine, Deal, Party

OPEN_LEADS = {"new", "working", "nurturing", "qualified"}
WAYS = {
    ("new", "working"),
    ("working", "nurturing"),
    ("nurturing", "working"),
    ("working", "qualified"),
}
EMAILS = st.sampled_from([None, "ada@example.org", "ADA@example.org", "no address"])


@dataclass
class Prospect:
    """What the model knows of a lead; `made` are the ids that its conversion answered with."""

    name: str | None
    company: str | None
    state: str = "new"
    customer: UUID | None = None
    made: tuple[UUID, ...] = ()
    owner: UUID | None = None


@dataclass
class Person:
    """What the model knows of a contact: its points (address, removed) and its consents (given or not)."""

    points: dict[UUID, tuple[str, bool]] = field(default_factory=dict)
    consents: dict[tuple[UUID, str], bool] = field(default_factory=dict)

    def has(self, address: str) -> bool:
        return (address.casefold(), False) in self.points.values()


class LeadMachine(CrmMachine):
    """Leads and contacts in depth; the customers that they name come, merge and go."""

    leads: Bundle[UUID] = Bundle("leads")
    contacts: Bundle[UUID] = Bundle("contacts")

    def __init__(self) -> None:
        super().__init__()
        self.prospects: dict[UUID, Prospect] = {}
        self.people: dict[UUID, Person] = {}

    @initialize(target=leads, steps=st.integers(0, 2))
    def a_lead(self, steps: int) -> UUID:
        id = self.act(e.CreateLead(name="Ada", company="Engines"), True)
        assert id is not None
        self.prospects[id] = Prospect("Ada", "Engines")
        for state in ("working", "qualified")[:steps]:
            self.move_lead(id, state)
        return id

    @rule(
        target=leads,
        name=st.sampled_from([None, "Ada"]),
        company=st.sampled_from([None, "Engines"]),
        email=EMAILS,
        external_id=CLAIMS,
    )
    def create_lead(
        self, name: str | None, company: str | None, email: str | None, external_id: str | None
    ) -> Any:
        allowed = email != "no address" and any((name, company, email))
        id = self.make(e.CreateLead(name=name, company=company, email=email), allowed, external_id)
        if id is None:
            return multiple()
        self.prospects[id] = Prospect(name, company)
        return id

    @rule(
        id=leads,
        to_state=st.sampled_from(["working", "working", "nurturing", "qualified", "new", "converted"]),
    )
    def move_lead(self, id: UUID, to_state: str) -> None:
        lead = self.prospects[id]
        known = to_state in {"working", "nurturing", "qualified"}
        allowed = known and (to_state == lead.state or (lead.state, to_state) in WAYS)
        if self.act(e.MoveLead(id=id, to_state=to_state), allowed):
            lead.state = to_state

    @rule(
        id=leads,
        reason=st.sampled_from(["no-need", "other", "no-budget"]),
        note=st.sampled_from([None, "Moved."]),
    )
    def disqualify(self, id: UUID, reason: str, note: str | None) -> None:
        lead = self.prospects[id]
        allowed = lead.state in OPEN_LEADS and reason in WHY_NO_LEAD
        allowed = allowed and (reason != "other" or note is not None)
        if self.act(e.DisqualifyLead(id=id, reason=reason, note=note), allowed):
            lead.state = "disqualified"

    @rule(id=leads)
    def reopen_lead(self, id: UUID) -> None:
        lead = self.prospects[id]
        if self.act(e.ReopenLead(id=id), lead.state == "disqualified"):
            lead.state = "working"

    @rule(id=leads, score=st.sampled_from([-1, 0, 100, 101]))
    def score_lead(self, id: UUID, score: int) -> None:
        allowed = self.prospects[id].state in OPEN_LEADS and 0 <= score <= 100
        self.act(e.ScoreLead(id=id, score=score, model="m1", reasons=("visits",)), allowed)

    @rule(id=leads, owner=CrmMachine.principals)
    def assign_lead(self, id: UUID, owner: UUID) -> None:
        lead = self.prospects[id]
        allowed = lead.state != "converted" and (owner == lead.owner or self.active[owner])
        if self.act(e.AssignLeadOwner(id=id, owner_id=owner), allowed):
            self.prospects[id].owner = owner

    @rule(id=leads, customer=CrmMachine.customers)
    def link_lead(self, id: UUID, customer: UUID) -> None:
        lead = self.prospects[id]
        allowed = lead.state != "converted"
        allowed = allowed and (customer == lead.customer or self.parties[customer].into is None)
        if self.act(e.LinkLead(id=id, customer_id=customer), allowed):
            lead.customer = customer

    @rule(
        id=leads,
        customer=st.none() | CrmMachine.customers,
        contact=st.none() | contacts,
        pipeline=st.sampled_from(["sales", "sales", "none"]),
    )
    def convert(self, id: UUID, customer: UUID | None, contact: UUID | None, pipeline: str) -> None:
        lead = self.prospects[id]
        buyer = customer or lead.customer
        if lead.state == "converted":
            allowed = customer in (None, lead.customer)
        else:
            allowed = lead.state == "qualified" and pipeline == "sales"
            allowed = allowed and (
                self.parties[buyer].into is None if buyer else bool(lead.company or lead.name)
            )
            allowed = allowed and (contact is None or self._customer_of(contact) == buyer)
        command = e.ConvertLead(id=id, pipeline=pipeline, customer_id=customer, contact_id=contact)
        before = len(self.desk.crm.stored)
        if not self.act(command, allowed):
            assert len(self.desk.crm.stored) == before
            return
        ids = self.desk.do(command).ids
        if lead.state == "converted":
            assert ids == lead.made
            assert len(self.desk.crm.stored) == before
            return
        self._converted(lead, ids, buyer, contact)

    def _converted(
        self, lead: Prospect, ids: tuple[UUID, ...], buyer: UUID | None, contact: UUID | None
    ) -> None:
        lead.state, lead.made, lead.customer = "converted", ids, ids[1]
        self.deals[ids[-1]] = Deal("sales", "prospecting", "prospecting", OPEN["sales"]["prospecting"])
        if buyer is None:
            self.parties[ids[1]] = Party("organisation" if lead.company else "person", owner=lead.owner)
        assert ids[1] == (buyer or ids[1])
        assert len(ids) == (4 if contact or lead.name else 3)
        if contact:
            assert ids[2] == contact

    def _customer_of(self, contact: UUID) -> UUID:
        found: UUID = self.desk.crm.events(contact)[0].payload.customer_id
        return found

    @rule(
        target=contacts,
        customer=CrmMachine.customers,
        role=st.sampled_from([None, "buyer"]),
        external_id=CLAIMS,
    )
    def register_contact(self, customer: UUID, role: str | None, external_id: str | None) -> Any:
        allowed = self.parties[customer].into is None
        command = k.RegisterContact(customer_id=customer, name="Ada", role=role)
        id = self.make(command, allowed, external_id)
        if id is None:
            return multiple()
        self.people[id] = Person()
        return id

    @rule(id=contacts, name=st.sampled_from([None, "Ann"]), leaves=SOMETIMES)
    def change_contact(self, id: UUID, name: str | None, leaves: bool) -> None:
        self.act(k.ChangeContact(id=id, name=name, remove=("role",) if leaves else ()), True)

    @rule(id=contacts, email=EMAILS)
    def add_point(self, id: UUID, email: str | None) -> None:
        address = email or "bob@example.org"
        person, point = self.people[id], self.desk.new_id()
        fresh = not person.has(address)
        command = k.AddContactPoint(id=id, kind="email", value=address, point_id=point)
        if self.act(command, address != "no address") and fresh:
            person.points[point] = (address.casefold(), False)

    @rule(id=contacts, which=st.integers(0, 3), remove=SOMETIMES)
    def use_point(self, id: UUID, which: int, remove: bool) -> None:
        person = self.people[id]
        point = self._point(person, which)
        allowed = point in person.points and not person.points[point][1]
        if remove:
            if self.act(k.RemoveContactPoint(id=id, point_id=point), allowed):
                person.points[point] = (person.points[point][0], True)
        else:
            self.act(k.VerifyContactPoint(id=id, point_id=point, method="link"), allowed)

    @rule(
        id=contacts,
        which=st.integers(0, 3),
        purpose=st.sampled_from(["news", "calls"]),
        days=st.integers(-1, 1),
    )
    def give(self, id: UUID, which: int, purpose: str, days: int) -> None:
        person = self.people[id]
        point = self._point(person, which)
        allowed = point in person.points and not person.points[point][1] and days >= 0
        command = k.GiveConsent(
            id=id,
            point_id=point,
            purpose=purpose,
            legal_basis="consent",
            source="form",
            until=None if days == 0 else self.desk.now + timedelta(days=days),
        )
        if self.act(command, allowed):
            person.consents[point, purpose] = True

    @rule(id=contacts, which=st.integers(0, 3), purpose=st.sampled_from(["news", "calls"]))
    def withdraw(self, id: UUID, which: int, purpose: str) -> None:
        person = self.people[id]
        point = self._point(person, which)
        command = k.WithdrawConsent(id=id, point_id=point, purpose=purpose, source="call")
        if self.act(command, person.consents.get((point, purpose), False)):
            person.consents[point, purpose] = False

    def _point(self, person: Person, which: int) -> UUID:
        return [*person.points, UUID(int=1), UUID(int=1), UUID(int=1), UUID(int=1)][which]
