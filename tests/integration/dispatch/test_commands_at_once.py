"""Many clients of one store at once: who wins, who tries again, who gets which refusal; a repeat changes
nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest

from commands.bulk.recorder import BulkOutcome, History
from commands.dispatch.dispatcher import MAX_ATTEMPTS, Outcome
from commands.store.claims import Claim
from domain.activities.interaction.commands import RecordInteraction
from domain.customers.customer import state as customer
from domain.customers.customer.commands import AddReference, ChangeCustomer, MergeCustomers, RegisterCustomer
from domain.directory.principal.commands import RegisterPrincipal
from domain.kernel.errors import AlreadyClaimed, ConcurrentChange, DomainError, KeyReused, MoveRefused
from domain.kernel.repository import Repository
from domain.kernel.values import Reference
from domain.sales.opportunity.commands import AssignOwner, OpenOpportunity, WinOpportunity
from tests.support.at_once import Bus, at_once, bus, done, patiently
from tests.support.database import Urls, migrated
from tests.support.store import execute

CLIENTS = 32
KEYS = 8


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def shop(urls: Urls) -> Iterator[Bus]:
    with bus(urls.app, 16) as opened:
        yield opened


def counted(urls: Urls, type: str) -> int:
    ((count,),) = execute(urls.admin, "SELECT count(*) FROM store.event WHERE type = %s", (type,))
    assert isinstance(count, int)
    return count


def test_of_sixteen_who_expect_nothing_all_are_done(shop: Bus) -> None:
    """Given one customer, when sixteen at once each add a tag to it, then all are there in the end: each was
    decided upon what the ones before it left."""
    id = shop.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    # An attempt fails only because another client was done.
    assert MAX_ATTEMPTS >= 16
    found = at_once(16, lambda n: shop.do(ChangeCustomer(id=id, add_tags=(f"tag {n}",))))
    assert len(done(found)) == 16, found
    assert shop.commands.crm.load("customer", customer.evolve, id).tags == {f"tag {n}" for n in range(16)}
    assert shop.versions(id) == list(range(1, 18))
    assert sorted(each.version for each in done(found)) == list(range(2, 18))


def test_of_sixteen_who_expect_a_version_one_is_done_and_the_others_hear_both_versions(shop: Bus) -> None:
    """Given one opportunity at version 1, when sixteen at once change it as it was at version 1, then one is
    done, and the others learn the version that they expected and the current one."""
    id = shop.do(OpenOpportunity(pipeline="sales")).id
    owners = [shop.do(RegisterPrincipal(kind="agent", name=f"Agent {n}")).id for n in range(16)]
    found = at_once(16, lambda n: shop.do(AssignOwner(id=id, owner_id=owners[n]), expected_version=1))
    assert len(done(found)) == 1
    refusals = [each for each in found if isinstance(each, DomainError)]
    assert {type(each) for each in refusals} == {ConcurrentChange}
    assert all(f"The record {id} is at version 2, not 1" in str(each) for each in refusals)
    assert shop.versions(id) == [1, 2]


def test_of_sixteen_moves_of_which_one_can_be_one_is_done(shop: Bus) -> None:
    """Given an open opportunity, when sixteen at once win it, expecting nothing, then one does, and the
    others learn that it is won: that is what they find when they look again."""
    id = shop.do(OpenOpportunity(pipeline="sales")).id
    found = at_once(16, lambda _: shop.do(WinOpportunity(id=id)))
    assert len(done(found)) == 1
    refusals = [each for each in found if isinstance(each, DomainError)]
    assert {type(each) for each in refusals} == {MoveRefused}
    assert all("The opportunity is won" in str(each) for each in refusals)


def test_who_merges_at_an_expected_version_hears_of_that_record_alone(shop: Bus) -> None:
    """Given a survivor that others keep changing, when several are merged into it at once, each expected at
    its own version, then all are: that the survivor changed is nobody's conflict."""
    survivor = shop.do(RegisterCustomer(kind="organisation", name="Survivor")).id
    losers = [shop.do(RegisterCustomer(kind="organisation", name=f"Loser {n}")).id for n in range(8)]

    def act(number: int) -> Outcome:
        if number < 8:
            merge = MergeCustomers(id=losers[number], survivor_id=survivor)
            return shop.do(merge, expected_version=1)
        return shop.do(ChangeCustomer(id=survivor, add_tags=(f"tag {number}",)))

    found = at_once(16, act)
    assert len(done(found)) == 16, found
    assert shop.commands.crm.load("customer", customer.evolve, survivor).absorbed == set(losers)


def test_an_external_id_that_many_add_at_once_is_one_customers(shop: Bus) -> None:
    """Given two customers, when eight at once add the same external id to each, then one customer has it:
    all who added it there learn that it is so, also those who came too late to record it, and all others
    learn whose it is."""
    firms = [shop.do(RegisterCustomer(kind="organisation", name=f"Firm {n}")).id for n in range(2)]
    known = Reference(source="erp", external_id="4711")
    found = at_once(16, lambda n: shop.do(AddReference(id=firms[n % 2], reference=known)))
    (owner,) = {outcome.id for outcome in done(found)}
    assert len(done(found)) == 8
    assert shop.claims.find("erp", ["4711"])["4711"].id == owner
    assert shop.versions(owner) == [1, 2]
    refusals = [each for each in found if isinstance(each, DomainError)]
    assert {type(each) for each in refusals} == {AlreadyClaimed}
    assert all(f"is already the record {owner}" in str(each) for each in refusals)


