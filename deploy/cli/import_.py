"""`rapport import NAME PATH`: files into the store, through the handlers. A verb for each declared import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from commands.imports.kit.declaration import Import, imports
from deploy.cli.output import Exit, JsonOption, columns, envelope, finish, say
from deploy.health.findings import Diagnostic
from deploy.settings import load

if TYPE_CHECKING:
    from commands.imports.kit.report import ImportReport

MAX_SHOWN_ROWS: Final = 50
"""Refused rows that the text shows; `--json` lists them all."""


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    noun = typer.Typer(
        no_args_is_help=True, help="Imports: files into the store; run again, nothing changes."
    )
    for name, declared in imports().items():
        noun.command(name, help=declared.help)(_verb(declared))
    app.add_typer(noun, name="import")


def _verb(declared: Import) -> Callable[..., None]:
    """The command of one import, with the argument and the options that typer shows."""

    def verb(as_json: bool, config: Path | None = None, **paths: Path) -> None:
        _run(declared, paths[declared.reads], config, as_json=as_json)

    path = Annotated[Path, typer.Argument(help=declared.path_help)]
    config = Annotated[Path | None, typer.Option(help=declared.config_help)]
    parameters = [Parameter(declared.reads, Parameter.POSITIONAL_OR_KEYWORD, annotation=path)]
    if declared.config_help is not None:
        parameters.append(Parameter("config", Parameter.KEYWORD_ONLY, default=None, annotation=config))
    parameters.append(Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=JsonOption))
    verb.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return verb


def _run(declared: Import, path: Path, config_file: Path | None, *, as_json: bool) -> None:
    """One import, with its progress, its report and its exit code."""
    from deploy.cli.progress import showing
    from deploy.wiring.imports import run_import
    from deploy.wiring.wiring import Wiring

    at = (0, 0)
    with Wiring(load()) as wired, showing("Import", "records") as report:

        def progress(done: int, total: int) -> None:
            nonlocal at
            at = done, total
            report(done, total)

        try:
            result = run_import(wired, declared, path, progress=progress, config_file=config_file)
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
    """The message after Ctrl-C."""
    how_far = f"{done:,} of {total:,} records were processed" if total else "No record was processed yet"
    return f"Interrupted. {how_far}; what was imported stays. Run the same command again: it goes on there."


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
    """The rows that became no record; of many, the first ones."""
    lines = [str(problem) for problem in report.failed[:MAX_SHOWN_ROWS]]
    if len(report.failed) > MAX_SHOWN_ROWS:
        lines.append(f"... and {len(report.failed) - MAX_SHOWN_ROWS:,} more; --json lists them all.")
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
