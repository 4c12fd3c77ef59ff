"""The report of an import: on single rows, on the whole run, and when it cannot begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.kernel.user_errors import EnvironmentProblem

Progress = Callable[[int, int], None]
"""Called with records dealt with so far and records in all."""


class ImportRefused(EnvironmentProblem):
    """The import cannot begin: nothing is recorded. `str(error)` is fact, cause and next act."""


@dataclass(frozen=True, slots=True, order=True)
class RowProblem:
    """A row that became no record: where it stands (lines count from 1, the header is line 1) and why not."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.sentence}"


@dataclass(slots=True)
class Tally:
    """Counts of the records of one kind, by outcome."""

    created: int = 0
    unchanged: int = 0
    failed: int = 0


@dataclass(slots=True)
class ImportReport:
    """What a run did, by kind of record, and each row that became no record."""

    kinds: dict[str, Tally] = field(default_factory=dict)
    failed: list[RowProblem] = field(default_factory=list)

    @property
    def created(self) -> int:
        """Records that this run made."""
        return sum(tally.created for tally in self.kinds.values())

    @property
    def unchanged(self) -> int:
        """Records that were there already, from the same row."""
        return sum(tally.unchanged for tally in self.kinds.values())

    def tally(self, kind: str) -> Tally:
        """The counts of `kind`, made at its first use."""
        return self.kinds.setdefault(kind, Tally())

    def fail(self, kind: str, problem: RowProblem) -> None:
        """Keep a row's problem and count it."""
        self.tally(kind).failed += 1
        self.failed.append(problem)

    def summary(self) -> str:
        """One sentence for the terminal."""
        if not self.created and not self.failed:
            return f"Everything is unchanged: all {self.unchanged:,} records were there already."
        failed = f"{len(self.failed):,} rows were not taken" if self.failed else "every row was taken"
        return f"{self.created:,} records created, {self.unchanged:,} unchanged; {failed}."
