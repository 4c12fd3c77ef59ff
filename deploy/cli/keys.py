"""`rapport keys create|list|revoke`: API keys of the HTTP API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from deploy.cli.output import JsonOption, columns, finish
from deploy.settings import load

keys = typer.Typer(no_args_is_help=True, help="API keys: made, listed, revoked.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(keys, name="keys")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, so that you recognise it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat it for more.")] = [  # noqa: B006
        "crm:read"
    ],
    principal: Annotated[
        UUID | None,
        typer.Option(help="Id of the principal it acts for. Unset: a service account of the key's name."),
    ] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends (UTC). Unset: never.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Makes a key and shows it, once."""
    from deploy.first_key import service_account
    from deploy.wiring import wiring

    with wiring.Wiring(load()) as wired:
        owner = principal or service_account(wired.commands, name)
        until = expires.replace(tzinfo=UTC) if expires and expires.tzinfo is None else expires
        id, clear = wired.api_keys.create(owner, name, scope, until)
    finish(
        as_json=as_json,
        data={"id": str(id), "principal": str(owner), "name": name, "scopes": scope, "key": clear},
        text=[
            f"{clear}",
            f"It is shown this once. Id {id}, for the principal {owner}, may {', '.join(scope)}.",
        ],
    )


@keys.command("list")
def list_(as_json: JsonOption = False) -> None:
    """All keys ever made, without the keys themselves."""
    from deploy.wiring import wiring

    with wiring.Wiring(load()) as wired:
        found = wired.api_keys.list()
    rows = []
    cells: list[list[str]] = []
    for key in found:
        row = {
            "id": str(key.id),
            "name": key.name,
            "scopes": sorted(key.scopes),
            "principal": str(key.principal),
            "created": key.created.isoformat(),
            "expires": key.expires.isoformat() if key.expires else None,
            "revoked": key.revoked.isoformat() if key.revoked else None,
        }
        rows.append(row)
        cells.append([" ".join(cell) if isinstance(cell, list) else cell or "" for cell in row.values()])
    titles = ("id", "name", "scopes", "principal", "made", "expires", "revoked")
    none = ["There is no key yet. Make one: `rapport keys create NAME`."]
    finish(as_json=as_json, data=rows, text=columns(titles, cells, right=len(titles)) if rows else none)


@keys.command()
def revoke(
    id: Annotated[UUID, typer.Argument(help="The key's id, from `rapport keys list`.")],
    as_json: JsonOption = False,
) -> None:
    """Ends a key at once."""
    from deploy.wiring import wiring

    with wiring.Wiring(load()) as wired:
        wired.api_keys.revoke(id)
    finish(
        as_json=as_json, data={"id": str(id)}, text=[f"The key {id} is revoked: requests with it get 401."]
    )
