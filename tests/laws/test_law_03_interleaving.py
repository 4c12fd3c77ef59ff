"""Law 3: any interleaving that keeps each aggregate's order gives the same read model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from domain.events.catalogue import CATALOGUE
from projections.registry import PROJECTIONS
from projections.release.schema import install
from projections.runtime.projection import Projection
from projections.runtime.replay import fold_all
from tests.support.histories import STEPS, Step, history_of, opened
from tests.support.laws import CHOICES, any_order, interleaved
from tests.support.read_side import apply_rows, clear, table_rows

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)


@every_projection
@given(steps=STEPS, choices=CHOICES)
@settings(max_examples=60, deadline=None)
def test_the_fold_does_not_mind_the_order_between_aggregates(
    projection: Projection, steps: list[Step], choices: list[int]
) -> None:
    any_order(projection, history_of(steps).rows, choices)


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


@every_projection
@given(steps=STEPS, choices=CHOICES, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_tables_mind_neither_that_order_nor_how_it_is_cut_into_batches(
    reading: Connection, projection: Projection, steps: list[Step], choices: list[int], sizes: list[int]
) -> None:
    """As far as PostgreSQL: loading, caching, COPY and the upsert, in batches of any size."""
    rows = history_of(steps).rows
    clear(reading, projection)
    apply_rows(reading, projection, interleaved(rows, choices), sizes)
    assert table_rows(reading, projection) == fold_all(projection, rows, CATALOGUE, opened)


@every_projection
def test_rows_survive_between_sessions(reading: Connection, projection: Projection) -> None:
    """Each batch by a new applier with an empty cache: what is loaded equals what was folded."""
    rows = history_of([(n % 12, n % 16, n % 10) for n in range(200)]).rows
    for at in range(0, len(rows), 7):
        apply_rows(reading, projection, rows[at : at + 7], [7])
    assert table_rows(reading, projection) == fold_all(projection, rows, CATALOGUE, opened)
