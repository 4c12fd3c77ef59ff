"""A finding: the one shape of what `doctor`, the status commands and error messages report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding: the fact, its cause (may be empty) and the next act (may be empty), each a sentence."""

    severity: Severity = "error"
    fact: str
    cause: str = ""
    act: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.fact, self.cause, self.act) if part)