@pytest.mark.timeout(240)
def test_thirty_two_clients_who_repeat_the_same_keys_get_the_same_answers(urls: Urls, shop: Bus) -> None:
    """Given requests that open and that win opportunities, when 32 clients at once send all of them twice
    in one of two orders, then each key has one set of events, and all clients have the same ids, versions and
    positions, also where what one did refuses the others."""
    opened = [shop.do(OpenOpportunity(pipeline="sales")).id for _ in range(KEYS)]

    def send(number: int) -> dict[str, set[tuple[UUID, int, int]]]:
        answers: dict[str, set[tuple[UUID, int, int]]] = {}
        requests = [(f"open {n}", OpenOpportunity(pipeline="sales")) for n in range(KEYS)]
        moves = [(f"win {n}", WinOpportunity(id=opened[n])) for n in range(KEYS)]
        both = [*requests, *moves] * 2
        random.Random(number % 2).shuffle(both)  # the same one at the same time
        for key, command in both:
            expected = 1 if key.startswith("win") and number % 2 else None
            sending = partial(shop.do, command, key=key, request=key.encode(), expected_version=expected)
            outcome = patiently(sending)
            answers.setdefault(key, set()).add((outcome.id, outcome.version, outcome.position))
        return answers

    found = at_once(CLIENTS, send)
    clients = done(found)
    assert len(clients) == CLIENTS, [each for each in found if isinstance(each, DomainError)]
    assert all(len(answers) == 1 for answers in clients[0].values())
    assert all(answers == clients[0] for answers in clients)
    assert counted(urls, "crm.opportunity.opened") == 2 * KEYS
    assert counted(urls, "crm.opportunity.won") == KEYS
    with pytest.raises(KeyReused):
        shop.do(OpenOpportunity(pipeline="renewal"), key="open 0", request=b"another")


@pytest.mark.timeout(240)
def test_thirty_two_clients_who_race_for_the_same_external_ids_make_one_record_of_each(
    urls: Urls, shop: Bus
) -> None:
    """Given external ids, when 32 clients at once register a record for each, one by one and in bulk, then
    one has it and the others learn which."""

    def register(number: int) -> dict[str, UUID]:
        names = [f"{n}" for n in range(KEYS)]
        random.Random(number).shuffle(names)
        return in_bulk(shop, names) if number % 4 == 0 else {name: by_itself(shop, name) for name in names}

    found = done(at_once(CLIENTS, register))
    assert len(found) == CLIENTS
    assert all(ids == found[0] for ids in found)
    assert len(set(found[0].values())) == KEYS
    assert counted(urls, "crm.customer.registered") == KEYS
    assert {c.id for c in shop.claims.find("shop", list(found[0])).values()} == set(found[0].values())


def command(name: str, id: UUID | None = None) -> RegisterCustomer:
    reference = Reference(source="shop", external_id=name)
    return RegisterCustomer(kind="organisation", name=name, reference=reference, id=id)


def same(name: str, _: Repository, id: UUID) -> ChangeCustomer:
    return ChangeCustomer(id=id, name=name)


def by_itself(shop: Bus, name: str) -> UUID:
    try:
        return shop.do(command(name)).id
    except AlreadyClaimed as taken:
        return UUID(str(taken.id))


def in_bulk(shop: Bus, names: list[str]) -> dict[str, UUID]:
    recorder = shop.recorder()
    claims = {name: Claim("shop", name, UUID(int=random.getrandbits(128), version=4)) for name in names}
    outcomes = recorder.record(
        [
            History(
                commands=(command(name, claim.id),),
                claim=claim,
                change=partial(same, name),
            )
            for name, claim in claims.items()
        ]
    )
    assert None not in [outcome.id for outcome in outcomes], outcomes
    return {name: outcome.id for name, outcome in zip(names, outcomes, strict=True) if outcome.id}


@pytest.mark.timeout(240)
def test_the_same_bulk_by_eight_clients_is_recorded_once_and_answered_alike(urls: Urls, shop: Bus) -> None:
    """Given 200 interactions under keys, when eight clients send them at once, each twice, then each is there
    once, and all clients have the same outcomes."""
    histories = [
        History(
            commands=(
                RecordInteraction(
                    kind="call",
                    direction="inbound",
                    channel="phone",
                    reference=Reference(source="pbx", external_id=f"{n}"),
                ),
            ),
            key=f"k/{n}",
            request=f"{n}".encode(),
        )
        for n in range(200)
    ]
    found = done(
        at_once(8, lambda _: [patiently(lambda: shop.recorder().record(histories)) for _ in range(2)])
    )
    assert len(found) == 8
    answers: list[list[BulkOutcome]] = [each for client in found for each in client]
    assert {outcome.state for outcome in answers[0]} == {"created"}
    assert all(each == answers[0] for each in answers)
    assert counted(urls, "crm.interaction.recorded") == 200


def test_who_was_killed_before_answering_is_answered_when_it_repeats(urls: Urls, shop: Bus) -> None:
    """Given a process that is killed -9 once its command is recorded, before it could answer, when the same
    request comes again, then it has the answer, and nothing is recorded twice."""
    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.dying_commander", urls.app, "key"], timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    again = shop.do(OpenOpportunity(pipeline="sales"), key="key", request=b"open")
    assert (again.replayed, again.version) == (True, 1)
    ((id, position),) = execute(urls.admin, "SELECT aggregate_id::text, position FROM store.event")
    assert (UUID(id), position) == (again.id, again.position)
