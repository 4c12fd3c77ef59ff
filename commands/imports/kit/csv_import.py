"""An import of one CSV file: a declaration of its columns and of the records that a line becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from commands.imports.kit.declaration import Import
from commands.imports.kit.fields import RowRefused, required
from commands.imports.kit.table import Line, read_table_file

if TYPE_CHECKING:
    from commands.bulk.items import History
    from commands.dispatch.decision import Targeted
    from commands.imports.kit.run import ImportRun
    from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One line of the file that becomes a new record: `id` and `reference` are the record's.

    `fields` are the values by column, without outer blanks; `line` counts from 1, the header is line 1.
    """

    line: int
    fields: Mapping[str, str]
    id: UUID
    reference: Reference
    earlier: Mapping[str, UUID]

    def record(self, kind: str) -> UUID:
        """The id of the record of an earlier kind that this line became. Raises `RowRefused`."""
        if kind not in self.earlier:
            raise RowRefused(
                f"The record of this row among the {kind} was not taken. Correct what is said of it, then "
                "import again."
            )
        return self.earlier[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRecord:
    """A kind of record that a line becomes, and the commands that make it.

    `kind` is its name in the report. `source` and the value in the column `key` are its external id; with
    `private_key` the id hides a value that is a person's name or address. Lines that agree in `columns` (all,
    unless named) become one record. `commands` returns the commands of a row: the first one makes the record,
    with the row's `id` and `reference`. It raises `RowRefused` for a row that can't become a record.
    """

    kind: str
    source: str
    key: str
    private_key: bool = False
    columns: Sequence[str] = ()
    commands: Callable[[CsvRow], Sequence[Targeted]]


def csv_import(*, help: str, path_help: str, columns: Sequence[str], records: Sequence[CsvRecord]) -> Import:
    """An import of a CSV file, plain or gzip, with at least these columns.

    The kinds of records are recorded in the order of `records`, so that a later one can name an earlier one.
    """

    def run_import(run: ImportRun, path: Path) -> None:
        _import(run, path, columns, records)

    return Import(help=help, reads="file", path_help=path_help, run=run_import)


@dataclass(frozen=True, slots=True)
class _Row:
    """The first of the lines that become one record."""

    name: str
    line: int
    fields: Mapping[str, str]


def _import(run: ImportRun, path: Path, columns: Sequence[str], records: Sequence[CsvRecord]) -> None:
    table = read_table_file(path, columns)
    steps = [run.step(record.kind, path.name) for record in records]
    for problem in table.problems:
        run.report.fail(records[-1].kind, problem)
    rows = [_distinct(table.lines, record, columns) for record in records]
    run.begin(sum(map(len, rows)))
    ids: dict[str, dict[str, UUID]] = {}
    for record, step, distinct in zip(records, steps, rows, strict=True):

        def history(row: _Row, record: CsvRecord = record) -> History:
            earlier = {
                each.kind: ids[each.kind][row.fields[each.key]]
                for each in records
                if row.fields[each.key] in ids.get(each.kind, {})
            }
            return _history(run, record, columns, row, earlier)

        ids[record.kind] = step.record(distinct, history)


def _distinct(lines: Sequence[Line], record: CsvRecord, columns: Sequence[str]) -> list[_Row]:
    found: dict[tuple[str, ...], _Row] = {}
    for line in lines:
        content = tuple(line.fields[column] for column in (record.key, *(record.columns or columns)))
        found.setdefault(content, _Row(line.fields[record.key], line.number, line.fields))
    return list(found.values())


def _history(
    run: ImportRun, record: CsvRecord, columns: Sequence[str], row: _Row, earlier: Mapping[str, UUID]
) -> History:
    from commands.bulk.items import History
    from commands.imports.kit.claims import reference
    from domain.activities.interaction.commands import RecordInteraction

    claim_of = run.claims.private_claim if record.private_key else run.claims.claim
    content = {column: row.fields[column] for column in record.columns or columns}
    claim = claim_of(record.source, required(record.key, row.name), content)
    made = tuple(
        record.commands(
            CsvRow(line=row.line, fields=row.fields, id=claim.id, reference=reference(claim), earlier=earlier)
        )
    )
    # The id of an interaction follows from its reference: it needs no claim.
    return History(commands=made, claim=None if isinstance(made[0], RecordInteraction) else claim)
