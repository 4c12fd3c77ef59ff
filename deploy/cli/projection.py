"""`rapport projection list|run|status`: the read models and the processes that keep them."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy import logs
from deploy.cli.output import JsonOption, finish
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
