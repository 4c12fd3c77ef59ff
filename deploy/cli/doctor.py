"""`rapport doctor`: looks at everything and says what is wrong, why, and what to do."""

from __future__ import annotations

import typer

from deploy.cli.output import JsonOption, columns, counted, finish
from deploy.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command to the root."""
    app.command("doctor")(doctor)


def doctor(as_json: JsonOption = False) -> None:
    """Checks this machine, databases, Kafka, relay and read models; exit code 1 where something is wrong."""
    from deploy.health.doctor import examine

    seen = examine(load())
    rows = [
        ("ok" if check.ok else "WRONG", check.name, check.seen or ("" if check.ok else "see below"))
        for check in seen
    ]
    findings = [finding for check in seen for finding in check.findings]
    wrong = [check.name for check in seen if not check.ok]
    verdict = (
        f"{counted(len(wrong), 'check')} of {len(seen)} found something wrong. Act on the first finding, "
        "then look again: it may be the cause of the others."
        if wrong
        else "Everything is in order."
    )
    finish(
        as_json=as_json,
        data=[{"check": check.name, "ok": check.ok, "seen": check.seen} for check in seen],
        text=[
            *columns(("", "check", "seen"), rows, right=3),
            verdict,
        ],
        diagnostics=findings,
        failed=bool(wrong),
    )
