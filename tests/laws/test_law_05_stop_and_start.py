"""Law 5: stopping at any point and starting again changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from projections.registry import PROJECTIONS
from projections.runtime.projection import Projection
from tests.support.histories import STEPS, Step, history_of
from tests.support.laws import SIZES, TURNS, Turn, stopped_anywhere

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)


@every_projection
@given(steps=STEPS, sizes=SIZES, turns=TURNS)
@settings(max_examples=40, deadline=None)
def test_a_worker_that_dies_anywhere_goes_on_where_it_had_committed(
    projection: Projection, steps: list[Step], sizes: list[int], turns: list[Turn]
) -> None:
    stopped_anywhere(projection, history_of(steps).rows, sizes, turns)
