"""What the benchmarks answer: percentiles, goals, high water, and the table and sentence made of it."""

from __future__ import annotations

import pytest

from deploy.bench.benchmarks import BENCHMARKS
from deploy.bench.findings import Times, hundredths, verdict
from deploy.bench.follow import HighWater, Memory
from deploy.bench.measure import Measurement
from deploy.bench.visible import visible
from deploy.cli.bench import report
from deploy.cli.main import run


def ratio(name: str, ours: float, goal: float | None) -> Measurement:
    return Measurement(
        name=name, unit="events/s", what="this", reference="that", ours=(ours,), theirs=(100.0,), goal=goal
    )


@pytest.mark.parametrize(
    ("ours", "goal", "passed"), [(110, 1.1, True), (109.99, 1.1, False), (110, None, None)]
)
def test_a_goal_is_reached_or_missed(ours: float, goal: float | None, passed: bool | None) -> None:
    """On the ratio itself, not on what is left of it after rounding."""
    found = ratio("relay", ours, goal)
    assert found.passed is passed
    assert found.as_json()["passed"] is passed
    assert found.as_json()["goal"] == goal


def test_a_ratio_just_below_its_goal_does_not_look_like_it() -> None:
    assert (hundredths(1.0999), hundredths(1.1), hundredths(0.29)) == ("1.09", "1.10", "0.29")


def test_the_last_line_names_the_goals_that_were_missed() -> None:
    missed, reached, free = ratio("bulk", 50, 0.6), ratio("relay", 120, 1.1), ratio("commands", 9, None)
    assert verdict([missed, reached, free]) == "Missed 1 of 2 goals: bulk."
    assert verdict([reached, free]) == "All 1 goals were reached."
    assert verdict([free]) == "Nothing measured here has a goal."


def test_findings_of_a_kind_stand_in_one_table() -> None:
    """Rates, times and memory have columns of their own; each line says goal and passed."""
    times = Times(name="visible", what="read model", milliseconds=(1.0, 2.0, 300.0), goal=250, goal_of=99)
    memory = Memory(name="follow", what="reader", mebibytes=(100.0, 101.0, 120.0), note="")
    lines = report([ratio("bulk", 50, 0.6), ratio("commands", 250, None), times, memory])
    assert lines == [
        "measured  unit      ours  reference  ratio  goal  passed",
        "bulk      events/s    50        100   0.50  0.60      no",
        "commands  events/s   250        100   2.50     -       -",
        "",
        "measured  of          unit   p50     p95     p99    most       goal  passed",
        "visible   read model  ms    2.00  300.00  300.00  300.00  p99 < 250      no",
        "",
        "measured  of      unit  at 10 %  at 50 %  at 100 %  growth   goal  passed",
        "follow    reader  MiB     100.0    101.0     120.0   20.0%  < 10%      no",
        "",
        "bulk: this; reference: that; medians of 1 round.",
        "commands: this; reference: that; medians of 1 round.",
        "Missed 3 of 3 goals: bulk, visible, follow.",
    ]


@pytest.mark.parametrize(("percentile", "value"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_a_percentile_is_a_time_that_was_measured(percentile: int, value: float) -> None:
    times = Times(name="t", what="", milliseconds=tuple(float(n) for n in range(100, 0, -1)))
    assert times.percentile(percentile) == value


def test_visible_is_when_the_position_was_first_passed_counted_from_when_it_was_due() -> None:
    """A command that was sent late, since others held it up, has waited all the same."""
    sent = [(1.0, 1.5, 7), (1.1, 1.6, 8), (1.2, 1.7, 12)]
    seen = [(1.4, 5), (1.9, 8), (2.2, 12)]
    assert visible(sent, seen) == pytest.approx((900, 800, 1000))


def test_memory_counts_as_the_most_that_was_held_until_then() -> None:
    """Memory that was freed before the look counts all the same."""
    memory = iter([50, 90, 70, 60, 80])
    water = HighWater(100, lambda: next(memory) * 1024 * 1024)
    for events in (5, 10, 49, 60, 100):
        water.at(events)
    assert water.mebibytes() == (90, 90, 90)


def test_a_name_that_is_no_benchmark_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "appends"]) == 2
    said = capsys.readouterr().err
    assert "There is no benchmark appends. Name one of append, bulk," in said
    assert all(name in said for name in BENCHMARKS)
