"""What a benchmark returns: a line of a table, with or without a goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, Final, Protocol


class Finding(Protocol):
    """One line of the result. Findings with the same `titles` stand in one table."""

    @property
    def name(self) -> str:
        """What was measured, in a word or two."""
        ...

    @property
    def titles(self) -> tuple[str, ...]:
        """The table's columns: words up to `unit`, then figures; goal and passed come behind them."""
        ...

    @property
    def cells(self) -> tuple[str, ...]:
        """The line, a cell for each title."""
        ...

    @property
    def goal(self) -> float | None:
        """The bound to keep; None where the figure is only reported."""
        ...

    @property
    def bound(self) -> str:
        """The goal with its direction and unit, `-` without one."""
        ...

    @property
    def passed(self) -> bool | None:
        """Whether the goal was reached; None without a goal."""
        ...

    @property
    def note(self) -> str:
        """A sentence on how it was measured; empty where another line of the table says it."""
        ...

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        ...


HUNDREDTHS: Final = 100


def verdict(found: Sequence[Finding]) -> str:
    """Which goals were missed, in one sentence."""
    asked = [each for each in found if each.passed is not None]
    missed = [each.name for each in asked if not each.passed]
    if missed:
        return f"Missed {len(missed)} of {len(asked)} goals: {', '.join(missed)}."
    return f"All {len(asked)} goals were reached." if asked else "Nothing measured here has a goal."


def hundredths(value: float) -> str:
    """Two decimals, rounded down, so that a figure just below a goal does not look as if it reached it."""
    return f"{floor(value * HUNDREDTHS + 1e-9) / HUNDREDTHS:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long something took, many times over, in milliseconds.

    `goal` is what the percentile `goal_of` (of 100) has to stay below.
    """

    name: str
    what: str
    milliseconds: tuple[float, ...]
    goal: float | None = None
    goal_of: int = 95
    note: str = ""

    @property
    def titles(self) -> tuple[str, ...]:
        """Columns."""
        return ("measured", "of", "unit", "p50", "p95", "p99", "most")

    @property
    def cells(self) -> tuple[str, ...]:
        """Median, two high percentiles, and the longest."""
        figures = (self.percentile(50), self.percentile(95), self.percentile(99), max(self.milliseconds))
        return (self.name, self.what, "ms", *(f"{figure:,.2f}" for figure in figures))

    @property
    def bound(self) -> str:
        """As `p95 < 10`."""
        return "-" if self.goal is None else f"p{self.goal_of} < {self.goal:g}"

    @property
    def passed(self) -> bool | None:
        """Whether that percentile is below the goal."""
        return None if self.goal is None else self.percentile(self.goal_of) < self.goal

    def percentile(self, number: int) -> float:
        """The smallest measured time that `number` of 100 times do not exceed; it is never interpolated."""
        ordered = sorted(self.milliseconds)
        return ordered[max(0, -(-number * len(ordered) // 100) - 1)]

    def as_json(self) -> dict[str, Any]:
        """The figures."""
        return {
            "name": self.name,
            "unit": "ms",
            "what": self.what,
            "count": len(self.milliseconds),
            "p50": round(self.percentile(50), 2),
            "p95": round(self.percentile(95), 2),
            "p99": round(self.percentile(99), 2),
            "most": round(max(self.milliseconds), 2),
            "goal": self.goal,
            "goal_of": None if self.goal is None else f"p{self.goal_of}",
            "passed": self.passed,
        }
