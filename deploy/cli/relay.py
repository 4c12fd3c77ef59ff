"""`rapport relay run|status`: the process that seals and publishes."""

from __future__ import annotations

import typer

from deploy import logs
from deploy.cli.process import stop_event
from deploy.settings import load

relay = typer.Typer(no_args_is_help=True, help="The relay: seals the store's events and publishes them.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(relay, name="relay")


@relay.command()
def run() -> None:
    """Runs a relay until Ctrl-C or SIGTERM; while another leads it stands by."""
    from deploy import wiring

    settings = load()
    logs.configure(settings.log_level)
    stop = stop_event()
    with wiring.Wiring(settings) as wired:
        wired.relay().run(stop)
