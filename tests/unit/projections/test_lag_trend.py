"""How the lag moves: where the store ended a while ago, and when a read model will have caught up."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.control.status import head_at, time_left

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(
    gaps=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 30)), max_size=60),
    seconds=st.integers(-5, 400),
)
@settings(deadline=None)
def test_where_the_store_ended_then_is_found_with_few_questions(
    gaps: list[tuple[int, int]], seconds: int
) -> None:
    """Positions with gaps and times that stand still, as in a store."""
    positions, times, position, time = [], [], 0, 0
    for step, wait in gaps:
        position, time = position + step, time + wait
        positions.append(position)
        times.append(START + timedelta(seconds=time))
    asked = []

    def recorded_behind(after: int) -> datetime | None:
        asked.append(after)
        number = bisect_right(positions, after)
        return times[number] if number < len(times) else None

    when = START + timedelta(seconds=seconds)
    found = head_at(when, position, recorded_behind)
    then = [p for p, t in zip(positions, times, strict=True) if t <= when]
    first_later = next((p for p, t in zip(positions, times, strict=True) if t > when), position + 1)
    assert (then[-1] if then else 0) <= found < first_later, "no event lies between it and the true end"
    assert len(asked) <= 2 * position.bit_length() + 2


@pytest.mark.parametrize(
    ("lag", "trend", "rate", "seconds"),
    [
        (None, -1.0, 5.0, None),
        (0, 3.0, 0.0, 0.0),
        (600, -20.0, 500.0, 30.0),
        (600, 20.0, 500.0, None),
        (600, None, 100.0, 6.0),
        (600, None, 0.0, None),
        (50, 0.5, 100.0, 0.5),
    ],
    ids=["not known", "caught up", "shrinking", "growing", "no past", "standing still", "a moment's work"],
)
def test_the_time_left_is_the_lag_at_the_pace_at_which_it_shrinks(
    lag: int | None, trend: float | None, rate: float, seconds: float | None
) -> None:
    assert time_left(lag, trend, rate) == seconds
