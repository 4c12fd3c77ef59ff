"""`rapport import maven DIR`, `cdnow FILE`, `incidents FILE`: files into the store, through the handlers."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli.output import Exit, JsonOption, columns, envelope, finish, say
from deploy.health.findings import Diagnostic
from deploy.settings import load

if TYPE_CHECKING:
    from commands.imports.report import ImportReport
    from deploy.wiring.imports import Take

SHOWN: Final = 50
"""Rows not taken that are shown to people; `--json` lists them all."""

import_ = typer.Typer(no_args_is_help=True, help="Imports: files into the store; run again, nothing changes.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(import_, name="import")


@import_.command()
def maven(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of accounts, products, sales_teams and sales_pipeline (.csv or .csv.gz)."
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of dates and aliases. Unset: commands/imports/maven.toml."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Imports the Maven CRM files. Bad rows are reported by line, the good ones are taken."""
    from deploy.wiring.imports import take_maven

    _run(partial(take_maven, config=config), folder, as_json=as_json)


@import_.command()
def cdnow(
    file: Annotated[Path, typer.Argument(help="The file of purchases (CDNOW_master.txt, or .txt.gz).")],
    as_json: JsonOption = False,
) -> None:
    """Imports the CDNOW purchases. Bad lines are reported, the good ones are taken."""
    from deploy.wiring.imports import take_cdnow

    _run(take_cdnow, file, as_json=as_json)


@import_.command()
def incidents(
    file: Annotated[Path, typer.Argument(help="The audit log of incidents (.csv or .csv.gz).")],
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of time zone and states. Unset: commands/imports/incidents.toml."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Imports an incident log. Bad rows are reported by line; a case is taken whole or not at all."""
    from deploy.wiring.imports import take_incidents

    _run(partial(take_incidents, config=config), file, as_json=as_json)


def _run(take: Take, path: Path, *, as_json: bool) -> None:
    """One import, with its progress, its report and its exit code."""
    from deploy.cli.progress import showing
    from deploy.wiring.wiring import Wiring

    at = (0, 0)
    with Wiring(load()) as wired, showing("Import", "records") as report:

        def progress(done: int, total: int) -> None:
            nonlocal at
            at = done, total
            report(done, total)

        try:
            result = take(wired, path, progress)
        except KeyboardInterrupt:
            _tell(interrupted(*at), as_json)
            raise typer.Exit(Exit.INTERRUPTED) from None
    finish(
        as_json=as_json,
        data=as_data(result),
        text=[*counts(result), *shown_problems(result), result.summary()],
        diagnostics=[Diagnostic(fact=str(problem)) for problem in result.failed] if as_json else (),
        failed=bool(result.failed),
    )


def interrupted(done: int, total: int) -> str:
    """What to tell whoever pressed Ctrl-C."""
    how_far = f"{done:,} of {total:,} records were dealt with" if total else "No record was dealt with yet"
    return f"Interrupted. {how_far}; what was taken stays. Run the same command again: it goes on from there."


def _tell(sentence: str, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(envelope("failed", {}, [Diagnostic(fact=sentence)]))
        sys.stdout.buffer.flush()
    else:
        say(sentence)


def counts(report: ImportReport) -> list[str]:
    """Counts by kind of record, as lines."""
    rows = [
        (kind, f"{tally.created:,}", f"{tally.unchanged:,}", f"{tally.failed:,}")
        for kind, tally in report.kinds.items()
    ]
    return columns(("records", "created", "unchanged", "not taken"), rows, right=1)


def shown_problems(report: ImportReport) -> list[str]:
    """The rows that were not taken, the first of them if they are many."""
    lines = [str(problem) for problem in report.failed[:SHOWN]]
    if len(report.failed) > SHOWN:
        lines.append(f"... and {len(report.failed) - SHOWN:,} more; --json lists them all.")
    return lines


def as_data(report: ImportReport) -> dict[str, object]:
    """The report as JSON-ready data."""
    return {
        "created": report.created,
        "unchanged": report.unchanged,
        "failed": [
            {"file": problem.file, "line": problem.line, "sentence": problem.sentence}
            for problem in report.failed
        ],
        "kinds": {
            kind: {"created": tally.created, "unchanged": tally.unchanged, "failed": tally.failed}
            for kind, tally in report.kinds.items()
        },
    }
