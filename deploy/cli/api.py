"""`rapport api`: the HTTP API."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from deploy import logs
from deploy.cli.output import say
from deploy.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("api")(api)


def api(
    port: Annotated[int | None, typer.Option(help="Port; RAPPORT_API_PORT where unset.")] = None,
) -> None:
    """Serves the HTTP API until Ctrl-C or SIGTERM."""
    from commands.operations.read_models import recording
    from commands.store.purge import purging
    from deploy.serve import listen, serve
    from deploy.wiring import http_api, wiring

    settings = load() if port is None else load(api_port=port)
    logs.configure(settings.log_level)
    sock = listen(settings.api_host, settings.api_port)
    # uvicorn repeats the signal that stopped it once it has ended: that must not end the process by signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    draining = threading.Event()
    with wiring.Wiring(settings) as wired:
        app = http_api.app(wired, draining)
        say(f"HTTP API on http://{settings.api_host}:{settings.api_port}/docs")
        with (
            purging(wired.commands.idempotency.purge),
            recording(wired.read_pool, lambda: wired.crm),
            wired.applied.keeping(),
        ):
            serve(app, sock, draining, settings.drain_seconds)
