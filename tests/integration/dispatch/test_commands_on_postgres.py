"""Commands on a real store: conflicts, claims, repeated requests, bulk, and who is first of two at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from commands.bulk.recorder import BulkRecorder, History
from commands.dispatch.dispatcher import Outcome
from commands.store.claims import Claim
from domain.customers.customer import state as customer
from domain.customers.customer.commands import MergeCustomers, RegisterCustomer, UnmergeCustomer
from domain.directory.principal import state as principal
from domain.directory.principal.commands import RegisterPrincipal
from domain.kernel.errors import NotFound
from domain.kernel.money import Money
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.commands import ChangeAmount, MoveStage, OpenOpportunity, WinOpportunity
from tests.support.at_once import Bus, at_once, bus, context, done
from tests.support.database import migrated
from tests.support.store import execute

START = datetime(2026, 3, 1, tzinfo=UTC)
AT_ONCE = 6


@dataclass(frozen=True)
class Shop(Bus):
    """A bus on PostgreSQL, and what the superuser sees."""

    url: str

    def count(self, table: str) -> int:
        statement = {
            "event": "select count(*) from store.event",
            "claim": "select count(*) from store.claim",
            "idempotency": "select count(*) from store.idempotency",
        }[table]
        number: int = execute(self.url, statement)[0][0]
        return number


def usd(amount: int) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


@pytest.fixture
def shop(fresh_database: str) -> Iterator[Shop]:
    urls = migrated(fresh_database)
    with bus(urls.app, AT_ONCE) as opened:
        yield Shop(opened.commands, opened.claims, urls.admin)


def test_what_was_recorded_is_loaded_again(shop: Shop) -> None:
    ann = shop.do(RegisterPrincipal(kind="agent", name="Anna Snelling", region="Central")).id
    ada = shop.do(RegisterCustomer(kind="person", name="Ada Lovelace", owner_id=ann)).id
    opened = shop.do(OpenOpportunity(pipeline="sales", customer_id=ada, owner_id=ann, amount=usd(1054)))
    won = shop.do(WinOpportunity(id=opened.id))

    crm = shop.commands.crm
    assert crm.load("principal", principal.evolve, ann).name == "Anna Snelling"
    assert crm.load("customer", customer.evolve, ada).name == "Ada Lovelace"
    state = crm.load("opportunity", opportunity.evolve, opened.id)
    assert (state.outcome, state.amount, state.party, state.version) == ("won", usd(1054), ada, 2)
    assert won.position > opened.position > 0
    stored = b"".join(bytes(row[0]) for row in execute(shop.url, "select event from store.event"))
    assert b"Anna" not in stored
    assert b"Ada" not in stored
    with pytest.raises(NotFound, match="There is no customer with the id"):
        shop.do(OpenOpportunity(pipeline="sales", customer_id=ann))


def test_a_repeated_change_is_answered_although_its_version_is_stale_by_then(shop: Shop) -> None:
    id = shop.do(OpenOpportunity(pipeline="sales")).id
    win = WinOpportunity(id=id)
    found = at_once(AT_ONCE, lambda _: shop.do(win, expected_version=1, key="win", request=b"win"))
    winners = done(found)
    assert len(winners) == AT_ONCE, found
    assert {(each.version, each.ids) for each in winners} == {(2, (id,))}
    assert shop.count("event") == 2


def test_two_opposite_merges_at_once_cannot_both_be_done(shop: Shop) -> None:
    one = shop.do(RegisterCustomer(kind="organisation", name="One")).id
    two = shop.do(RegisterCustomer(kind="organisation", name="Two")).id
    pairs = [(one, two), (two, one)]

    def merge(number: int) -> Outcome:
        loser, survivor = pairs[number % 2]
        return shop.do(MergeCustomers(id=loser, survivor_id=survivor))

    (merger,) = done(at_once(AT_ONCE, merge))
    crm = shop.commands.crm
    merged, survivor = (crm.load("customer", customer.evolve, id) for id in merger.ids)
    assert (merged.state, merged.survivor_id) == ("merged", survivor.id)
    assert survivor.state == "active"
    assert survivor.absorbed == {merged.id}
    assert shop.count("event") == 4
    assert (
        len({row[0] for row in execute(shop.url, "select xmin::text from store.event where version = 2")})
        == 1
    )
    shop.do(UnmergeCustomer(id=merger.id))
    assert crm.load("customer", customer.evolve, merger.id).state == "active"


def test_what_changes_nothing_keeps_its_key_and_no_event(shop: Shop) -> None:
    id = shop.do(OpenOpportunity(pipeline="sales", amount=usd(1))).id
    same = ChangeAmount(id=id, amount=usd(1))
    assert shop.do(same, key="k", request=b"r").position == 0
    shop.do(ChangeAmount(id=id, amount=usd(2)))
    again = shop.do(same, key="k", request=b"r")
    assert (again.replayed, again.position, again.version) == (True, 0, 1)
    assert shop.count("event") == 2


def test_a_bulk_run_that_meets_another_leaves_each_row_once(shop: Shop) -> None:
    def history(name: str) -> History:
        id: UUID = uuid4()
        at = START - timedelta(days=30)
        return History(
            commands=(
                OpenOpportunity(pipeline="sales", id=id, at=at, imported=True),
                MoveStage(id=id, stage="proposal", at=at + timedelta(days=1)),
                WinOpportunity(id=id, at=at + timedelta(days=2)),
            ),
            claim=Claim("test", name, id, b"digest"),
        )

    names = [f"{number:03d}" for number in range(120)]

    def run(_: int) -> list[Any]:
        recorder = BulkRecorder(shop.commands, shop.claims, context())
        return [each for start in range(0, 120, 40) for each in recorder.record(
            [history(name) for name in names[start : start + 40]]
        )]  # fmt: skip

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(run, range(2))
    assert {each.state for each in (*one, *other)} <= {"created", "unchanged"}
    for first, second in zip(one, other, strict=True):
        assert {first.state, second.state} == {"created", "unchanged"}
        assert first.id == second.id
    assert (shop.count("event"), shop.count("claim")) == (360, 120)
    assert {each.state for each in run(2)} == {"unchanged"}
    assert shop.count("event") == 360
