"""`rapport demo`: everything on this machine with real data in it, and a table that proves the figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deploy import logs
from deploy.cli.output import Exit, columns, say
from deploy.settings import load

if TYPE_CHECKING:
    from deploy.demo.figures import Figure


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("demo")(demo)


def demo(
    leave: Annotated[
        bool,
        typer.Option("--exit", help="Exit after the table; with 1 if a figure is not as expected."),
    ] = False,
) -> None:
    """Starts everything, imports real data, shows that every figure is right; stays up until Ctrl-C."""
    from deploy.cli.progress import showing
    from deploy.demo import show
    from deploy.up import Stack

    settings = load(use_env_file=False)
    logs.configure("WARNING")
    try:
        with Stack(settings, say, may_stand_in=True) as stack:
            imported = show.imported(stack, showing)
            for name, report in imported.reports:
                say(f"Import of {name}: {report.summary()}")
                for problem in report.failed:
                    say(str(problem))
            say(imported.took)
            figures = show.compared(stack)
            sys.stdout.writelines(f"{line}\n" for line in lines(figures))
            sys.stdout.flush()
            if not leave:
                for line in stack.welcome():
                    say(line)
                stack.wait()
            say("Stopping")
    except KeyboardInterrupt:
        say("Interrupted: everything is stopped. Run `rapport demo` again, and it goes on where it was.")
        raise typer.Exit(Exit.INTERRUPTED) from None
    say("Everything is stopped.")
    if any(report.failed for _, report in imported.reports) or not all(figure.right for figure in figures):
        raise typer.Exit(Exit.FOUND)


def lines(figures: Sequence[Figure]) -> list[str]:
    """The table, and a sentence on whether all of it is right."""
    rows = [
        (
            figure.name,
            figure.source,
            f"{figure.expected:,}",
            "nothing" if figure.found is None else f"{figure.found:,}",
            "" if figure.right else "<- differs",
        )
        for figure in figures
    ]
    wrong = sum(not figure.right for figure in figures)
    verdict = (
        f"{wrong} of {len(figures)} figures differ from what is expected."
        if wrong
        else f"All {len(figures)} figures are as expected."
    )
    return [*columns(("figure", "asked", "expected", "found", ""), rows, right=2), verdict]
