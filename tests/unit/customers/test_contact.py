"""Contact: profile, contact points and their blind index, consents."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from commands.store.identifiers import Identifiers
from domain.customers.contact import commands as c
from domain.customers.contact import state as contact
from domain.customers.contact.decide import normalised
from domain.customers.contact.state import Contact
from domain.customers.customer.commands import MergeCustomers, RegisterCustomer
from domain.kernel.errors import DomainError, Invalid, MoveRefused
from tests.support.memory import START, Desk

POINT = UUID(int=0x77)
SOME = UUID(int=0)


def registered(desk: Desk, **more: Any) -> UUID:
    customer = desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    id: UUID = desk.do(c.RegisterContact(customer_id=customer, name="Ada Lovelace", **more)).id
    return id


def reachable(desk: Desk, value: str = "ada@example.org") -> UUID:
    id = registered(desk)
    desk.do(c.AddContactPoint(id=id, kind="email", value=value, point_id=POINT))
    return id


def given(id: UUID, **more: Any) -> c.GiveConsent:
    options: dict[str, Any] = {"purpose": "news", "legal_basis": "consent", "source": "form"}
    return c.GiveConsent(id=id, **({"point_id": POINT} | options | more))


def state(desk: Desk, id: UUID) -> Contact:
    return desk.crm.load("contact", contact.evolve, id)


def test_a_contact_belongs_to_its_customer_and_its_name_is_private() -> None:
    desk = Desk()
    id = registered(desk, role="buyer")
    event = desk.crm.events(id)[0]
    assert event.party == event.payload.customer_id == state(desk, id).customer_id
    desk.do(c.ChangeContact(id=id, name="Ada King", remove=("role",)))
    changed = desk.crm.events(id)[-1].payload
    assert (changed.name, changed.name_before) == ("Ada King", "Ada Lovelace")
    assert (state(desk, id).name, state(desk, id).role) == ("Ada King", None)
    assert desk.do(c.ChangeContact(id=id, name="Ada King")).position == 0
    assert b"Ada" not in b"".join(encoded for _, _, encoded in desk.crm.stored)


def test_nobody_is_registered_at_a_customer_that_was_merged() -> None:
    desk = Desk()
    gone, stays = (desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id for _ in range(2))
    desk.do(MergeCustomers(id=gone, survivor_id=stays))
    with pytest.raises(Invalid, match="was merged into"):
        desk.do(c.RegisterContact(customer_id=gone, name="Ada"))
    desk.do(c.RegisterContact(customer_id=gone, name="Ada", imported=True))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Ada@Example.org", " ada@example.ORG "),
        ("phone", "+44 (20) 7946-0000", "+442079460000"),
        ("social", "@Ada", "ada"),
        ("postal", "1 Main St\nLondon", "1 main  st London"),
    ],
)
def test_two_spellings_of_one_address_are_one(kind: Any, one: str, other: str) -> None:
    desk = Desk()
    id = registered(desk)
    desk.do(c.AddContactPoint(id=id, kind=kind, value=one))
    assert desk.do(c.AddContactPoint(id=id, kind=kind, value=other)).position == 0
    assert normalised(kind, one) == normalised(kind, other)
    index = Identifiers(b"i" * 32).contact_point(kind, other)
    assert desk.crm.contact_points == {(index, id)}


def test_the_index_tells_kinds_and_keys_apart() -> None:
    one, other = Identifiers(b"i" * 32), Identifiers(b"j" * 32)
    found = {
        one.contact_point("social", "ada"),
        one.contact_point("postal", "ada"),
        other.contact_point("social", "ada"),
    }
    assert len(found) == 3


def test_a_removed_point_is_used_no_more_and_can_be_added_again() -> None:
    desk = Desk()
    id = reachable(desk)
    desk.do(c.VerifyContactPoint(id=id, point_id=POINT, method="link"))
    assert desk.do(c.VerifyContactPoint(id=id, point_id=POINT, method="link")).position == 0
    assert state(desk, id).points[POINT].verified == (START, "link")
    desk.do(c.RemoveContactPoint(id=id, point_id=POINT))
    for command in (
        c.VerifyContactPoint(id=id, point_id=POINT, method="link"),
        c.RemoveContactPoint(id=id, point_id=POINT),
        given(id),
    ):
        with pytest.raises(MoveRefused, match="The contact point is removed; it cannot"):
            desk.do(command)
    desk.do(c.AddContactPoint(id=id, kind="email", value="ada@example.org"))
    assert [point.removed for point in state(desk, id).points.values()] == [True, False]


def test_a_consent_is_given_renewed_withdrawn_and_given_again() -> None:
    desk = Desk()
    id = reachable(desk)
    with pytest.raises(MoveRefused, match="The consent is not given; it cannot be withdrawn"):
        desk.do(c.WithdrawConsent(id=id, point_id=POINT, purpose="news", source="call"))
    desk.do(given(id))
    assert desk.do(given(id)).position == 0
    desk.later(days=1)
    until = desk.now + timedelta(days=30)
    desk.do(given(id, until=until, double_opt_in=True))
    held = state(desk, id).consents[POINT, "news"]
    assert (held.given - START, held.until, held.double_opt_in) == (timedelta(days=1), until, True)
    desk.do(c.WithdrawConsent(id=id, point_id=POINT, purpose="news", source="call"))
    assert state(desk, id).consents[POINT, "news"].withdrawn == desk.now
    with pytest.raises(MoveRefused, match="The consent is withdrawn; it cannot be withdrawn"):
        desk.do(c.WithdrawConsent(id=id, point_id=POINT, purpose="news", source="call"))
    desk.do(given(id, until=until, double_opt_in=True))
    assert state(desk, id).consents[POINT, "news"].withdrawn is None


def test_a_consent_for_a_removed_point_can_still_be_withdrawn() -> None:
    desk = Desk()
    id = reachable(desk)
    desk.do(given(id))
    desk.do(c.RemoveContactPoint(id=id, point_id=POINT))
    desk.do(c.WithdrawConsent(id=id, point_id=POINT, purpose="news", source="call"))
    assert state(desk, id).consents[POINT, "news"].withdrawn == START


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (c.AddContactPoint(id=SOME, kind="fax", value="1234"), "no kind of contact point 'fax'"),  # type: ignore[arg-type]
        (c.AddContactPoint(id=SOME, kind="email", value="ada"), "The email address is not valid"),
        (c.AddContactPoint(id=SOME, kind="phone", value="12"), "The phone number is not valid"),
        (c.AddContactPoint(id=SOME, kind="social", value=" "), "The contact point is empty"),
        (
            c.AddContactPoint(id=SOME, kind="email", value="a@b.org", point_id=POINT),
            "another contact point with the id",
        ),
        (c.ChangeContact(id=SOME, remove=("name",)), "No field 'name' of a contact can be removed"),
        (given(SOME, point_id=SOME), "no contact point with the id"),
        (given(SOME, legal_basis="habit"), "There is no legal basis 'habit'"),
        (given(SOME, until=START), "before it begins"),
        (given(SOME, until=datetime(2027, 1, 1)), "has no time zone"),  # noqa: DTZ001
        (given(SOME, purpose=""), "The purpose is empty"),
    ],
)
def test_what_a_contact_cannot_be_is_told_in_a_sentence(command: Any, told: str) -> None:
    desk = Desk()
    id = reachable(desk)
    events = len(desk.crm.stored)
    with pytest.raises(DomainError) as refusal:
        desk.do(replace(command, id=id))
    assert told in str(refusal.value)
    assert "ada" not in str(refusal.value)
    assert len(desk.crm.stored) == events
