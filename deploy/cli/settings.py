"""`rapport settings`: every setting, its value (passwords masked) and its meaning."""

from __future__ import annotations

import typer

from deploy.cli.output import JsonOption, finish
from deploy.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("settings")(show)


def show(as_json: JsonOption = False) -> None:
    """Every setting with its value and its meaning."""
    rows = list(load().shown())
    finish(
        as_json=as_json,
        data=[{"name": name, "value": value or None, "meaning": meaning} for name, value, meaning in rows],
        text=[f"{name}={value}\n    {meaning}" for name, value, meaning in rows],
    )
