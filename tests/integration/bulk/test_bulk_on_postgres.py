"""Bulk on a real store: ten thousand events a transaction, and lifecycles that hold there too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from commands.bulk.recorder import History
from commands.store.claims import Claim
from commands.store.contact_index import ContactIndex
from domain.customers.contact.commands import AddContactPoint, RegisterContact
from domain.customers.customer.commands import RegisterCustomer
from domain.kernel.errors import MoveRefused
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.commands import MoveStage, OpenOpportunity, WinOpportunity
from tests.support.at_once import Bus, bus
from tests.support.database import Urls, migrated
from tests.support.store import execute

START = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def shop(urls: Urls) -> Iterator[Bus]:
    with bus(urls.app, 2) as opened:
        yield opened


def deal(name: str, *, wins: int) -> History:
    """An opportunity that is opened, moved twice, and won so often."""
    id = uuid4()

    def at(day: int) -> datetime:
        return START + timedelta(days=day)

    return History(
        commands=(
            OpenOpportunity(pipeline="sales", id=id, at=at(0), imported=True),
            MoveStage(id=id, stage="proposal", at=at(1)),
            MoveStage(id=id, stage="negotiation", at=at(2)),
            *(WinOpportunity(id=id, at=at(3 + n)) for n in range(wins)),
        ),
        claim=Claim("test", name, id, b"digest"),
    )


def test_a_history_that_breaks_its_lifecycle_is_refused_whole_and_the_others_go_in(
    urls: Urls, shop: Bus
) -> None:
    """Given 2,501 histories of four events, and among them one that wins what is won, when they are recorded,
    then all but that one are, ten thousand events to a transaction, and of that one nothing is there."""
    histories = [deal(f"{n}", wins=1) for n in range(2_501)]
    histories.insert(1_000, deal("twice", wins=2))
    outcomes = shop.recorder().record(histories)
    assert [n for n, each in enumerate(outcomes) if each.state != "created"] == [1_000]
    assert isinstance(outcomes[1_000].error, MoveRefused)
    sizes = execute(
        urls.admin, "SELECT count(*), count(DISTINCT aggregate_id) FROM store.event GROUP BY xmin::text"
    )
    assert sorted(sizes) == [(4, 1), (10_000, 2_500)]
    assert "twice" not in shop.claims.find("test", ["twice", "0"])
    ((broken,),) = execute(urls.admin, "SELECT count(*) FROM store.claim")
    assert broken == 2_501
    last = outcomes[-1]
    assert last.id is not None
    state = shop.commands.crm.load("opportunity", opportunity.evolve, last.id)
    assert (state.outcome, state.version, last.version) == ("won", 4, 4)
    ((position,),) = execute(
        urls.admin,
        "SELECT position FROM store.event WHERE aggregate_id = %s AND version = 4",
        (str(last.id),),
    )
    assert position == last.position


def test_contact_points_go_in_with_their_histories(shop: Bus) -> None:
    """Given persons with addresses, one of whom breaks off, when they are recorded in bulk, then the others
    are found by their addresses."""
    buyer = shop.do(RegisterCustomer(kind="organisation", name="Isdom")).id

    def person(name: str, value: str) -> History:
        id = uuid4()
        return History(
            commands=(
                RegisterContact(customer_id=buyer, name=name, id=id, at=START, imported=True),
                AddContactPoint(id=id, kind="email", value=value, at=START),
            ),
            claim=Claim("test", name, id, b"digest"),
        )

    good, bad = person("Ada", "ada@example.org"), person("Bob", "no address")
    family = person("Eve", "ADA@example.org")
    outcomes = shop.recorder().record([good, bad, family])
    assert [outcome.state for outcome in outcomes] == ["created", "failed", "created"]
    index = ContactIndex(shop.commands.crm.recorder.pool)  # type: ignore[attr-defined]
    found = index.find(shop.commands.identifiers.contact_point("email", "ada@example.org"))
    assert set(found) == {outcomes[0].id, outcomes[2].id}
