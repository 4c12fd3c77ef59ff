"""`rapport relay run|status`: the process that seals and publishes."""

from __future__ import annotations

from dataclasses import asdict

import typer

from deploy import logs
from deploy.cli.output import JsonOption, finish, number
from deploy.cli.process import stop_event
from deploy.findings import Diagnostic
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


@relay.command()
def status(as_json: JsonOption = False) -> None:
    """Who leads, how far store and topics are, and what to do about what isn't right."""
    from consumers.relay_status import relay_status
    from deploy.wiring import kafka_address

    settings = load()
    seen = relay_status(settings.need("relay_url"), kafka_address(settings))
    lines = [
        f"state       {seen.state}" + (f" ({seen.leader})" if seen.leader else ""),
        f"store       head {number(seen.head)}, sealed to {number(seen.sealed)}",
        f"topics      published to {number(seen.published)}",
        f"lag         {number(seen.lag_events)} events, {number(seen.lag_seconds)} s",
        f"rate        {number(seen.rate)} events/s",
        f"heartbeat   {number(seen.heartbeat_age)} s ago",
    ]
    finish(
        as_json=as_json,
        data=asdict(seen),
        text=lines,
        diagnostics=[Diagnostic(fact=finding) for finding in seen.findings],
        failed=not seen.ok,
    )
