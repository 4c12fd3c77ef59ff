"""Rounds of a measurement and of its reference, side by side, and the ratio of their medians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

Take = Callable[[], float]
"""One round: runs it and returns its rate, in units a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured: rates of each round in `unit`, ours and the reference's, in the order they ran."""

    name: str
    unit: str
    what: str
    reference: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of ours over median of the reference's; above 1 is faster than the reference."""
        return median(self.ours) / median(self.theirs)

    def as_json(self) -> dict[str, Any]:
        """All rounds, the medians and the ratio."""
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
) -> Measurement:
    """`rounds` rounds of each, in turns and with the first one alternating.

    A machine that is slow for a while then slows both, and what the first leaves in caches helps either as
    often.
    """
    mine: list[float] = []
    other: list[float] = []
    for number in range(1, rounds + 1):
        for take, rates in ((theirs, other), (ours, mine))[:: 1 if number % 2 else -1]:
            rates.append(take())
        say(f"{name}: round {number} of {rounds}: {mine[-1]:,.0f} {unit}, reference {other[-1]:,.0f}")
    return Measurement(
        name=name, unit=unit, what=what, reference=reference, ours=tuple(mine), theirs=tuple(other)
    )
