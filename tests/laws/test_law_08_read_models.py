"""Law 8 for what is answered from rows: the timeline (a filter), the board (the highest version before the
cut) and the overview (records folded up to the cut). At a cut they are what models show that were fed exactly
the events before it, the one of who belongs together included: a merge after the cut does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection
from pydantic import BaseModel

from api.customers.customer_shapes import CaseItem, ConsentItem, ContactItem, OpportunityItem, Profile
from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from domain.kernel.as_of import AsOf
from projections.customer_360.questions import Listed, PastSections, Section
from projections.customer_360.v1.projection import CUSTOMER_360_V1
from projections.customer_360.v1.queries import Customers
from projections.identity.v1.projection import IDENTITY_V1
from projections.identity.v1.queries import Identity
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.pipeline.v1.queries import Opportunities
from projections.release.schema import install
from projections.runtime.projection import Projection
from projections.runtime.replay import fold_all
from tests.support.histories import History, long_history, opened
from tests.support.read_side import apply_rows, clear

HISTORIES: Final = st.integers(0, 10_000).map(
    lambda seed: long_history(100, seed=seed, spread=3, every_family=True)
)
PLACES: Final = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=3, max_size=3)
SETTINGS: Final = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Times = dict[str, datetime]


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def feed(connection: Connection, projection: Projection, rows: list[StoredRow]) -> None:
    """The model of exactly these events."""
    clear(connection, projection)
    apply_rows(connection, projection, rows)


def moments(history: History, places: list[tuple[int, int]]) -> list[Times]:
    """Cuts by either time, and by both."""
    found: list[Times] = []
    for one, other in places:
        as_of = history.events[one % len(history.events)].time
        known_at = history.events[other % len(history.events)].recorded
        found += [{"as_of": as_of}, {"known_at": known_at}, {"as_of": as_of, "known_at": known_at}]
    return found


def before(history: History, moment: Times) -> list[StoredRow]:
    """The stored events that the cut leaves."""
    return [
        row
        for event, row in zip(history.events, history.rows, strict=True)
        if ("as_of" not in moment or event.time <= moment["as_of"])
        and ("known_at" not in moment or event.recorded <= moment["known_at"])
    ]


def ends(history: History) -> tuple[list[Times], list[Times]]:
    """Cuts behind everything, and before everything."""
    last = max(max(event.time, event.recorded) for event in history.events)
    first = min(event.time for event in history.events) - timedelta(microseconds=1)
    both = ("as_of", "known_at")
    return [{name: last} for name in both], [{name: first} for name in both]


SECTIONS: Final[tuple[Section, ...]] = (
    "profile", "contacts", "consents", "opportunities", "cases", "totals", "timeline",
)  # fmt: skip
ITEMS: Final[dict[str, type[BaseModel]]] = {
    "contacts": ContactItem, "consents": ConsentItem, "opportunities": OpportunityItem, "cases": CaseItem,
}  # fmt: skip


def told(section: str, value: Any) -> Any:
    """A section as the API answers it. Which consents are in force is left out: that depends on the time of
    asking, so the model that is fed less says it of now."""
    match value:
        case Listed():
            items = [ITEMS[section].model_validate(row).model_dump(exclude={"active"}) for row in value.items]
            if section == "consents":
                items.sort(key=lambda item: (item["contact_id"], item["point_id"], item["purpose"]))
            return items, value.count
        case dict():
            return Profile.model_validate(value).model_dump()
        case _:
            return value


def past(history: History, moment: Times) -> PastSections | None:
    """The folds over the events before the cut, for the records asked for."""
    if not moment:
        return None
    left = before(history, moment)
    return PastSections(
        AsOf(**moment),
        lambda ids: fold_all(
            CUSTOMER_360_V1, [row for row in left if row.aggregate_id in ids], CATALOGUE, opened
        ),
    )


def overviews(connection: Connection, history: History, moment: Times) -> dict[UUID, Any]:
    """Every customer's overview and whole timeline; of leads too, which may have become a customer."""
    customers = Customers(connection, Identity(connection))
    found: dict[UUID, Any] = {}
    for id in {row.aggregate_id for row in history.rows if row.type.split(".")[1] in ("customer", "lead")}:
        overview = customers.overview(id, SECTIONS, first=500, past=past(history, moment))
        entries = customers.timeline(
            id, limit=500, as_of=moment.get("as_of"), known_at=moment.get("known_at")
        ).rows
        shown = overview and (
            overview.customer_id,
            overview.parties,
            {name: told(name, value) for name, value in overview.sections.items()},
        )
        if shown or entries:
            found[id] = (shown, entries)
    connection.rollback()
    return found


@SETTINGS
@given(history=HISTORIES, places=PLACES)
def test_overview_and_timeline_at_a_cut_are_those_of_exactly_the_events_before_it(
    reading: Connection, history: History, places: list[tuple[int, int]]
) -> None:
    feed(reading, IDENTITY_V1, history.rows)
    feed(reading, CUSTOMER_360_V1, history.rows)
    late, early = ends(history)
    now = overviews(reading, history, {})
    assert any(overview for overview, _ in now.values())
    assert all(overviews(reading, history, moment) == now for moment in late)
    assert not any(overviews(reading, history, moment) for moment in early)
    then = [(moment, overviews(reading, history, moment)) for moment in moments(history, places[:1])]
    for moment, shown in then:
        feed(reading, IDENTITY_V1, before(history, moment))
        feed(reading, CUSTOMER_360_V1, before(history, moment))
        assert shown == overviews(reading, history, {})


def boards(connection: Connection, **moment: datetime) -> list[Any]:
    """Both pipelines' boards, of all owners and of one, without the ages: those are of the time asked for."""
    opportunities = Opportunities(connection)
    found = [
        (pipeline, owner, stage.stage, stage.outcome, stage.count, stage.amount, stage.weighted)
        for pipeline in ("sales", "small")
        for owner in (None, UUID(int=901))
        for stage in opportunities.board(pipeline, moment.get("as_of"), moment.get("known_at"), owner)
    ]
    connection.rollback()
    return found


@SETTINGS
@given(history=HISTORIES, places=PLACES)
def test_the_board_at_a_cut_is_that_of_exactly_the_events_before_it(
    reading: Connection, history: History, places: list[tuple[int, int]]
) -> None:
    feed(reading, PIPELINE_V1, history.rows)
    late, early = ends(history)
    now = boards(reading)
    assert now
    assert all(boards(reading, **moment) == now for moment in late)
    assert not any(boards(reading, **moment) for moment in early)
    then = [(moment, boards(reading, **moment)) for moment in moments(history, places)]
    for moment, shown in then:
        feed(reading, PIPELINE_V1, before(history, moment))
        assert shown == boards(reading)
