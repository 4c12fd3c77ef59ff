"""Rounds of a measurement and of its reference, side by side, and the ratio of their medians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from deploy.bench.findings import hundredths

Take = Callable[[], float]
"""One round: runs it and returns its rate, in units a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured: rates of each round in `unit`, ours and the reference's, in the order they ran.

    `goal` is the least ratio to keep, None where the ratio is only reported.
    """

    name: str
    unit: str
    what: str
    reference: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """Median of ours over median of the reference's; above 1 is faster than the reference."""
        return median(self.ours) / median(self.theirs)

    @property
    def passed(self) -> bool | None:
        """Whether the ratio reaches the goal; None without one."""
        return None if self.goal is None else self.ratio >= self.goal

    @property
    def titles(self) -> tuple[str, ...]:
        """Columns."""
        return ("measured", "unit", "ours", "reference", "ratio")

    @property
    def cells(self) -> tuple[str, ...]:
        """Medians and their ratio."""
        rates = (median(self.ours), median(self.theirs))
        return (self.name, self.unit, *(f"{rate:,.0f}" for rate in rates), hundredths(self.ratio))

    @property
    def bound(self) -> str:
        """As `1.10`."""
        return "-" if self.goal is None else f"{self.goal:.2f}"

    @property
    def note(self) -> str:
        """What was measured against what."""
        rounds = len(self.ours)
        return f"{self.what}; reference: {self.reference}; medians of {rounds} round{'s' * (rounds > 1)}."

    def as_json(self) -> dict[str, Any]:
        """All rounds, the medians, the ratio, the goal."""
        return {
            "name": self.name,
            "unit": self.unit,
            "what": self.what,
            "reference": self.reference,
            "ours": [round(rate, 1) for rate in self.ours],
            "theirs": [round(rate, 1) for rate in self.theirs],
            "ours_median": round(median(self.ours), 1),
            "theirs_median": round(median(self.theirs), 1),
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "passed": self.passed,
        }


def interleaved(
    name: str,
    *,
    unit: str,
    what: str,
    reference: str,
    ours: Take,
    theirs: Take,
    rounds: int,
    say: Callable[[str], None],
    goal: float | None = None,
) -> Measurement:
    """`rounds` rounds of each, in turns and with the first one alternating.

    So a machine that is slow for a while slows both, and each is as often the one that finds warm caches.
    """
    mine: list[float] = []
    other: list[float] = []
    for number in range(1, rounds + 1):
        for take, rates in ((theirs, other), (ours, mine))[:: 1 if number % 2 else -1]:
            rates.append(take())
        say(f"{name}: round {number} of {rounds}: {mine[-1]:,.0f} {unit}, reference {other[-1]:,.0f}")
    return Measurement(
        name=name,
        unit=unit,
        what=what,
        reference=reference,
        ours=tuple(mine),
        theirs=tuple(other),
        goal=goal,
    )
