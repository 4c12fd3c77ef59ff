"""Takes the audit log of a service desk into the store: callers as customers, resolvers as principals, cases.

A case is taken with all its rows or not at all: without one of them its history would be another. What is
there already is found by its claim, so a run that was killed is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from commands.bulk.recorder import BulkRecorder
from commands.imports import incidents_rows as rows
from commands.imports.fields import RowRefused
from commands.imports.import_run import ImportRun, NamedHistory
from commands.imports.incidents_config import IncidentsConfig
from commands.imports.incidents_histories import SOURCES, Maker
from commands.imports.incidents_rows import Update
from commands.imports.report import ImportReport, Progress
from commands.imports.table import Table, read_table_file

__all__ = ["SOURCES", "import_incidents"]


def import_incidents(
    path: Path,
    *,
    recorder: BulkRecorder,
    config: IncidentsConfig,
    digest_key: bytes,
    new_id: Callable[[], UUID],
    progress: Progress = lambda *_: None,
) -> ImportReport:
    """Imports the log at `path`, plain or gzip; good cases are taken, bad rows and their cases reported.

    `digest_key` (at least 32 bytes, never rotated) makes the digests by which a second run knows a case
    again. Raises `ImportRefused` before anything is taken, and the store's errors: then what was taken stays,
    and the same call goes on.
    """
    table = read_table_file(path, rows.COLUMNS)
    taking = ImportRun(recorder, path.name, progress)
    for kind in ("customers", "principals", "cases"):
        taking.report.tally(kind)
    cases = _cases(taking, table, config)
    callers = _since(cases, lambda row: row.caller)
    resolvers = _since(cases, lambda row: row.owner)
    failed = len(taking.report.failed)
    taking.begin(failed + len(callers) + len(resolvers) + len(cases))
    taking.advance(failed)

    maker = Maker(config=config, key=digest_key, new_id=new_id)
    people = taking.record(
        "customers", [NamedHistory(name=n, line=line, history=maker.caller(n, t)) for n, t, line in callers]
    )
    agents = taking.record(
        "principals",
        [NamedHistory(name=n, line=line, history=maker.resolver(n, t)) for n, t, line in resolvers],
    )
    made = []
    for case in cases:
        try:
            history = maker.case(case, people, agents)
        except KeyError:
            taking.fail(
                "cases",
                case[0].line.number,
                f"The case {case[0].number} names a caller or a resolver who was not taken. Correct what is "
                "said of that one, then import again.",
            )
            taking.advance(1)
            continue
        made.append(NamedHistory(name=case[0].number, line=case[0].line.number, history=history))
    taking.record("cases", made, batch=100)
    taking.report.failed.sort()
    return taking.report


def _cases(taking: ImportRun, table: Table, config: IncidentsConfig) -> list[tuple[Update, ...]]:
    """The cases all of whose rows are good, in the order of their first rows; the others are reported."""
    found: dict[str, list[Update]] = {}
    broken: set[str] = set()
    for line in table.lines:
        try:
            row = rows.update(line, config)
        except RowRefused as refused:
            broken.add(line.fields["number"])
            taking.fail(
                "cases",
                line.number,
                f"{refused} Until then its case is left out as a whole: its history would have a hole.",
            )
            continue
        found.setdefault(row.number, []).append(row)
    beside = _beside(table)
    for problem in table.problems:
        taking.report.fail("cases", problem)
    for number, line_number in beside.items():
        if number not in broken:
            taking.fail(
                "cases",
                line_number,
                f"The case {number} is left out as a whole: a line beside this one cannot be read and may be "
                "of this case. Correct that line, then import again.",
            )
    return [
        rows.in_order(case) for number, case in found.items() if number not in broken and number not in beside
    ]


def _beside(table: Table) -> dict[str, int]:
    """The cases that an unreadable line may belong to: those right before and behind it, with their lines."""
    bad = {problem.line for problem in table.problems}
    found: dict[str, int] = {}
    after_bad = False
    before: tuple[str, int] | None = None
    good = {line.number: line.fields["number"] for line in table.lines}
    for number in sorted(bad | set(good)):
        if number in bad:
            after_bad = True
            if before is not None:
                found.setdefault(*before)
            continue
        if after_bad:
            found.setdefault(good[number], number)
            after_bad = False
        before = (good[number], number)
    return found


def _since(
    cases: Sequence[Sequence[Update]], name_of: Callable[[Update], str | None]
) -> list[tuple[str, datetime, int]]:
    """Each name with the earliest opening of its cases and the line that names it first, in that order."""
    found: dict[str, tuple[datetime, int]] = {}
    for case in cases:
        for row in case:
            name = name_of(row)
            if name is not None:
                since, line = found.get(name, (row.opened, row.line.number))
                found[name] = (min(since, row.opened), line)
    return [(name, since, line) for name, (since, line) in found.items()]
