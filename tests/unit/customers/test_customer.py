"""Customer: profile, owner, parents, and merging, which can be taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from domain.customers.customer import state as customer
from domain.customers.customer.commands import (
    AssignCustomerOwner,
    ChangeCustomer,
    MergeCustomers,
    RegisterCustomer,
    UnmergeCustomer,
)
from domain.customers.customer.events import Absorbed, MergedInto, Released, Unmerged
from domain.customers.customer.state import Customer
from domain.directory.principal.commands import RegisterPrincipal
from domain.kernel.errors import DomainError, Invalid, MoveRefused, NotFound
from domain.kernel.values import FieldChange, Reference
from tests.support.memory import Desk


def organisation(desk: Desk, name: str = "Isdom", **more: Any) -> UUID:
    id: UUID = desk.do(RegisterCustomer(kind="organisation", name=name, **more)).id
    return id


def person(desk: Desk, name: str = "Ada Lovelace") -> UUID:
    id: UUID = desk.do(RegisterCustomer(kind="person", name=name)).id
    return id


def state(desk: Desk, id: UUID) -> Customer:
    return desk.crm.load("customer", customer.evolve, id)


def last(desk: Desk, id: UUID) -> Any:
    return desk.crm.events(id)[-1].payload


def test_an_organisations_name_is_public_and_a_persons_is_not() -> None:
    desk = Desk()
    isdom, ada = organisation(desk), person(desk)
    assert (last(desk, isdom).organisation_name, last(desk, isdom).name) == ("Isdom", None)
    assert (last(desk, ada).organisation_name, last(desk, ada).name) == (None, "Ada Lovelace")
    assert (state(desk, isdom).name, state(desk, ada).name) == ("Isdom", "Ada Lovelace")
    assert b"Ada" not in desk.crm.stored[1][2]
    assert desk.crm.events(ada)[0].party == ada


def test_a_registration_keeps_what_it_was_given() -> None:
    desk = Desk()
    ann = desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    reference = Reference(source="maven", external_id="Isdom")
    isdom = organisation(
        desk,
        owner_id=ann,
        attributes={"sector": "technology"},
        original={"sector": "technolgy"},
        tags=("vip", "vip", " key "),
        reference=reference,
    )
    kept = state(desk, isdom)
    assert (kept.owner_id, kept.references) == (ann, (reference,))
    assert (kept.attributes, kept.original) == ({"sector": "technology"}, {"sector": "technolgy"})
    assert kept.tags == {"vip", "key"}
    assert desk.claims.rows["maven", "Isdom"].id == isdom


def test_a_changed_profile_names_the_old_and_new_value_of_each_field() -> None:
    desk = Desk()
    parent = organisation(desk, "Bubba")
    isdom = organisation(desk, attributes={"sector": "tech", "city": "Oslo"}, tags=("vip",))
    desk.do(
        ChangeCustomer(
            id=isdom,
            name="Isdom AS",
            parent_id=parent,
            attributes={"sector": "finance", "size": "50"},
            remove=("attributes.city", "attributes.unknown"),
            add_tags=("new", "vip"),
            remove_tags=("old",),
        )
    )
    assert set(last(desk, isdom).changes) == {
        FieldChange(field="organisation_name", old="Isdom", new="Isdom AS"),
        FieldChange(field="parent_id", new=str(parent)),
        FieldChange(field="attributes.sector", old="tech", new="finance"),
        FieldChange(field="attributes.size", new="50"),
        FieldChange(field="attributes.city", old="Oslo"),
        FieldChange(field="tag", new="new"),
    }
    now = state(desk, isdom)
    assert (now.name, now.parent_id) == ("Isdom AS", parent)
    assert now.attributes == {"sector": "finance", "size": "50"}
    assert now.tags == {"vip", "new"}
    desk.do(ChangeCustomer(id=isdom, remove=("parent_id",), remove_tags=("vip",)))
    assert state(desk, isdom).parent_id is None
    assert state(desk, isdom).tags == {"new"}


def test_a_persons_new_name_is_private_and_so_is_the_one_before() -> None:
    desk = Desk()
    ada = person(desk, "Ada Byron")
    desk.do(ChangeCustomer(id=ada, name="Ada Lovelace"))
    changed = last(desk, ada)
    assert (changed.changes, changed.name, changed.name_before) == ((), "Ada Lovelace", "Ada Byron")
    assert state(desk, ada).name == "Ada Lovelace"
    assert b"Ada" not in b"".join(encoded for _, _, encoded in desk.crm.stored)


def test_an_erased_person_can_still_be_read_and_given_to_somebody() -> None:
    desk = Desk()
    ada = person(desk)
    ann = desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    desk.crm.cipher.destroyed.add(ada)
    desk.do(AssignCustomerOwner(id=ada, owner_id=ann))
    assert state(desk, ada).owner_id == ann
    assert state(desk, ada).name != "Ada Lovelace"


def test_what_is_so_already_is_not_recorded() -> None:
    desk = Desk()
    ann = desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    isdom = organisation(desk, owner_id=ann, tags=("vip",), attributes={"sector": "tech"})
    count = len(desk.crm.stored)
    desk.do(AssignCustomerOwner(id=isdom, owner_id=ann))
    desk.do(ChangeCustomer(id=isdom, name="Isdom", attributes={"sector": "tech"}, add_tags=("vip",)))
    assert len(desk.crm.stored) == count


def test_a_merge_is_recorded_on_both_in_one_transaction_and_so_is_its_taking_back() -> None:
    desk = Desk()
    one, two = organisation(desk, "One"), organisation(desk, "Two")
    before = (state(desk, one), state(desk, two))
    merged = desk.do(MergeCustomers(id=one, survivor_id=two))
    assert (merged.id, merged.ids) == (one, (one, two))
    assert desk.crm.transactions[-1] == 2
    assert (last(desk, one), last(desk, two)) == (MergedInto(survivor_id=two), Absorbed(merged_id=one))
    assert (state(desk, one).state, state(desk, one).survivor_id) == ("merged", two)
    assert state(desk, two).absorbed == {one}

    desk.do(UnmergeCustomer(id=one))
    assert desk.crm.transactions[-1] == 2
    assert (last(desk, one), last(desk, two)) == (Unmerged(survivor_id=two), Released(merged_id=one))
    for now, then in zip((state(desk, one), state(desk, two)), before, strict=True):
        assert (now.state, now.survivor_id, now.absorbed) == (then.state, then.survivor_id, then.absorbed)


def test_a_customer_comes_back_from_a_survivor_that_was_merged_on() -> None:
    desk = Desk()
    one, two, three = (organisation(desk, name) for name in ("One", "Two", "Three"))
    desk.do(MergeCustomers(id=one, survivor_id=two))
    desk.do(MergeCustomers(id=two, survivor_id=three))
    desk.do(UnmergeCustomer(id=one))
    assert (state(desk, one).state, state(desk, two).state) == ("active", "merged")
    assert not state(desk, two).absorbed
    assert state(desk, three).absorbed == {two}


def test_a_merged_customer_cannot_survive_another_nor_change_nor_be_merged_again() -> None:
    desk = Desk()
    one, two, three = (organisation(desk, name) for name in ("One", "Two", "Three"))
    ann = desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    desk.do(MergeCustomers(id=one, survivor_id=two))
    count = len(desk.crm.stored)
    refused: list[tuple[Any, type[DomainError], str]] = [
        (
            MergeCustomers(id=three, survivor_id=one),
            Invalid,
            "a merged customer cannot survive another",
        ),
        (MergeCustomers(id=two, survivor_id=one), Invalid, f"merged into {two}"),
        (
            MergeCustomers(id=one, survivor_id=three),
            MoveRefused,
            "The customer is merged; it cannot be m",
        ),
        (ChangeCustomer(id=one, name="X"), MoveRefused, "it cannot change its profile"),
        (AssignCustomerOwner(id=one, owner_id=ann), MoveRefused, "cannot be given to an owner"),
        (UnmergeCustomer(id=two), Invalid, "is not merged into another"),
        (MergeCustomers(id=two, survivor_id=two), Invalid, "cannot be merged into itself"),
        (MergeCustomers(id=two, survivor_id=person(desk)), Invalid, "cannot be merged into a person"),
        (MergeCustomers(id=two, survivor_id=UUID(int=9)), NotFound, "There is no customer"),
        (MergeCustomers(id=UUID(int=9), survivor_id=two), NotFound, "There is no customer"),
    ]
    for command, error, sentence in refused:
        with pytest.raises(error, match=sentence):
            desk.do(command)
    assert len(desk.crm.stored) == count + 1  # the person


def test_parents_are_organisations_that_are_there_and_stand_in_no_circle() -> None:
    desk = Desk()
    top = organisation(desk, "Top")
    middle = organisation(desk, "Middle", parent_id=top)
    bottom = organisation(desk, "Bottom", parent_id=middle)
    for command, error, sentence in (
        (ChangeCustomer(id=top, parent_id=bottom), Invalid, "stands below"),
        (ChangeCustomer(id=top, parent_id=top), Invalid, "cannot be its own parent"),
        (
            ChangeCustomer(id=top, parent_id=person(desk)),
            Invalid,
            "is a person and cannot be a parent",
        ),
        (ChangeCustomer(id=top, parent_id=UUID(int=9)), NotFound, "There is no customer"),
        (ChangeCustomer(id=person(desk), parent_id=top), Invalid, "A person has no parent"),
        (RegisterCustomer(kind="person", name="A", parent_id=top), Invalid, "A person has no parent"),
    ):
        with pytest.raises(error, match=sentence):
            desk.do(command)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": " "}, "The name is empty. Give one."),
        ({"name": "x" * 501}, "The name has 501 characters; at most 500 are allowed."),
        ({"name": "a\nb"}, "The name holds a control character."),
        ({"name": "lone \ud800"}, "The name holds a control character."),
        ({"attributes": {"sector": "\x00"}}, "The attribute 'sector' holds a control character."),
        ({"add_tags": ("",)}, "The tag is empty."),
        ({"add_tags": ("a",), "remove_tags": ("a",)}, "The tag 'a' is both added and removed."),
        ({"remove": ("name",)}, "No field 'name' of a customer can be removed."),
    ],
)
def test_arguments_are_refused_with_what_to_do(arguments: dict[str, Any], sentence: str) -> None:
    desk = Desk()
    isdom = organisation(desk)
    with pytest.raises(Invalid) as refusal:
        desk.do(ChangeCustomer(id=isdom, **arguments))
    assert sentence in str(refusal.value)
