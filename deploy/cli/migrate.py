"""`rapport migrate`: schemas, roles, key files and topics; once, however many start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from deploy.cli.output import JsonOption, finish, say
from deploy.settings import load, write_env_file

if TYPE_CHECKING:
    from projections.release.schema import Installation


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("migrate")(migrate)


def migrate(as_json: JsonOption = False) -> None:
    """Brings databases, roles, key files and topics to what this version needs. Repeating it does no harm."""
    from deploy import setup

    settings = load()
    done = setup.prepare(settings, say=say)
    lines = []
    if done.settings != settings:
        # They hold the passwords of the new roles: other commands on this machine find the addresses here.
        write_env_file(done.settings)
        lines.append(f"The addresses of the roles stand in {settings.env_file}.")
    result = done.migration
    was = "new" if result.before is None else f"at version {result.before}"
    lines.insert(0, f"The store {result.store_id} was {was} and is at version {result.after}.")
    lines += _read_side(done.read_side)
    if not (result.changed or done.read_side.changed or done.key_files or done.topics):
        lines.append("Nothing had to be changed.")
    finish(
        as_json=as_json,
        data={
            "store_id": str(result.store_id),
            "partitions": result.partitions,
            "before": result.before,
            "after": result.after,
            "key_files": done.key_files,
            "topics": done.topics,
            "read_models": {
                "live": [each.schema for each in done.read_side.live],
                "candidates": [each.schema for each in done.read_side.candidates],
                "dropped": [each.schema for each in done.read_side.dropped],
            },
        },
        text=lines,
    )


def _read_side(done: Installation) -> list[str]:
    """Which read models were made, and which were left out, a line each."""
    from deploy.setup import not_built

    lines = []
    if done.steps:
        lines.append(f"The read side's control tables are at step {done.steps[-1]}.")
    if done.live:
        lines.append(f"Read models made: {', '.join(each.title for each in done.live)}.")
    return lines + list(not_built(done))
