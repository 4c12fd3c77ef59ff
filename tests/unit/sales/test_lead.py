"""Lead: every move out of every state, and what its conversion makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain.customers.contact import state as contact
from domain.customers.contact.commands import RegisterContact
from domain.customers.customer import state as customer
from domain.customers.customer.commands import MergeCustomers, RegisterCustomer
from domain.directory.principal.commands import DeactivatePrincipal, RegisterPrincipal
from domain.kernel.errors import DomainError, Invalid, MoveRefused
from domain.sales.lead import commands as c
from domain.sales.lead import state as lead
from domain.sales.lead.state import Lead
from domain.sales.opportunity import state as opportunity
from tests.support.memory import Desk

SOME = UUID(int=0)
WAY: dict[str, tuple[Any, ...]] = {
    "new": (),
    "working": (c.MoveLead(id=SOME, to_state="working"),),
    "nurturing": (
        c.MoveLead(id=SOME, to_state="working"),
        c.MoveLead(id=SOME, to_state="nurturing"),
    ),
    "qualified": (
        c.MoveLead(id=SOME, to_state="working"),
        c.MoveLead(id=SOME, to_state="qualified"),
    ),
    "disqualified": (c.DisqualifyLead(id=SOME, reason="no-need"),),
}
WAY["converted"] = (*WAY["qualified"], c.ConvertLead(id=SOME, pipeline="sales"))
OPEN = {"new", "working", "nurturing", "qualified"}

# What each command may be done in, written out beside the program's own table.
MOVES: dict[str, tuple[Any, set[str]]] = {
    "to working": (c.MoveLead(id=SOME, to_state="working"), {"new", "working", "nurturing"}),
    "to nurturing": (c.MoveLead(id=SOME, to_state="nurturing"), {"working", "nurturing"}),
    "to qualified": (c.MoveLead(id=SOME, to_state="qualified"), {"working", "qualified"}),
    "disqualify": (c.DisqualifyLead(id=SOME, reason="other", note="Moved."), OPEN),
    "reopen": (c.ReopenLead(id=SOME), {"disqualified"}),
    "score": (c.ScoreLead(id=SOME, score=80, model="m1", reasons=("visits",)), OPEN),
    "convert": (c.ConvertLead(id=SOME, pipeline="sales"), {"qualified", "converted"}),
}


def at(command: Any, id: UUID) -> Any:
    return replace(command, id=id)


def created(desk: Desk, state: str = "new", **more: Any) -> UUID:
    given = {"name": "Ada Lovelace", "company": "Engines"} | more
    id: UUID = desk.do(c.CreateLead(**given)).id
    for command in WAY[state]:
        desk.do(at(command, id))
    return id


def state(desk: Desk, id: UUID) -> Lead:
    return desk.crm.load("lead", lead.evolve, id)


@pytest.mark.parametrize("start", WAY)
@pytest.mark.parametrize("name", MOVES)
def test_a_lead_allows_what_the_table_says_and_nothing_else(name: str, start: str) -> None:
    command, allowed = MOVES[name]
    desk = Desk()
    id = created(desk, start)
    events = len(desk.crm.stored)
    if start in allowed:
        desk.do(at(command, id))
        return
    with pytest.raises(MoveRefused, match=f"The lead is {start}; it cannot "):
        desk.do(at(command, id))
    assert len(desk.crm.stored) == events


def test_a_conversion_makes_customer_contact_and_opportunity_of_what_is_known() -> None:
    desk = Desk()
    ann = desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    id = created(desk, "qualified", email="Ada@Example.org", phone="+44 20 7946 0000", owner_id=ann)
    desk.do(DeactivatePrincipal(id=ann))
    made = desk.do(c.ConvertLead(id=id, pipeline="sales", stage="proposal"))
    _, buyer, person, deal = made.ids
    firm = desk.crm.load("customer", customer.evolve, buyer)
    assert (firm.kind, firm.name, firm.owner_id) == ("organisation", "Engines", ann)
    met = desk.crm.load("contact", contact.evolve, person)
    assert (met.customer_id, met.name, met.party) == (buyer, "Ada Lovelace", buyer)
    assert {(p.kind, p.value) for p in met.points.values()} == {
        ("email", "Ada@Example.org"),
        ("phone", "+44 20 7946 0000"),
    }
    assert {entry.person for entry in desk.crm.contact_points} == {person}
    assert len(desk.crm.contact_points) == 2
    opened = desk.crm.load("opportunity", opportunity.evolve, deal)
    assert (opened.customer_id, opened.party, opened.owner_id, opened.stage) == (
        buyer,
        buyer,
        ann,
        "proposal",
    )
    assert desk.crm.events(id)[-1].payload.customer_created
    assert desk.crm.transactions[-1] == 6


def test_a_conversion_finds_the_named_customer_then_the_linked_one() -> None:
    desk = Desk()
    linked = desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    named = desk.do(RegisterCustomer(kind="organisation", name="Bubba")).id
    ada = desk.do(RegisterContact(customer_id=named, name="Ada")).id
    for more, buyer, contacts in (
        ({"customer_id": named, "contact_id": ada}, named, ada),
        ({}, linked, None),
    ):
        id = created(desk)
        desk.do(c.LinkLead(id=id, customer_id=linked))
        for command in WAY["qualified"]:
            desk.do(at(command, id))
        made = desk.do(c.ConvertLead(id=id, pipeline="sales", **more))
        assert made.ids[1] == buyer
        assert contacts in (None, made.ids[2])
        assert not desk.crm.events(id)[-1].payload.customer_created
        assert desk.do(c.ConvertLead(id=id, pipeline="sales", **more)).ids == made.ids


def test_a_person_without_a_company_becomes_a_person() -> None:
    desk = Desk()
    id = created(desk, "qualified", company=None)
    buyer = desk.do(c.ConvertLead(id=id, pipeline="sales")).ids[1]
    assert desk.crm.load("customer", customer.evolve, buyer).kind == "person"
    assert b"Ada" not in b"".join(encoded for _, _, encoded in desk.crm.stored)


def test_a_company_without_a_name_gets_no_contact() -> None:
    desk = Desk()
    id = created(desk, "qualified", name=None)
    assert len(desk.do(c.ConvertLead(id=id, pipeline="sales")).ids) == 3
    assert state(desk, id).contact_id is None


def test_a_refused_conversion_leaves_nothing() -> None:
    desk = Desk()
    one = desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    other = desk.do(RegisterCustomer(kind="organisation", name="Bubba")).id
    ada = desk.do(RegisterContact(customer_id=other, name="Ada")).id
    gone = desk.do(RegisterCustomer(kind="organisation", name="Gone")).id
    desk.do(MergeCustomers(id=gone, survivor_id=other))
    unknown = created(desk, "qualified", name=None, company=None, phone="112")
    id = created(desk, "qualified")
    events = len(desk.crm.stored)
    for command, told in (
        (c.ConvertLead(id=id, pipeline="sales", customer_id=one, contact_id=ada), "Name one of that"),
        (c.ConvertLead(id=id, pipeline="sales", customer_id=gone), "was merged into"),
        (c.ConvertLead(id=id, pipeline="none"), "no pipeline"),
        (c.ConvertLead(id=unknown, pipeline="sales"), "Neither a company nor a name is known"),
    ):
        with pytest.raises(DomainError) as refusal:
            desk.do(command)
        assert told in str(refusal.value)
    assert len(desk.crm.stored) == events


def test_a_converted_lead_is_not_converted_to_another_customer() -> None:
    desk = Desk()
    id = created(desk, "converted")
    other = desk.do(RegisterCustomer(kind="organisation", name="Bubba")).id
    with pytest.raises(Invalid, match="was converted to the customer"):
        desk.do(c.ConvertLead(id=id, pipeline="sales", customer_id=other))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (c.CreateLead(), "The lead has no name, company, email or phone"),
        (c.CreateLead(email="no address"), "The email address is not valid"),
        (c.CreateLead(phone="call me"), "The phone number is not valid"),
        (
            c.DisqualifyLead(id=SOME, reason="rain"),
            "There is no reason 'rain'. Name one of: no-need,",
        ),
        (c.DisqualifyLead(id=SOME, reason="other"), 'The reason "other" needs a note'),
        (c.ScoreLead(id=SOME, score=101, model="m"), "The score 101 is not between 0 and 100"),
        (c.MoveLead(id=SOME, to_state="converted"), "cannot be moved to a state 'converted'"),
    ],
)
def test_what_a_lead_cannot_be_is_told_in_a_sentence(command: Any, told: str) -> None:
    desk = Desk()
    id = created(desk)
    with pytest.raises(DomainError) as refusal:
        desk.do(at(command, id) if hasattr(command, "id") else command)
    assert told in str(refusal.value)


def test_an_imported_lead_keeps_an_address_that_is_none_and_converts_without_it() -> None:
    desk = Desk()
    id = created(desk, "qualified", email="ask reception", imported=True)
    person = desk.do(c.ConvertLead(id=id, pipeline="sales")).ids[2]
    assert state(desk, id).email == "ask reception"
    assert desk.crm.load("contact", contact.evolve, person).points == {}
