"""Another system knows a customer, too: its external id is added, is claimed, and leads to that customer."""

from __future__ import annotations

from uuid import UUID

import pytest

from commands.dispatch.decision import events_of
from commands.dispatch.repository import StoreRepository
from domain.customers.customer import state as customer
from domain.customers.customer.commands import AddReference, MergeCustomers, RegisterCustomer
from domain.customers.customer.decide import REFERENCES_LIMIT
from domain.customers.customer.events import ReferenceAdded
from domain.kernel.errors import AlreadyClaimed, ConcurrentChange, Invalid, MoveRefused, NotFound
from domain.kernel.values import Reference
from domain.sales.opportunity.commands import OpenOpportunity
from tests.support.memory import Desk

ERP, SHOP = Reference(source="erp", external_id="4711"), Reference(source="shop", external_id="A-1")


def registered(desk: Desk, reference: Reference | None = ERP) -> UUID:
    id: UUID = desk.do(RegisterCustomer(kind="organisation", name="Isdom", reference=reference)).id
    return id


def references(desk: Desk, id: UUID) -> tuple[Reference, ...]:
    return desk.crm.load("customer", customer.evolve, id).references


def test_a_reference_is_added_and_claimed_in_one_transaction() -> None:
    desk = Desk()
    isdom = registered(desk)
    added = desk.do(AddReference(id=isdom, reference=SHOP))
    assert (added.id, added.version) == (isdom, 2)
    assert desk.crm.events(isdom)[-1].payload == ReferenceAdded(reference=SHOP)
    assert references(desk, isdom) == (ERP, SHOP)
    assert desk.claims.rows["shop", "A-1"].id == isdom
    assert desk.crm.transactions[-1] == 1


def test_one_that_it_has_is_not_recorded_again_however_it_is_spaced() -> None:
    desk = Desk()
    isdom = registered(desk)
    desk.do(AddReference(id=isdom, reference=SHOP))
    count = len(desk.crm.stored)
    for known in (ERP, SHOP, Reference(source=" shop ", external_id="A-1 ")):
        outcome = desk.do(AddReference(id=isdom, reference=known))
        assert (outcome.version, outcome.position) == (2, 0)
    assert len(desk.crm.stored) == count


def test_one_that_another_record_has_is_refused_and_that_record_is_named() -> None:
    desk = Desk()
    isdom, bubba = registered(desk), registered(desk, SHOP)
    deal = desk.do(OpenOpportunity(pipeline="sales", reference=Reference(source="crm", external_id="1"))).id
    count = len(desk.crm.stored)
    for taken, owner in ((SHOP, bubba), (Reference(source="crm", external_id="1"), deal)):
        with pytest.raises(AlreadyClaimed, match=f"is already the record {owner}"):
            desk.do(AddReference(id=isdom, reference=taken))
    assert len(desk.crm.stored) == count
    assert references(desk, isdom) == (ERP,)


def test_two_that_add_the_same_to_one_customer_are_not_told_that_it_is_taken() -> None:
    """Given a claim that was written since the customer was read, then that is a change in between."""
    desk = Desk()
    isdom = registered(desk)
    context = desk.context()
    commands = desk.commands
    repository = StoreRepository(commands.crm, commands.configuration, commands.identifiers, context.now)
    late = commands.decide(AddReference(id=isdom, reference=SHOP), repository, context)
    desk.do(AddReference(id=isdom, reference=SHOP))
    with pytest.raises(ConcurrentChange):
        desk.crm.record(events_of(late, context), claims=late.claims)


def test_a_merged_customer_gets_none_and_nobody_gets_an_unwritable_one() -> None:
    desk = Desk()
    one, two = registered(desk), registered(desk, SHOP)
    with pytest.raises(Invalid, match="The external id is empty"):
        desk.do(AddReference(id=one, reference=Reference(source="erp", external_id=" ")))
    with pytest.raises(Invalid, match="The source of the reference holds a control character"):
        desk.do(AddReference(id=one, reference=Reference(source="e\x00rp", external_id="1")))
    with pytest.raises(NotFound, match="There is no customer"):
        desk.do(AddReference(id=UUID(int=9), reference=ERP))
    desk.do(MergeCustomers(id=one, survivor_id=two))
    with pytest.raises(MoveRefused, match="The customer is merged; it cannot get another external reference"):
        desk.do(AddReference(id=one, reference=Reference(source="web", external_id="1")))


def test_there_is_an_end_to_how_many_it_may_have() -> None:
    desk = Desk()
    isdom = registered(desk, None)
    for number in range(REFERENCES_LIMIT):
        desk.do(AddReference(id=isdom, reference=Reference(source="erp", external_id=str(number))))
    with pytest.raises(Invalid, match="has 100 external references; at most 100 are kept"):
        desk.do(AddReference(id=isdom, reference=SHOP))
