"""Laws 6 and 7 for `customer_360`: whatever is merged, unmerged, converted and linked, every entry and every
amount is some customer's, once. What must be shown is read off the payloads, without fold and SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from domain.activities.interaction import events as interaction
from domain.customers.customer import events as customer
from domain.events.event import Event
from domain.sales.opportunity import events as opportunity
from domain.service.case import events as case
from projections.customer_360.questions import Listed, Section, TimelinePage, Totals
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.customer_360.v1.queries import Customers
from projections.identity.v1.projection import IDENTITY_V1
from projections.identity.v1.queries import Identity
from projections.release.schema import install
from tests.support.histories import History, long_history
from tests.support.read_side import apply_rows, clear
from tests.support.whose import owners

# Long histories of few: most records are linked, moved and merged several times.
HISTORIES = st.integers(0, 10_000).map(lambda seed: long_history(220, seed=seed, spread=3, every_family=True))
once = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def show(connection: Connection, history: History) -> Customers:
    """The read models of exactly this history."""
    for projection in (CUSTOMER_360_V1, IDENTITY_V1):
        clear(connection, projection)
        apply_rows(connection, projection, history.rows)
    return Customers(connection, Identity(connection))


@dataclass
class Bought:
    """An interaction as its payloads say."""

    kind: str
    channel: str
    value: Decimal
    score: int | None


def bought(events: Sequence[Event]) -> dict[UUID, Bought]:
    """Every interaction after its corrections."""
    found: dict[UUID, Bought] = {}
    for event in events:
        p: Any = event.payload
        if isinstance(p, interaction.Recorded):
            score = p.survey.score if p.survey else None
            found[event.originator_id] = Bought(p.kind, p.channel, Decimal(0), score)
        if isinstance(p, interaction.Recorded | interaction.Corrected) and p.amount is not None:
            found[event.originator_id].value = p.amount.amount * (p.amount.rate or 1)
        if isinstance(p, interaction.Corrected):
            known = found[event.originator_id]
            for change in p.changes:
                if change.field == "channel" and change.new is not None:
                    known.channel = change.new
                elif change.field == "score":
                    known.score = int(change.new or 0)
    return found


ENDS = (
    opportunity.Won, opportunity.Lost, case.Resolved, case.CaseClosed, case.Rejected, case.Duplicated,
)  # fmt: skip


def known_customers(events: Sequence[Event]) -> set[UUID]:
    return {event.originator_id for event in events if isinstance(event.payload, customer.Registered)}


@once
@given(history=HISTORIES)
def test_totals_are_those_of_all_that_is_the_customer_now(reading: Connection, history: History) -> None:
    customers, whose, sums = show(reading, history), owners(history.events), bought(history.events)
    for id in known_customers(history.events):
        overview = customers.overview(id, ["totals"])
        assert overview is not None
        assert overview.customer_id == whose[id]
        totals = overview.sections["totals"]
        assert isinstance(totals, Totals)
        mine = [each for number, each in sums.items() if whose[number] == whose[id]]
        purchases = [each for each in mine if each.kind == "purchase"]
        scores = [each.score for each in mine if each.score is not None]
        assert (totals.interactions, totals.purchases) == (len(mine), len(purchases))
        assert totals.purchase_value == sum(each.value for each in purchases)
        assert totals.return_value == sum(each.value for each in mine if each.kind == "return")
        assert set(totals.last_contact) == {each.channel for each in mine}
        assert totals.csat_answers == len(scores)
        assert totals.csat == (100 * sum(s >= 4 for s in scores) / len(scores) if scores else None)
    reading.rollback()


@once
@given(history=HISTORIES, size=st.integers(1, 9))
def test_every_entry_stands_in_the_timeline_of_its_customer_once(
    reading: Connection, history: History, size: int
) -> None:
    """Page by page, newest first: of merged members, converted leads and records that were moved, in one."""
    customers, whose = show(reading, history), owners(history.events)
    position = {(row.aggregate_id, row.version): row.position for row in history.rows}
    for id in {whose[id] for id in known_customers(history.events)}:
        shown, after = [], None
        while True:
            page = customers.timeline(id, limit=size, after=after)
            shown += [row["position"] for row in page.rows]
            after = page.after
            if after is None:
                break
        mine = [
            (event.time, position[event.originator_id, event.originator_version])
            for event in history.events
            if whose[event.originator_id] == id
        ]
        assert shown == [number for _, number in sorted(mine, reverse=True)]
    reading.rollback()


@once
@given(history=HISTORIES)
def test_open_opportunities_and_cases_are_those_of_all_that_is_the_customer_now(
    reading: Connection, history: History
) -> None:
    customers, whose = show(reading, history), owners(history.events)
    open_: dict[UUID, str] = {}
    for event in history.events:
        p, id = event.payload, event.originator_id
        if isinstance(p, opportunity.Opened | opportunity.Reopened):
            open_[id] = "opportunities"
        elif isinstance(p, case.Opened | case.Reopened):
            open_[id] = "cases"
        elif isinstance(p, ENDS):
            open_.pop(id, None)
    for id in known_customers(history.events):
        overview = customers.overview(id, ["opportunities", "cases"], first=100)
        assert overview is not None
        for section, listed in overview.sections.items():
            assert isinstance(listed, Listed)
            mine = {n for n, kind in open_.items() if kind == section and whose[n] == whose[id]}
            assert {row["id"] for row in listed.items} == mine
            assert listed.count == len(mine)
    reading.rollback()


@once
@given(history=HISTORIES)
def test_the_summary_view_says_the_same_and_loses_no_interaction(
    reading: Connection, history: History
) -> None:
    customers, whose = show(reading, history), owners(history.events)
    with reading.cursor() as c:
        c.execute("SELECT customer_id, interactions, purchases, purchase_value FROM read.customer_summary")
        rows = {row[0]: row[1:] for row in c.fetchall()}
    known = known_customers(history.events)
    assert set(rows) == {whose[id] for id in known}
    for id, row in rows.items():
        overview = customers.overview(id, ["totals"])
        assert overview is not None
        totals = overview.sections["totals"]
        assert isinstance(totals, Totals)
        assert row == (totals.interactions, totals.purchases, totals.purchase_value)
    owned = [number for number in bought(history.events) if whose[number] in rows]
    assert sum(row[0] for row in rows.values()) == len(owned)
    reading.rollback()


SECTIONS: tuple[Section, ...] = ("profile", "contacts", "consents", "opportunities", "cases", "totals")


@once
@given(history=HISTORIES, choice=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_merge_then_unmerge_is_the_identity(
    reading: Connection, history: History, choice: tuple[int, int]
) -> None:
    """Law 6: both customers show what they did before, but for the timeline, which tells of it."""
    lives = [life for life in history.customers.values() if life.merged_into is None]
    if len(lives) < 2:
        return
    loser = lives[choice[0] % len(lives)]
    survivor = [life for life in lives if life is not loser][choice[1] % (len(lives) - 1)]

    def shown(customers: Customers) -> list[Any]:
        found = []
        for life in (loser, survivor):
            overview = customers.overview(life.id, SECTIONS, first=100)
            assert overview is not None
            profile = overview.sections["profile"]
            assert isinstance(profile, dict)
            for moving in ("version", "position", "updated_at"):
                del profile[moving]
            found.append((overview.parties, {**overview.sections, "profile": profile}))
        return found

    before = shown(show(reading, history))
    history.add(loser, customer.MergedInto(survivor_id=survivor.id))
    history.add(survivor, customer.Absorbed(merged_id=loser.id))
    merged = shown(show(reading, history))
    assert merged[0] == merged[1], "one customer, by whichever id"
    history.add(loser, customer.Unmerged(survivor_id=survivor.id))
    history.add(survivor, customer.Released(merged_id=loser.id))
    customers = show(reading, history)
    assert shown(customers) == before
    told = customers.timeline(loser.id, limit=2)
    assert isinstance(told, TimelinePage)
    assert [row["title"] for row in told.rows] == ["Merge taken back", "Merged into another customer"]
    reading.rollback()
