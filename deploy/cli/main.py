"""The `rapport` command: NOUN VERB, one module per noun.

Modules that need the databases or Kafka import them inside the command, so that `--help` and usage errors
show at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import typer
from typer.exceptions import TyperException

from deploy import logs
from deploy.cli import api, bench, demo, doctor, import_, keys, migrate, relay, settings, sql, store, up
from deploy.cli.audit import app as audit
from deploy.cli.errors import explain
from deploy.cli.output import Exit, envelope
from deploy.cli.privacy import app as privacy
from deploy.cli.projection import app as projection
from deploy.health.findings import Diagnostic
from deploy.settings import SettingsProblem, load

EPILOG: Final = (
    "Exit codes: 0 done, 1 a failure was found, 2 usage or environment, 3 a defect of Rapport, "
    "130 interrupted."
)

app = typer.Typer(
    name="rapport",
    help="Rapport, an event-sourced CRM backend.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for noun in (
    up,
    demo,
    migrate,
    api,
    relay,
    store,
    audit,
    privacy,
    projection,
    import_,
    keys,
    sql,
    doctor,
    bench,
    settings,
):
    noun.register(app)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns the exit code. Never raises for what a user, a file or a service did
    wrong."""
    as_json = "--json" in arguments
    try:
        result = app(args=list(arguments), prog_name="rapport", standalone_mode=False)
    except TyperException as error:
        if said := error.format_message():
            fact = said if said.endswith((".", "?", "!")) else f"{said}."
            context = getattr(error, "ctx", None)
            command = context.command_path if context is not None else "rapport"
            hint = Diagnostic(fact=fact, act=f"See `{command} --help`.")
            return _tell(hint, Exit.ENVIRONMENT, as_json)
        return Exit.ENVIRONMENT  # a noun without a verb: its help was printed already
    except Exception as error:
        found = explain(error)
        if found is None:
            return _tell(_defect(error), Exit.DEFECT, as_json)
        return _tell(*found, as_json)
    return result if isinstance(result, int) else Exit.DONE


def _tell(diagnostic: Diagnostic, code: Exit, as_json: bool) -> int:
    if as_json:
        sys.stdout.buffer.write(envelope("error", {}, [diagnostic]))
        sys.stdout.buffer.flush()
    else:
        sys.stderr.write(f"{diagnostic.severity}: {diagnostic}\n")
    return int(code)


def _defect(error: Exception) -> Diagnostic:
    try:
        file = logs.keep_defect(load().home, error)
    except SettingsProblem:
        file = None
    return Diagnostic(
        fact=f"This is a defect of Rapport: {type(error).__name__}.",
        cause=f"Its details stand in {file}."
        if file
        else "Its details could not be written to the log folder.",
        act="Repeat it; if it comes again, report it with those details.",
    )
