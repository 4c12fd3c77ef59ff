"""Law 7: sums over stages equal sums over opportunities; sums over time of changes equal the present.

What the sums must be is computed from the payloads, in plain dictionaries, without the fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg2.extensions import connection as Connection

from domain.events.event import Event
from domain.sales.opportunity import events as o
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.pipeline.v1.queries import Opportunities
from projections.release.schema import install
from tests.support.histories import SALES_STEPS, START, Step, history_of
from tests.support.read_side import apply_rows, clear

PIPELINES = ("sales", "small")


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


@dataclass
class Deal:
    """What one opportunity is worth and where it stands, read off its payloads."""

    pipeline: str = ""
    stage: str = ""
    probability: int = 0
    amount: Decimal = Decimal(0)
    entered: datetime = START


Sums = dict[str, tuple[int, Decimal, Decimal]]


def deals(events: Sequence[Event]) -> list[Deal]:
    """Every opportunity after these events."""
    found: dict[UUID, Deal] = defaultdict(Deal)
    for event in events:
        p: Any = event.payload
        if not isinstance(p, o.OpportunityEvent):
            continue
        deal = found[event.originator_id]
        if isinstance(p, o.Opened):
            deal.pipeline, deal.stage, deal.probability = p.pipeline, p.stage, p.probability
        if isinstance(p, o.StageChanged | o.Reopened):
            deal.stage, deal.probability = p.to_stage, p.probability
        if isinstance(p, o.Won):
            deal.stage, deal.probability = p.to_stage, 100
        if isinstance(p, o.Lost):
            deal.stage, deal.probability = p.to_stage, 0
        if isinstance(p, o.ProbabilityOverridden):
            deal.probability = p.new
        money = getattr(p, "amount", None) or (p.new if isinstance(p, o.AmountChanged) else None)
        if money is not None:
            deal.amount = money.amount * (money.rate or 1)
    return list(found.values())


def sums(events: Sequence[Event], pipeline: str) -> Sums:
    """Stage to count, amount and weighted amount."""
    totals: Sums = {}
    for deal in deals(events):
        if deal.pipeline == pipeline:
            count, amount, weighted = totals.get(deal.stage, (0, Decimal(0), Decimal(0)))
            more = deal.amount * deal.probability / 100
            totals[deal.stage] = (count + 1, amount + deal.amount, weighted + more)
    return totals


def shown(reading: Connection, pipeline: str, **cut: Any) -> Sums:
    """The same from the board."""
    with reading:
        board = Opportunities(reading).board(pipeline, **cut)
    return {s.stage: (s.count, s.amount, s.weighted) for s in board}


def changes(reading: Connection) -> tuple[Decimal, int]:
    """The sum of all changes of amounts over time, and of all openings less nothing ever closed away."""
    with reading, reading.cursor() as c:
        c.execute(
            "SELECT coalesce(sum(coalesce(amount * rate, 0) - coalesce(before, 0)), 0), "
            "       count(*) FILTER (WHERE version = 1) "
            "FROM (SELECT *, lag(amount * rate) OVER (PARTITION BY id ORDER BY version) AS before "
            "      FROM pipeline_v1.opportunity_version) AS v"
        )
        row = c.fetchone()
    assert row is not None
    return row[0], row[1]


@given(steps=SALES_STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stages_opportunities_and_changes_have_the_same_sums(reading: Connection, steps: list[Step]) -> None:
    history = history_of(steps)
    clear(reading, PIPELINE_V1)
    apply_rows(reading, PIPELINE_V1, history.rows, [5])
    for pipeline in PIPELINES:
        assert shown(reading, pipeline) == sums(history.events, pipeline)
    with reading:
        listed = Opportunities(reading).list(page_size=500).rows
    worth = sum((deal.amount for deal in deals(history.events)), Decimal(0))
    assert sum((row["amount_reporting"] or Decimal(0) for row in listed), Decimal(0)) == worth
    assert changes(reading) == (worth, len(listed))


@given(steps=SALES_STEPS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_board_at_every_past_moment_is_that_of_the_events_until_then(
    reading: Connection, steps: list[Step]
) -> None:
    """Also law 8: as of now it is the board now, and before the first event it is empty."""
    history = history_of(steps)
    clear(reading, PIPELINE_V1)
    apply_rows(reading, PIPELINE_V1, history.rows)
    moments = sorted({e.time for e in history.events} | {e.recorded for e in history.events})
    for moment in moments[::5]:
        for pipeline in PIPELINES:
            happened = [e for e in history.events if e.time <= moment]
            known = [e for e in history.events if e.recorded <= moment]
            assert shown(reading, pipeline, as_of=moment) == sums(happened, pipeline)
            assert shown(reading, pipeline, known_at=moment) == sums(known, pipeline)
    for pipeline in PIPELINES:
        assert shown(reading, pipeline, as_of=moments[-1]) == shown(reading, pipeline)
        assert shown(reading, pipeline, as_of=moments[0] - timedelta(seconds=1)) == {}
