"""Law 6: merge, then unmerge, is the identity: of the records, and of who is one customer with whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.store.event_reader import StoredRow
from domain.activities.interaction.commands import RecordInteraction
from domain.customers.customer import state as customer
from domain.customers.customer.commands import MergeCustomers, RegisterCustomer, UnmergeCustomer
from domain.customers.customer.state import Customer
from domain.events.catalogue import CATALOGUE
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import DomainError
from domain.kernel.values import Reference
from domain.sales.lead.commands import ConvertLead, CreateLead, LinkLead, MoveLead
from domain.sales.opportunity.commands import LinkCustomer, OpenOpportunity
from projections.identity.v1.projection import IDENTITY_V1
from projections.runtime.replay import fold_all
from tests.support.memory import START, Desk

MANY = 6
NUMBER = st.integers(0, MANY - 1)
STEPS = st.lists(st.tuples(NUMBER, NUMBER, st.sampled_from(["merge", "unmerge", "link"])), max_size=20)
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


class World:
    """Customers, and what is linked to them: opportunities, a lead of each, interactions."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.customers = [
            self.desk.do(RegisterCustomer(kind="organisation", name=f"Firm {n}")).id for n in range(MANY)
        ]
        self.deals = [self.desk.do(OpenOpportunity(pipeline="sales")).id for _ in range(MANY)]
        for number, id in enumerate(self.customers):
            lead = self.desk.do(CreateLead(company=f"Firm {number}")).id
            self.desk.do(LinkLead(id=lead, customer_id=id))
            for state in ("working", "qualified")[: number % 3]:
                self.desk.do(MoveLead(id=lead, to_state=state))
            if number % 3 == 2:
                self.desk.do(ConvertLead(id=lead, pipeline="sales"))
            reference = Reference(source="phone", external_id=str(number))
            self.desk.do(
                RecordInteraction(
                    kind="call", direction="inbound", channel="phone", reference=reference, customer_id=id
                )
            )

    def step(self, one: int, other: int, what: str) -> bool:
        """One step, where the lifecycles allow it."""
        self.desk.later()
        commands: dict[str, Any] = {
            "merge": MergeCustomers(id=self.customers[one], survivor_id=self.customers[other]),
            "unmerge": UnmergeCustomer(id=self.customers[one]),
            "link": LinkCustomer(id=self.deals[one], customer_id=self.customers[other]),
        }
        try:
            self.desk.do(commands[what])
        except DomainError:
            return False
        return True

    def state(self, number: int) -> Customer:
        return self.desk.crm.load("customer", customer.evolve, self.customers[number])

    def together(self) -> dict[str, str]:
        """Which party leads to which, by the identity read model's fold; parties that lead nowhere apart."""
        rows = [
            StoredRow(position, id, version, event.payload.__class__.__name__, event.party, encoded)
            for position, ((id, version, encoded), event) in enumerate(
                zip(self.desk.crm.stored, self.desk.crm.events(), strict=True), start=1
            )
        ]
        links = fold_all(IDENTITY_V1, rows, CATALOGUE)["link"]
        return {str(key): str(row["target"]) for key, row in links.items() if row["target"] is not None}


def apart_from_when(state: Aggregate) -> Aggregate:
    """A record without its version and times, which every event moves on."""
    return replace(state, version=0, time=START, recorded=START)


@SETTINGS
@given(steps=STEPS, one=NUMBER, other=NUMBER)
def test_merge_then_unmerge_is_the_identity(steps: list[tuple[int, int, str]], one: int, other: int) -> None:
    world = World()
    for step in steps:
        world.step(*step)
    states = [apart_from_when(world.state(number)) for number in range(MANY)]
    before = world.together()
    if not world.step(one, other, "merge"):
        return
    assert world.together() != before
    assert world.step(one, one, "unmerge")
    assert [apart_from_when(world.state(number)) for number in range(MANY)] == states
    assert world.together() == before


@SETTINGS
@given(steps=STEPS, one=NUMBER, other=NUMBER, between=STEPS)
def test_what_others_do_in_between_is_kept(
    steps: list[tuple[int, int, str]], one: int, other: int, between: list[tuple[int, int, str]]
) -> None:
    merging, plain = World(), World()
    for step in steps:
        assert merging.step(*step) == plain.step(*step)
    if not merging.step(one, other, "merge"):
        return
    done = [step for step in between if one not in step[:2] and merging.step(*step)]
    assert merging.step(one, one, "unmerge")
    assert all(plain.step(*step) for step in done)
    for number in range(MANY):
        assert apart_from_when(merging.state(number)) == apart_from_when(plain.state(number))
    assert merging.together() == plain.together()


def test_a_merged_customer_comes_back_from_the_one_that_survived_it() -> None:
    world = World()
    assert world.step(0, 1, "merge")
    assert world.step(1, 2, "merge")
    assert not world.step(3, 1, "merge")
    assert world.step(0, 0, "unmerge")
    assert (world.state(0).state, world.state(1).survivor_id) == ("active", world.customers[2])
    assert world.state(1).absorbed == frozenset[UUID]()
