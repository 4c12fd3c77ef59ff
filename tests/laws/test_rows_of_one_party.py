"""A row of a read model is written from one party alone, so that its share's owner is its only writer."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings

from domain.events.catalogue import CATALOGUE
from projections.registry import PROJECTIONS
from projections.runtime.projection import Projection
from tests.support.histories import STEPS, Step, history_of, long_history
from tests.support.laws import one_party

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)


@every_projection
@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_every_row_is_written_by_the_events_of_one_party(projection: Projection, steps: list[Step]) -> None:
    one_party(projection, history_of(steps).rows)


@cache
def generated() -> frozenset[str]:
    """The event types of a few thousand generated events."""
    return frozenset(
        row.type
        for seed in range(3)
        for row in long_history(1_200, seed=seed, spread=8, every_family=True).rows
    )


@every_projection
def test_the_generated_histories_reach_every_event_type_that_a_read_model_reads(
    projection: Projection,
) -> None:
    """Else a law would hold for it without having been tried."""
    read = {kind.name for kind in CATALOGUE.types if kind.name.split(".")[1] in projection.families}
    assert read <= generated(), (
        f"No generated history has {', '.join(sorted(read - generated()))}, so the laws do not try them on "
        f"{projection.schema}. Add a step for them to tests/support/histories.py or service_histories.py."
    )
