"""`rapport up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from deploy import logs
from deploy.cli.output import say
from deploy.settings import load

INTERRUPTED: Final = 130


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("up")(up)


def up(
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Worker processes per read model; RAPPORT_WORKERS.")
    ] = None,
) -> None:
    """Starts PostgreSQL, Kafka, relay, workers and API on this machine; stays up until Ctrl-C."""
    from deploy.up import Stack

    given = {} if workers is None else {"workers": workers}
    settings = load(use_env_file=False, **given)
    logs.configure("WARNING")
    try:
        with Stack(settings, say) as stack:
            for line in stack.welcome():
                say(line)
            stack.wait()
            say("Stopping")
    except KeyboardInterrupt:
        say("Interrupted during the start: everything is stopped.")
        raise typer.Exit(INTERRUPTED) from None
    say("Everything is stopped.")
