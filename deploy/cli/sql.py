"""`rapport sql [STATEMENT]`: the public views, as the read-only role, in psql."""

from __future__ import annotations

import os
from typing import Annotated, NoReturn
from urllib.parse import unquote, urlsplit

import typer

from deploy.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command()(sql)


def sql(
    statement: Annotated[
        str | None, typer.Argument(help='One statement, as "select * from read.opportunity limit 3".')
    ] = None,
) -> NoReturn:
    """Queries the SQL views (`read.*`) as the role rapport_reader; opens psql's prompt without a
    statement."""
    from deploy.local.postgres import programs

    address = urlsplit(load().need("reader_url"))
    # In the environment and not in the arguments, which everyone on the machine can see.
    os.environ.update(
        PGHOST=address.hostname or "",
        PGPORT=str(address.port or 5432),
        PGUSER=unquote(address.username or ""),
        PGPASSWORD=unquote(address.password or ""),
        PGDATABASE=unquote(address.path.lstrip("/")),
        PGOPTIONS="-c search_path=read",
    )
    psql = programs() / "psql"
    asked = [] if statement is None else ["--command", statement]
    os.execv(psql, [str(psql), "--no-psqlrc", "--pset=pager=off", *asked])  # noqa: S606
