"""Imports the audit log of a service desk: callers as customers, resolvers as principals, and cases.

A case is recorded with all its rows or not at all: without one of them its history would be another. What is
there already is found by its claim, so a run that was killed is simply run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from commands.imports.kit.declaration import Import
from commands.imports.kit.fields import RowRefused

if TYPE_CHECKING:
    from commands.imports.incidents_log.config import IncidentsConfig
    from commands.imports.incidents_log.rows import CaseLog, Update
    from commands.imports.kit.run import ImportRun, ImportStep
    from commands.imports.kit.table import Table

BATCH_CASES: Final = 100
"""Cases that are recorded together."""


def import_incidents(run: ImportRun, path: Path) -> None:
    """Imports the log at `path`, plain or gzip; reports bad rows and their cases."""
    # Not loaded before a log is imported: the command line lists this import without the store's libraries.
    from commands.imports.incidents_log import config, rows
    from commands.imports.incidents_log.histories import HistoryFactory
    from commands.imports.kit.table import read_table_file

    configured = config.load(run.config_file or config.DEFAULT)
    table = read_table_file(path, rows.COLUMNS)
    customers, principals, cases = (
        run.step(kind, path.name) for kind in ("customers", "principals", "cases")
    )
    logs = _logs(cases, table, configured)
    callers = rows.people(logs, lambda row: row.caller)
    resolvers = rows.people(logs, lambda row: row.owner)
    run.begin(len(callers) + len(resolvers) + len(logs))

    factory = HistoryFactory(config=configured, claims=run.claims)
    caller_ids = customers.record(callers, factory.caller)
    resolver_ids = principals.record(resolvers, factory.resolver)
    cases.record(logs, lambda log: factory.case(log, caller_ids, resolver_ids), batch_rows=BATCH_CASES)


def _logs(cases: ImportStep, table: Table, config: IncidentsConfig) -> list[CaseLog]:
    """The cases all of whose rows are good, in the order of their first rows; reports the others."""
    from commands.imports.incidents_log import rows

    found: dict[str, list[Update]] = {}
    broken: set[str] = set()
    for line in table.lines:
        try:
            row = rows.update(line, config)
        except RowRefused as refused:
            broken.add(line.fields["number"])
            cases.fail(
                line.number,
                f"{refused} Until then its case is left out as a whole: its history would have a hole.",
            )
            continue
        found.setdefault(row.number, []).append(row)
    beside = _beside(table)
    for problem in table.problems:
        cases.fail(problem.line, problem.sentence)
    for number, line_number in beside.items():
        if number not in broken:
            cases.fail(
                line_number,
                f"The case {number} is left out as a whole: a line beside this one cannot be read and may be "
                "of this case. Correct that line, then import again.",
            )
    return [
        rows.case_log(updates)
        for number, updates in found.items()
        if number not in broken and number not in beside
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


IMPORT: Final = Import(
    help="Imports an incident log. Bad rows are reported by line; a case is taken whole or not at all.",
    reads="file",
    path_help="The audit log of incidents (.csv or .csv.gz).",
    config_help="TOML file of time zone and states. Unset: commands/imports/incidents.toml.",
    run=import_incidents,
)
