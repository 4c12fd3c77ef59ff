"""Legal holds beside erasures and closings on PostgreSQL: what they keep, and who wins at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from commands.privacy import holds, retention
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.erasure import ErasureResult, Erasures
from commands.privacy.holds import Hold, OnHold
from commands.privacy.kek import FileKek
from commands.privacy.keys import PostgresKeyStore, Retention
from commands.privacy.person import LinkedParties, People
from commands.privacy.tombstones import Tombstones
from commands.store.contact_index import ContactIndex
from deploy.local.postgres import LocalPostgres
from domain.activities.interaction import events as interaction
from domain.activities.interaction.commands import RecordInteraction
from domain.customers.contact.commands import RegisterContact
from domain.customers.customer.commands import RegisterCustomer
from domain.events.event import SYSTEM, Event
from domain.kernel import errors
from domain.kernel.values import Reference
from domain.service.case.commands import OpenCase
from tests.support.at_once import Bus, at_once, bus, context
from tests.support.database import new_store

ROUNDS = 6
MATTER = {"reference": "LIT-7", "legal_basis": "litigation"}
TODAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Desk:
    """Commands, erasures and holds on one store; nobody is linked to anybody by the read side."""

    bus: Bus
    keys: PostgresKeyStore

    def erasing(self) -> Erasures:
        """As a process of its own has it."""
        crm = self.bus.commands.crm
        people = People(crm, lambda party, _: LinkedParties(parties=(party,), incoming=()))
        pool = crm.pool
        return Erasures(crm, people, Tombstones(pool), ContactIndex(pool), AesGcmCipher(self.keys))

    def made(self, command: Any) -> UUID:
        """The record that it makes."""
        return self.bus.do(command).id

    def person(self) -> UUID:
        """A new customer."""
        return self.made(RegisterCustomer(kind="person", name="Zerlina"))

    def chat(self, *participants: UUID, customer: UUID) -> UUID:
        """A talk with a text, of today."""
        return self.made(
            RecordInteraction(
                kind="chat", direction="inbound", channel="web", customer_id=customer, body="Hello.",
                participants=participants, reference=Reference(source="test", external_id=str(uuid4())),
            )
        )  # fmt: skip

    def chat_of(self, month: str, party: UUID) -> None:
        """The same of a month long ago."""
        id, at = uuid4(), datetime.fromisoformat(f"{month}-15T12:00:00+00:00")
        payload = interaction.Recorded(
            kind="chat", direction="inbound", channel="web", customer_id=party, participants=(party,),
            body="x", reference=Reference(source="test", external_id=str(id)), source_digest="00",
            imported=False,
        )  # fmt: skip
        event = Event(
            originator_id=id, originator_version=1, party=party, time=at, recorded=at,
            correlation=id, cause=None, actor=SYSTEM, payload=payload,
        )  # fmt: skip
        self.bus.commands.crm.record([event])

    def place(self, **what: Any) -> Hold:
        """A hold on that."""
        given = {"party": None, "kind": None, "month": None, **MATTER} | what
        return holds.place(self.bus.commands.crm, context(), **given)

    def erase(self, id: UUID, erasing: Erasures | None = None) -> ErasureResult:
        """Erases the customer."""
        return (erasing or self.erasing()).erase(
            "customer", id, reason="objection", legal_basis="x", reference=None, context=context()
        )

    def close(self, kinds: tuple[str, ...] = ("interaction-chat",)) -> tuple[retention.Due, ...]:
        """Closes what was kept for a year."""
        return retention.close(
            dict.fromkeys(kinds, 12), TODAY, keys=self.keys, crm=self.bus.commands.crm,
            whose=lambda id: {id}, actor=SYSTEM,
        )  # fmt: skip

    def destroyed(self, *names: Any) -> set[Any]:
        """Those of these keys that are."""
        found = self.keys.find(names)
        return {name for name, state in found.items() if not hasattr(state, "raw")}


@pytest.fixture(scope="module")
def desk(postgres: LocalPostgres) -> Iterator[Desk]:
    with (
        new_store(postgres) as urls,
        bus(urls.app) as opened,
        closing(PostgresKeyStore(urls.app, FileKek(b"k" * 32))) as keys,
    ):
        yield Desk(opened, keys)


def test_of_a_hold_and_an_erasure_at_the_same_moment_one_wins_and_the_other_is_told(desk: Desk) -> None:
    """Many times: the erasure is refused and destroys nothing, or the hold, since nothing is left of it."""
    for _ in range(ROUNDS):
        person = desk.person()

        def act(number: int, person: UUID = person) -> Any:
            return desk.erase(person) if number else desk.place(party=person)

        placed, erased = at_once(2, act)
        gone = desk.destroyed(person)
        if isinstance(placed, Hold):
            assert isinstance(erased, OnHold)
            assert erased.hold == str(placed.id)
            assert gone == set()
        else:
            assert isinstance(placed, errors.Erased)
            assert isinstance(erased, ErasureResult)
            assert gone == {person}


def test_a_hold_placed_after_the_erasure_has_looked_for_one_is_seen(desk: Desk) -> None:
    """Given an erasure that found no hold, when one is placed before it records, then nothing is erased."""
    person, erasing = desk.person(), desk.erasing()
    placed: list[Hold] = []

    def meanwhile(at: str) -> None:
        if at == "planned" and not placed:
            placed.append(desk.place(party=person))

    erasing.failpoint = meanwhile
    with pytest.raises(OnHold) as refused:
        desk.erase(person, erasing)
    assert refused.value.hold == str(placed[0].id)
    assert desk.destroyed(person) == set()
    assert erasing.erasure_of("customer", person) is None


def test_of_two_holds_and_a_closing_at_the_same_moment_no_text_goes_that_is_held(desk: Desk) -> None:
    """Many times: where a hold was placed the month stays, where the month was closed no hold was placed."""
    party = desk.person()
    for number in range(ROUNDS):
        month = f"2020-{number + 1:02d}"
        desk.chat_of(month, party)

        def act(number: int, month: str = month) -> Any:
            return desk.close() if number == 2 else desk.place(kind="interaction-chat", month=month)

        *placed, closed = at_once(3, act)
        assert not isinstance(closed, errors.DomainError)
        (due,) = [each for each in closed if each.month == month]
        kept = [each for each in placed if isinstance(each, Hold)]
        assert desk.destroyed(Retention("interaction-chat", month)) == (
            set() if kept else {Retention("interaction-chat", month)}
        )
        assert bool(due.holds) == bool(kept)
        for refused in set(map(type, placed)) - {Hold}:
            assert refused is errors.Erased


def test_what_is_gone_for_good_is_not_held(desk: Desk) -> None:
    person, party = desk.person(), desk.person()
    desk.erase(person)
    with pytest.raises(errors.Erased, match="was erased for good"):
        desk.place(party=person)
    desk.chat_of("2019-05", party)
    desk.close()
    with pytest.raises(errors.Erased, match="kept as interaction-chat for 2019-05"):
        desk.place(kind="interaction-chat", month="2019-05")


def test_a_hold_on_whatever_is_a_persons_keeps_the_person(desk: Desk) -> None:
    """A case, a talk with somebody else that the person took part in, the organisation of a contact."""
    person, other = desk.person(), desk.person()
    case = desk.made(OpenCase(kind="question", priority=3, customer_id=person))
    talk = desk.chat(other, person, customer=other)
    for record in (case, talk):
        placed = desk.place(party=record)
        with pytest.raises(OnHold) as refused:
            desk.erase(person)
        assert refused.value.hold == str(placed.id)
        holds.release(desk.bus.commands.crm, context(), placed.id)

    firm = desk.made(RegisterCustomer(kind="organisation", name="Acme"))
    contact = desk.made(RegisterContact(customer_id=firm, name="Zerlina"))
    placed = desk.place(party=firm)
    with pytest.raises(OnHold):
        desk.erasing().plan("contact", contact)
    holds.release(desk.bus.commands.crm, context(), placed.id)
    desk.erasing().plan("contact", contact)


def test_a_kind_of_text_that_is_held_keeps_whoever_took_part_in_one(desk: Desk) -> None:
    """In the records of others too, whose party is not the person's."""
    person, other = desk.person(), desk.person()
    desk.chat(other, person, customer=other)
    placed = desk.place(kind="interaction-chat")
    with pytest.raises(OnHold, match="interaction-chat"):
        desk.erase(person)
    holds.release(desk.bus.commands.crm, context(), placed.id)
    placed = desk.place(kind="interaction-email")
    desk.erase(person)
    holds.release(desk.bus.commands.crm, context(), placed.id)
