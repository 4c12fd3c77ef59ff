"""One run of an import: records histories in batches, counts them, and reports the rows that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar
from uuid import UUID

from commands.bulk.recorder import BulkRecorder, History
from commands.imports.kit.claims import ClaimFactory
from commands.imports.kit.fields import RowRefused
from commands.imports.kit.report import ImportReport, Progress, RowProblem
from commands.imports.kit.table import Line, Table
from domain.configuration.pipelines import Pipelines

BATCH_ROWS: Final = 500
"""Rows that are recorded together: few, so that a killed run loses little and the bar advances."""


class ImportRow(Protocol):
    """What one record is made of: `name` is what the file calls it, `line` where it stands first."""

    @property
    def name(self) -> str: ...

    @property
    def line(self) -> int: ...


Row = TypeVar("Row", bound=ImportRow)
Parsed = TypeVar("Parsed")


class ImportRun:
    """One run. `config_file` is the file that `--config` names."""

    def __init__(
        self,
        recorder: BulkRecorder,
        *,
        claims: ClaimFactory,
        pipelines: Pipelines,
        config_file: Path | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        self.recorder, self.claims, self.pipelines = recorder, claims, pipelines
        self.config_file = config_file
        self.report = ImportReport()
        self._progress = progress
        self._done = 0
        self._total = 0

    def step(self, kind: str, file: str) -> ImportStep:
        """The part of the run that records one kind of record from the rows of `file`."""
        return ImportStep(self, kind, file)

    def begin(self, rows: int) -> None:
        """Says that the run will record so many rows; those refused so far are dealt with."""
        self._done = len(self.report.failed)
        self._total = self._done + rows
        self.advance(0)

    def advance(self, rows: int) -> None:
        """Says that so many more rows are dealt with."""
        self._done += rows
        self._progress(self._done, self._total)

    def finish(self) -> ImportReport:
        """The report, its problems in the order of files and lines."""
        self.report.failed.sort()
        return self.report


class ImportStep:
    """Records one kind of record from the rows of one file."""

    def __init__(self, run: ImportRun, kind: str, file: str) -> None:
        self._run, self._kind, self._file = run, kind, file
        self._tally = run.report.tally(kind)

    def parse(self, table: Table, parse: Callable[[Line], Parsed]) -> list[Parsed]:
        """The good rows of a table. Reports its bad lines, and rows for which `parse` raises `RowRefused`."""
        for problem in table.problems:
            self._run.report.fail(self._kind, problem)
        rows = []
        for line in table.lines:
            try:
                rows.append(parse(line))
            except RowRefused as refused:
                self.fail(line.number, str(refused))
        return rows

    def record(
        self, rows: Sequence[Row], history: Callable[[Row], History], *, batch_rows: int = BATCH_ROWS
    ) -> dict[str, UUID]:
        """Records a history for each row; returns the ids by name of the records that are in the store now.

        Reports the rows for which `history` raises `RowRefused`, and those that the domain refuses.
        """
        ids: dict[str, UUID] = {}
        for start in range(0, len(rows), batch_rows):
            batch = rows[start : start + batch_rows]
            ids |= self._record(batch, history)
            self._run.advance(len(batch))
        return ids

    def _record(self, batch: Sequence[Row], history: Callable[[Row], History]) -> dict[str, UUID]:
        recorded: list[Row] = []
        histories: list[History] = []
        for row in batch:
            try:
                histories.append(history(row))
                recorded.append(row)
            except RowRefused as refused:
                self.fail(row.line, str(refused))
        ids: dict[str, UUID] = {}
        for row, outcome in zip(recorded, self._run.recorder.record(histories), strict=True):
            if outcome.id is not None:
                ids[row.name] = outcome.id
            if outcome.state == "failed":
                self.fail(row.line, str(outcome.error))
            elif outcome.state == "created":
                self._tally.created += 1
            else:
                self._tally.unchanged += 1
        return ids

    def fail(self, line: int, sentence: str) -> None:
        """Reports that the row on `line` is not recorded."""
        self._run.report.fail(self._kind, RowProblem(self._file, line, sentence))
