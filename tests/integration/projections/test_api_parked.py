"""An answer about a customer or record of which the read model holds events says so, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from commands.store.event_reader import EventReader, StoredRow
from deploy.local.postgres import LocalPostgres
from domain.events.catalogue import CATALOGUE
from domain.events.registry import Registry
from projections.registry import named
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder, Received
from tests.support.http import ALL_PROJECTIONS, Api, database, problem, running

OLDER = Registry(
    [kind for kind in CATALOGUE.types if kind.name not in ("crm.opportunity.won", "crm.case.opened")]
)
"""What a program knows that is older than two types."""


class Parked:
    """Two customers with an opportunity each; the read models could not apply some events of the first."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.acme = api.create("customers", kind="organisation", name="Acme")
        self.beta = api.create("customers", kind="organisation", name="Beta")
        self.won = api.create("opportunities", pipeline="sales", customer_id=self.acme)
        self.calm = api.create("opportunities", pipeline="sales", customer_id=self.acme)
        self.other = api.create("opportunities", pipeline="sales", customer_id=self.beta)
        assert api.change("opportunities", self.won, "win").status_code == 200
        assert api.change("opportunities", self.won, "reopen").status_code == 200
        self.case = api.create("cases", kind="complaint", priority=2, customer_id=self.acme)
        self.unreadable = api.create("opportunities", pipeline="sales")
        with closing(psycopg2.connect(api.urls.worker)) as connection:
            for name in ALL_PROJECTIONS:
                self._apply(connection, name)

    def _apply(self, connection: Any, name: str) -> None:
        """As `Api.catch_up` does, by a program that does not know some types."""
        projection = named(name, 1)
        applier = Applier(projection, Decoder(OLDER, self.api.cipher if projection.private else None))
        with closing(EventReader(self.api.urls.worker)) as follower:
            upto = follower.high_water_mark()
            rows = follower.read(0, upto, limit=1000, max_bytes=1 << 24)
        with connection, connection.cursor() as c:
            applier.prepare(c)
            applier.forget(c)
            wanted = [row for row in rows if row.type.split(".")[1] in projection.families]
            applier.apply(c, [Received(row.position, str(row.party), self._bytes(row)) for row in wanted])
            c.execute("UPDATE control.share SET position = %s WHERE projection = %s", (upto, name))

    def _bytes(self, row: StoredRow) -> bytes:
        """One event arrives as other bytes: its whole party waits, whatever records it has."""
        return b"no JSON" if str(row.aggregate_id) == self.unreadable else row.event

    def meta(self, path: str) -> dict[str, Any]:
        """The `meta` of an answer."""
        answer = self.api.client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["meta"]
        return found


@pytest.fixture(scope="module")
def parked(postgres: LocalPostgres) -> Iterator[Parked]:
    with database(postgres, "api_parked") as url, running(url) as api:
        yield Parked(api)


def test_an_opportunity_says_what_is_parked_of_it_beside_the_whole(parked: Parked) -> None:
    """Won, and reopened behind it."""
    meta = parked.meta(f"/v1/opportunities/{parked.won}")
    assert (meta["parked"], meta["parked_here"]) == (3, 2)
    for calm in (parked.calm, parked.other):
        meta = parked.meta(f"/v1/opportunities/{calm}")
        assert (meta["parked"], meta["parked_here"]) == (3, 0), "its party's other records are not its own"


@pytest.mark.parametrize("view", ["overview", "timeline"])
def test_a_customer_says_what_is_parked_of_all_its_records(parked: Parked, view: str) -> None:
    """The opportunity's two and the case's one, though two models hold each of them."""
    assert parked.meta(f"/v1/customers/{parked.acme}/{view}")["parked_here"] == 3
    meta = parked.meta(f"/v1/customers/{parked.beta}/{view}")
    assert (meta["parked"], meta["parked_here"]) == (8, 0)


def test_the_cases_of_a_customer_say_that_one_is_missing(parked: Parked) -> None:
    answer = parked.api.client.get(f"/v1/customers/{parked.acme}/cases").json()
    assert (answer["cases"], answer["meta"]["parked_here"]) == ([], 3)
    assert parked.meta(f"/v1/customers/{parked.beta}/cases")["parked_here"] == 0


def test_answers_about_many_records_name_the_whole_alone(parked: Parked) -> None:
    for path in ("/v1/opportunities", "/v1/pipelines/sales/board", "/v1/cases"):
        meta = parked.meta(path)
        assert meta["parked_here"] is None
        assert meta["parked"] > 0


def test_what_a_read_model_cannot_show_at_all_is_not_said_to_be_missing(parked: Parked) -> None:
    """A client that gets 404 records it a second time."""
    found = problem(parked.api.client.get(f"/v1/opportunities/{parked.unreadable}"), 503, "parked")
    assert found["parked"] == 1
    assert "do not record it a second time" in found["detail"]
    problem(parked.api.client.get(f"/v1/opportunities/{uuid4()}"), 404, "not-found")
