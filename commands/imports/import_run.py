"""What imports share when they record: batches, tallies, failures by line, digests of rows."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from commands.bulk.recorder import BulkRecorder, History
from commands.imports.report import ImportReport, Progress, RowProblem

BATCH: Final = 500
"""Histories that are recorded together: little is lost when the run is killed, and the bar moves."""


def row_digest(key: bytes, source: str, content: Any) -> bytes:
    """The HMAC of a normalised row: the same for ever, and no way back to what it says."""
    encoded = orjson.dumps([source, content], option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, b"source-digest\x1f" + encoded, hashlib.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedHistory:
    """The history that was made of what the file calls `name`, which stands first on `line`."""

    name: str
    line: int
    history: History


class ImportRun:
    """One run of an import of one file: records, counts, and reports what was not taken."""

    def __init__(self, recorder: BulkRecorder, file: str, progress: Progress) -> None:
        self._recorder, self._file, self._progress = recorder, file, progress
        self.report = ImportReport()
        self._done = 0
        self._total = 0

    def begin(self, total: int) -> None:
        """The run will deal with `total` records and rows."""
        self._total = total
        self.advance(0)

    def advance(self, count: int) -> None:
        """`count` more records or rows are dealt with."""
        self._done += count
        self._progress(self._done, self._total)

    def fail(self, kind: str, line: int, sentence: str) -> None:
        """What stands on `line` was not taken."""
        self.report.fail(kind, RowProblem(self._file, line, sentence))

    def record(self, kind: str, made: Sequence[NamedHistory], batch: int = BATCH) -> dict[str, UUID]:
        """Records the histories, `batch` at a time; the ids by name of those that are in the store now."""
        ids: dict[str, UUID] = {}
        tally = self.report.tally(kind)
        for start in range(0, len(made), batch):
            part = made[start : start + batch]
            outcomes = self._recorder.record([each.history for each in part])
            for each, outcome in zip(part, outcomes, strict=True):
                if outcome.id is not None:
                    ids[each.name] = outcome.id
                if outcome.state == "failed":
                    self.fail(kind, each.line, str(outcome.error))
                elif outcome.state == "created":
                    tally.created += 1
                else:
                    tally.unchanged += 1
            self.advance(len(part))
        return ids
