"""How long a producer waits for its ranges, after what befell those before it."""

from __future__ import annotations

import pytest

from consumers.relay.timeouts import Timeouts


@pytest.mark.parametrize(
    ("ranges", "seconds"),
    [
        ("", 6.0),
        ("-", 12.0),
        ("- - - -", 60.0),
        ("+ -", 6.0),
        ("+ + - -", 12.0),
        ("- - + -", 6.0),
        ("- + - - -", 24.0),
    ],
)
def test_a_slow_broker_gets_more_time_and_one_outage_after_the_other_gets_none(
    ranges: str, seconds: float
) -> None:
    """+ is a range that got through, - one that did not."""
    timeouts = Timeouts()
    for outcome in ranges.split():
        if outcome == "+":
            timeouts.acknowledged()
        else:
            timeouts.failed()
    assert timeouts.seconds == seconds
