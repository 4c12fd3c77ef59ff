"""Law 4: delivering any prefix twice changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.registry import PROJECTIONS
from projections.runtime.projection import Projection
from tests.support.histories import STEPS, Step, history_of
from tests.support.laws import BEHIND, SIZES, some_behind, twice

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)


@every_projection
@given(steps=STEPS, sizes=SIZES, published=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_reading_everything_again_from_the_first_record_changes_nothing(
    projection: Projection, steps: list[Step], sizes: list[int], published: int
) -> None:
    twice(projection, history_of(steps).rows, sizes, published)


@every_projection
@given(steps=STEPS, sizes=SIZES, behind=BEHIND, published=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_shares_at_different_places_each_take_what_they_lack(
    projection: Projection, steps: list[Step], sizes: list[int], behind: set[int], published: int
) -> None:
    some_behind(projection, history_of(steps).rows, sizes, behind, published)
