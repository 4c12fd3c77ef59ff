"""`rapport projection list|run|status`: the read models and the processes that keep them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from deploy import logs
from deploy.cli.output import JsonOption, columns, finish, number
from deploy.cli.process import stop_event
from deploy.settings import load
from projections.registry import PROJECTIONS, named

projection = typer.Typer(no_args_is_help=True, help="The read models and the processes that keep them.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(projection, name="projection")


@projection.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Every read model version this program has."""
    rows = [
        {
            "projection": each.name,
            "version": each.version,
            "schema": each.schema,
            "families": list(each.families),
            "views": list(each.views),
        }
        for each in PROJECTIONS
    ]
    lines = [
        f"{each.name} version {each.version}: reads {', '.join(each.families)}; "
        f"schema {each.schema}, views {', '.join(f'read.{view}' for view in each.views)}"
        for each in PROJECTIONS
    ]
    finish(as_json=as_json, data=rows, text=lines)


@projection.command()
def run(
    name: Annotated[str, typer.Argument(help="The read model, from `rapport projection list`.")],
    version: Annotated[int | None, typer.Option(help="Its version; the newest where unset.")] = None,
) -> None:
    """Runs one worker of a read model until Ctrl-C or SIGTERM; as many as wanted share the work."""
    from deploy import wiring

    try:
        wanted = named(name, version)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from None
    settings = load()
    logs.configure(settings.log_level)
    stop = stop_event()
    with wiring.Wiring(settings) as wired:
        wired.worker(wanted).run(stop)


@projection.command()
def status(as_json: JsonOption = False) -> None:
    """Where each read model stands, and what to do about what isn't right."""
    from deploy.standing import look

    seen = look(load())
    titles = (
        "projection", "state", "position", "head", "lag events", "lag s", "events/s", "rows", "held",
        "heartbeat s",
    )  # fmt: skip
    rows = []
    for row in seen.rows:
        name = f"{row.projection} v{row.version}" + ("" if row.active else " (not active)")
        figures = (
            row.position, row.head, row.lag_events, row.lag_seconds, row.rate, row.rows, row.held,
            row.heartbeat_age,
        )  # fmt: skip
        rows.append((name, row.state, *map(number, figures)))
    finish(
        as_json=as_json,
        data=[asdict(row) for row in seen.rows],
        text=columns(titles, rows, right=2) if rows else [],
        diagnostics=seen.findings,
        failed=not seen.ok,
    )
