"""Principals and products: their lifecycles, and what refuses to be what it is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.directory.principal import state as principal
from domain.directory.principal.commands import (
    ChangePrincipal,
    DeactivatePrincipal,
    ReactivatePrincipal,
    RegisterPrincipal,
)
from domain.kernel.errors import DomainError, Invalid, MoveRefused, NotFound
from domain.kernel.money import Money
from domain.kernel.values import FieldChange
from domain.sales.product import state as product
from domain.sales.product.commands import ChangePrice, DiscontinueProduct, RegisterProduct, ReintroduceProduct
from tests.support.memory import Desk


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def agent(desk: Desk, name: str = "Ann", **more: Any) -> UUID:
    id: UUID = desk.do(RegisterPrincipal(kind="agent", name=name, **more)).id
    return id


def last(desk: Desk, id: UUID) -> Any:
    return desk.crm.events(id)[-1].payload


def test_a_principals_name_is_private_and_its_region_is_not() -> None:
    desk = Desk()
    ann = agent(desk, "Anna Snelling", region="Central")
    encoded = desk.crm.stored[0][2]
    assert b"Central" in encoded
    assert b"Anna" not in encoded
    state = desk.crm.load("principal", principal.evolve, ann)
    assert (state.name, state.region, state.state, state.party) == ("Anna Snelling", "Central", "active", ann)


def test_a_principals_changes_name_old_and_new_values_the_name_apart() -> None:
    desk = Desk()
    boss, ann = agent(desk, "Boss"), agent(desk, "Ann", region="Central")
    desk.do(ChangePrincipal(id=ann, name="Anna", manager_id=boss, region="West"))
    changed = last(desk, ann)
    assert set(changed.changes) == {
        FieldChange(field="manager_id", new=str(boss)),
        FieldChange(field="region", old="Central", new="West"),
    }
    assert (changed.name, changed.name_before) == ("Anna", "Ann")
    desk.do(ChangePrincipal(id=ann, remove=("manager_id", "region")))
    state = desk.crm.load("principal", principal.evolve, ann)
    assert (state.name, state.manager_id, state.region) == ("Anna", None, None)
    count = len(desk.crm.stored)
    desk.do(ChangePrincipal(id=ann, name="Anna"))
    assert len(desk.crm.stored) == count


def test_managers_are_there_active_and_stand_in_no_circle() -> None:
    desk = Desk()
    boss = agent(desk, "Boss")
    ann = agent(desk, "Ann", manager_id=boss)
    gone = agent(desk, "Gone")
    desk.do(DeactivatePrincipal(id=gone, reason="left"))
    refused: list[tuple[Any, type[DomainError], str]] = [
        (ChangePrincipal(id=boss, manager_id=ann), Invalid, "stands below"),
        (ChangePrincipal(id=ann, manager_id=ann), Invalid, "cannot be its own manager"),
        (ChangePrincipal(id=ann, manager_id=gone), Invalid, "is deactivated"),
        (ChangePrincipal(id=ann, manager_id=UUID(int=9)), NotFound, "There is no principal"),
        (ChangePrincipal(id=ann, remove=("name",)), Invalid, "No field 'name'"),
        (RegisterPrincipal(kind="agent", name=""), Invalid, "The name is empty"),
    ]
    for command, error, sentence in refused:
        with pytest.raises(error, match=sentence):
            desk.do(command)


def test_a_principal_is_deactivated_once_and_reactivated_once() -> None:
    desk = Desk()
    ann = agent(desk)
    with pytest.raises(MoveRefused, match=r"The principal is active; it cannot be reactivated\. Allowed"):
        desk.do(ReactivatePrincipal(id=ann))
    desk.do(DeactivatePrincipal(id=ann, reason="left"))
    assert last(desk, ann).reason == "left"
    with pytest.raises(MoveRefused, match="it cannot be deactivated"):
        desk.do(DeactivatePrincipal(id=ann))
    desk.do(ReactivatePrincipal(id=ann))
    assert desk.crm.load("principal", principal.evolve, ann).state == "active"


def test_a_products_price_changes_only_while_it_is_offered() -> None:
    desk = Desk()
    gtx = desk.do(RegisterProduct(name="GTX Pro", series="GTX", list_price=usd("4821"))).id
    desk.do(ChangePrice(id=gtx, price=usd("4900")))
    assert (last(desk, gtx).old, last(desk, gtx).new) == (usd("4821"), usd("4900"))
    desk.do(DiscontinueProduct(id=gtx))
    with pytest.raises(MoveRefused, match=r"it cannot change its price\. Allowed from discontinued: be rei"):
        desk.do(ChangePrice(id=gtx, price=usd("1")))
    with pytest.raises(MoveRefused, match="it cannot be discontinued"):
        desk.do(DiscontinueProduct(id=gtx))
    desk.do(ReintroduceProduct(id=gtx))
    with pytest.raises(MoveRefused, match="it cannot be reintroduced"):
        desk.do(ReintroduceProduct(id=gtx))
    state = desk.crm.load("product", product.evolve, gtx)
    assert (state.state, state.list_price, state.series) == ("offered", usd("4900"), "GTX")
    count = len(desk.crm.stored)
    desk.do(ChangePrice(id=gtx, price=usd("4900.00")))
    assert len(desk.crm.stored) == count


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(Invalid, match=r"The list price is negative \(-1\)"):
        Desk().do(RegisterProduct(name="GTX", list_price=usd("-1")))
