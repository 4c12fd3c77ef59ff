"""Conversions and interactions on PostgreSQL: again, at once, in bulk beside one another; the blind index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from commands.bulk.recorder import BulkOutcome, BulkRecorder, History
from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Commands, Outcome
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import FileKek, PostgresKeyStore
from commands.store.application import Crm
from commands.store.claims import Claim, ClaimTable
from commands.store.contact_index import ContactIndex
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.mapper import EventMapper
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from domain.activities.interaction import state as interaction
from domain.activities.interaction.commands import CorrectInteraction, RecordInteraction
from domain.customers.contact import state as contact
from domain.customers.contact.commands import AddContactPoint, RegisterContact
from domain.customers.customer.commands import RegisterCustomer
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM
from domain.kernel.errors import AlreadyRecorded, DomainError
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.lead import state as lead
from domain.sales.lead.commands import ConvertLead, CreateLead, MoveLead
from domain.service.case import state as case
from domain.service.case.commands import CloseCase, OpenCase, ReopenCase, ResolveCase
from tests.support.database import migrated
from tests.support.memory import PIPELINES
from tests.support.store import execute

AT_ONCE: Final = 6
IDENTIFIERS: Final = Identifiers(b"i" * 32)
WHEN: Final = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@dataclass
class Office:
    """Commands on a store, and what is in it."""

    url: str
    commands: Commands
    claims: ClaimTable
    index: ContactIndex

    def do(self, command: Any, **options: Any) -> Outcome:
        return self.commands.execute(command, context(), **options)

    def at_once(self, act: Callable[[], Outcome]) -> list[Outcome | DomainError]:
        barrier = threading.Barrier(AT_ONCE)

        def one(_: int) -> Outcome | DomainError:
            barrier.wait()
            try:
                return act()
            except DomainError as refusal:
                return refusal

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(one, range(AT_ONCE)))

    def bulk(self, *histories: History) -> list[BulkOutcome]:
        return BulkRecorder(self.commands, self.claims, context()).record(histories)

    def types(self) -> dict[str, int]:
        """How many events of each type there are."""
        return dict(execute(self.url, "select type, count(*) from store.event group by type"))


def context() -> Context:
    return Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=datetime.now(UTC), new_id=uuid4)


@pytest.fixture
def office(fresh_database: str) -> Iterator[Office]:
    urls = migrated(fresh_database)
    pool = Pool(urls.app, AT_ONCE)
    cipher = AesGcmCipher(PostgresKeyStore(urls.app, FileKek(b"k" * 32)))
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, cipher))
    commands = Commands(crm, Idempotency(pool, b"i" * 32), PIPELINES, IDENTIFIERS)
    yield Office(urls.admin, commands, ClaimTable(pool), ContactIndex(pool))
    pool.close()


def qualified(office: Office) -> UUID:
    made = office.do(
        CreateLead(name="Ada Lovelace", company="Engines", email="Ada@Example.org", phone="+44 20 7946 0000")
    )
    for state in ("working", "qualified"):
        office.do(MoveLead(id=made.id, to_state=state))
    return made.id


def purchase(number: int = 1, **more: Any) -> RecordInteraction:
    given: dict[str, Any] = {
        "kind": "purchase",
        "direction": "inbound",
        "channel": "shop",
        "reference": Reference(source="shop", external_id=f"order {number}"),
        "amount": Money(amount=Decimal("12.77"), currency="USD"),
        "at": WHEN,
    }
    return RecordInteraction(**(given | more))


CONVERTED: Final = {
    "crm.lead.created": 1,
    "crm.lead.status_changed": 2,
    "crm.lead.converted": 1,
    "crm.customer.registered": 1,
    "crm.contact.registered": 1,
    "crm.contact.point_added": 2,
    "crm.opportunity.opened": 1,
}


def test_a_conversion_makes_all_four_at_once_and_again_the_same(office: Office) -> None:
    lead_id = qualified(office)
    first = office.do(ConvertLead(id=lead_id, pipeline="sales"))
    again = office.do(ConvertLead(id=lead_id, pipeline="sales"))

    assert again.ids == first.ids
    assert len(set(first.ids)) == 4
    assert (again.position, again.version) == (0, first.version)
    assert office.types() == CONVERTED
    state = office.commands.crm.load("lead", lead.evolve, lead_id)
    assert (state.id, state.customer_id, state.contact_id, state.opportunity_id) == first.ids
    for spelling in ("ada@example.org", "ADA@example.ORG"):
        assert office.index.find(IDENTIFIERS.contact_point("email", spelling)) == [state.contact_id]


def test_of_several_conversions_at_once_one_opportunity_comes_and_all_get_its_ids(office: Office) -> None:
    lead_id = qualified(office)
    found = office.at_once(lambda: office.do(ConvertLead(id=lead_id, pipeline="sales")))
    assert all(isinstance(each, Outcome) for each in found), found
    assert len({each.ids for each in found if isinstance(each, Outcome)}) == 1
    assert office.types() == CONVERTED


def test_a_conversion_with_a_key_is_answered_again_with_the_same_ids(office: Office) -> None:
    command = ConvertLead(id=qualified(office), pipeline="sales")
    first = office.do(command, key="k", request=b"convert")
    again = office.do(command, key="k", request=b"convert")
    assert (again.ids, again.replayed, first.replayed) == (first.ids, True, False)


def test_an_interaction_taken_in_twice_is_one_and_another_under_its_reference_is_refused(
    office: Office,
) -> None:
    first = office.do(purchase())
    again = office.do(purchase())
    assert (again.id, again.version, again.position) == (first.id, 1, 0)
    office.do(CorrectInteraction(id=first.id, channel="web"))
    assert office.do(purchase()).version == 2
    with pytest.raises(AlreadyRecorded, match=f"recorded before, with other content, as {first.id}"):
        office.do(purchase(channel="web"))
    assert office.types() == {"crm.interaction.recorded": 1, "crm.interaction.corrected": 1}


def test_of_the_same_interaction_many_times_at_once_one_comes_and_nobody_is_refused(office: Office) -> None:
    found = office.at_once(lambda: office.do(purchase()))
    assert all(isinstance(each, Outcome) for each in found), found
    assert len({each.id for each in found if isinstance(each, Outcome)}) == 1
    assert office.types() == {"crm.interaction.recorded": 1}


def test_imports_of_interactions_racing_each_other_add_each_once(office: Office) -> None:
    histories = [History(commands=(purchase(number),)) for number in range(200)]
    barrier = threading.Barrier(2)

    def run(order: int) -> list[str]:
        barrier.wait()
        return [outcome.state for outcome in office.bulk(*histories[::order])]

    with ThreadPoolExecutor(2) as threads:
        states = [state for found in threads.map(run, (1, -1)) for state in found]
    assert sorted(states) == ["created"] * 200 + ["unchanged"] * 200
    assert office.types() == {"crm.interaction.recorded": 200}


def test_bulk_finds_again_what_single_commands_recorded(office: Office) -> None:
    buyer = office.do(RegisterCustomer(kind="person", name="Ada Lovelace")).id
    known = office.do(purchase(1, customer_id=buyer, subject="A book", participants=(buyer,)))
    same = purchase(1, customer_id=buyer, subject="A book", participants=(buyer,))
    other = replace(same, subject="Two books")
    outcomes = office.bulk(
        *(History(commands=(each,)) for each in (same, other, purchase(2, customer_id=buyer)))
    )
    assert [outcome.state for outcome in outcomes] == ["unchanged", "failed", "created"]
    assert isinstance(outcomes[1].error, AlreadyRecorded)
    assert outcomes[0].id == outcomes[1].id == known.id
    assert outcomes[2].id == IDENTIFIERS.interaction(Reference(source="shop", external_id="order 2"))
    assert office.commands.crm.load("interaction", interaction.evolve, known.id).subject == "A book"


def test_texts_of_an_interaction_are_kept_by_its_kind_under_its_participants_keys(office: Office) -> None:
    ada = office.do(RegisterCustomer(kind="person", name="Ada Lovelace")).id
    told = purchase(
        kind="email", amount=None, subject="About the engine", body="It runs.", participants=(ada,)
    )
    id = office.do(told).id
    office.do(CorrectInteraction(id=id, body="It ran.", reason="A slip."))
    kinds = {row[0] for row in execute(office.url, "select kind from keys.retention_key")}
    assert kinds == {"interaction-email"}
    persons = {str(row[0]) for row in execute(office.url, "select person from keys.person_key")}
    assert persons == {str(ada)}
    stored = b"".join(bytes(row[0]) for row in execute(office.url, "select event from store.event"))
    assert b"engine" not in stored
    assert b"It r" not in stored
    state = office.commands.crm.load("interaction", interaction.evolve, id)
    assert (state.subject, state.body, state.corrections) == ("About the engine", "It ran.", 1)


def test_a_contact_point_that_families_share_finds_them_all(office: Office) -> None:
    home = office.do(RegisterCustomer(kind="organisation", name="Home")).id
    people = [office.do(RegisterContact(customer_id=home, name=name)).id for name in ("Ada", "Ann")]
    for person in people:
        office.do(AddContactPoint(id=person, kind="phone", value="+44 20 7946-0000"))
    found = office.index.find(IDENTIFIERS.contact_point("phone", "+442079460000"))
    assert set(found) == set(people)
    office.do(AddContactPoint(id=people[0], kind="phone", value="+44 (20) 7946 0000"))
    assert len(office.commands.crm.load("contact", contact.evolve, people[0]).points) == 1


def test_a_cases_history_is_taken_in_whole_with_its_times_and_leaps(office: Office) -> None:
    id = uuid4()
    history = History(
        commands=(
            OpenCase(kind="incident", state="in_progress", imported=True, at=WHEN, id=id, priority=2),
            ResolveCase(id=id, imported=True, at=WHEN.replace(day=6), code="code 5"),
            ReopenCase(id=id, imported=True, at=WHEN.replace(day=7), logged_at=WHEN),
            CloseCase(id=id, imported=True, at=WHEN.replace(day=8), reported_sla=False),
        ),
        claim=Claim("incidents", "INC1", id, b"d" * 32),
    )
    assert [outcome.state for outcome in office.bulk(history)] == ["created"]
    assert [outcome.state for outcome in office.bulk(history)] == ["unchanged"]
    state = office.commands.crm.load("case", case.evolve, id)
    assert (state.state, state.reopened, state.reported_sla) == ("closed", 1, False)
    assert state.closed == WHEN.replace(day=8)
    events = [event.payload for event in office.commands.crm.repository.event_store.get(id)]  # type: ignore[attr-defined]
    assert events[0].skipped == ("new", "assigned")
    assert events[2].logged_at == WHEN
    assert events[3].skipped == ("resolved",)
