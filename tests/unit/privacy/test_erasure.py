"""Erasure and legal hold: what they refuse, and that an erased record takes no further move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.customers.contact import decide as contact_moves
from domain.customers.contact import events as contact_events
from domain.customers.contact import state as contact
from domain.customers.customer import decide as customer_decide
from domain.customers.customer import events as customer_events
from domain.customers.customer import state as customer
from domain.events.event import SYSTEM, Event
from domain.events.private import Unreadable
from domain.kernel.errors import Erased, Invalid, MoveRefused
from domain.privacy import erasure
from domain.privacy import legal_hold as hold
from domain.sales.lead import decide as lead_moves
from domain.sales.lead import events as lead_events
from domain.sales.lead import state as lead

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
ME, BY = UUID(int=1), UUID(int=9)


def history(*payloads: Any) -> list[Event]:
    return [
        Event(
            originator_id=ME, originator_version=number, party=ME, time=WHEN, recorded=WHEN,
            correlation=BY, cause=None, actor=SYSTEM, payload=payload,
        )
        for number, payload in enumerate(payloads, start=1)
    ]  # fmt: skip


def born(kind: customer_events.CustomerKind = "person") -> customer.Customer:
    registered = customer_events.Registered(kind=kind, name="Ada", attributes={}, original={})
    return customer.evolve(None, history(registered)[0])


def test_an_erased_customer_is_nobody_and_nothing_happens_to_it() -> None:
    state = born()
    (payload,) = customer_decide.erase(state, erasure=BY)
    erased = customer.evolve(state, history(None, payload)[1])
    assert (erased.state, erased.name) == ("erased", Unreadable("erased"))
    assert customer_decide.erase(erased, erasure=UUID(int=10)) == ()
    with pytest.raises(MoveRefused):
        customer_decide.merge(erased, replace(state, id=UUID(int=2)))
    with pytest.raises(MoveRefused):
        customer_decide.merge(replace(state, id=UUID(int=2)), erased)
    with pytest.raises(Erased, match="erased for good"):
        customer_decide.require_active(erased)


def test_an_organisation_is_not_erased() -> None:
    with pytest.raises(Invalid, match="Erase its contacts one by one"):
        customer_decide.erase(born("organisation"), erasure=BY)


def test_a_contact_and_a_lead_forget_what_they_held() -> None:
    point = contact_events.PointAdded(point_id=UUID(int=5), kind="email", value="a@example.org")
    state: contact.Contact | None = None
    for event in history(contact_events.Registered(customer_id=BY, name="Ada"), point):
        state = contact.evolve(state, event)
    assert state is not None
    (payload,) = contact_moves.erase(state, erasure=BY)
    erased = contact.evolve(state, history(payload)[0])
    assert erased.erased
    assert erased.points[UUID(int=5)].value == erased.name == Unreadable("erased")
    assert contact_moves.erase(erased, erasure=BY) == ()

    created = lead_events.Created(name="Ada", email="a@example.org", imported=False, original={})
    prospect = lead.evolve(None, history(created)[0])
    (gone,) = lead_moves.erase(prospect, erasure=BY)
    prospect = lead.evolve(prospect, history(gone)[0])
    assert (prospect.state, prospect.email) == ("erased", Unreadable("erased"))
    with pytest.raises(MoveRefused):
        lead_moves.assign_owner(prospect, owner_id=BY)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"reason": "whim"}, "There is no reason"),
        ({"legal_basis": ""}, "legal basis must be"),
        ({"legal_basis": "because Ada Lovelace <ada@example.org> asked"}, "must name nobody"),
        ({"reference": "a b"}, "reference must be"),
        ({"reference": "x" * 65}, "reference must be"),
    ],
)
def test_what_is_kept_for_ever_of_an_erasure_has_no_room_for_names(
    said: dict[str, str], sentence: str
) -> None:
    given: dict[str, Any] = {"reason": "objection", "legal_basis": "GDPR art. 17 (1) c", "reference": "D-1"}
    with pytest.raises(Invalid, match=sentence):
        erasure.begin(parties=(), persons=(), **given | said)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"party": ME, "kind": "case"},
        {"party": ME, "month": "2026-03"},
        {"kind": "Chat with Ada"},
        {"kind": "case", "month": "2026-13"},
    ],
)
def test_a_hold_names_one_thing(said: dict[str, Any]) -> None:
    named = {"party": None, "kind": None, "month": None} | said
    with pytest.raises(Invalid):
        hold.place(reference="LIT-7", legal_basis="litigation", **named)


def test_a_hold_is_released_once() -> None:
    placed = hold.place(
        party=None, kind="interaction-chat", month="2026-03", reference="LIT-7", legal_basis="litigation"
    )
    state = hold.evolve(None, history(placed)[0])
    (payload,) = hold.release(state)
    assert hold.release(hold.evolve(state, history(payload)[0])) == ()


def test_a_second_destruction_adds_whom_was_found_since() -> None:
    begun = erasure.begin(
        parties=(ME,), persons=(ME,), reason="child", legal_basis="GDPR art. 17 (1) f", reference=None
    )
    state: erasure.Erasure | None = None
    for event in history(
        begun,
        erasure.KeysDestroyed(persons=(ME,)),
        erasure.ErasureCertified(certificate_sha256="ab", position=7),
        erasure.KeysDestroyed(persons=(ME, BY)),
    ):
        state = erasure.evolve(state, event)
    assert state is not None
    assert (state.state, state.persons, state.certificates) == ("destroyed", (ME, BY), ("ab",))
