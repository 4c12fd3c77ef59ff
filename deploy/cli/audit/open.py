"""`rapport audit open FILE`: a raw export checked and replayed, with the file alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deploy.cli.audit.moments import AtOption, KnownAtOption, VersionOption, after_event, moment_of
from deploy.cli.output import JsonOption, finish, number
from deploy.health.findings import Diagnostic

if TYPE_CHECKING:
    from commands.audit.export_reader import ExportContents

MAX_SHOWN: Final = 20
"""Faults of a file that the command lists."""


def open_(
    file: Annotated[Path, typer.Argument(help="A raw export.")],
    at: AtOption = None,
    version: VersionOption = None,
    known_at: KnownAtOption = None,
    key: Annotated[
        str | None,
        typer.Option(help="The public key you were given: 64 hex digits, or a file that holds them."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Checks every proof and signature of a raw export and replays it: needs no database, network or keys."""
    from commands.audit.export_reader import MAX_LINE_BYTES, read
    from commands.audit.replay import state_at
    from commands.audit.text_format import field_lines
    from commands.audit.timeline import state_json

    moment = moment_of(at, version, known_at)
    public = None if key is None else _public(key)
    with file.open("rb") as opened:
        found = read(iter(lambda: opened.readline(MAX_LINE_BYTES), b""), public)
    data: dict[str, Any] = _summary(found)
    text = [
        f"history     {found.kind} {found.id}, exported {found.exported}",
        f"events      {number(found.events)}, of which {number(found.proven)} proven under seals",
        f"key         {found.key}, {'as given' if found.key_given else 'as the file names it'}",
    ]
    if found.sound:
        replayed = state_at(found.kind, found.id, found.facts, moment)
        data |= state_json(replayed)
        text += [after_event(replayed), *field_lines(replayed.fields)]
    diagnostics = _diagnostics(found)
    failed = any(each.severity == "error" for each in diagnostics)
    finish(as_json=as_json, data=data, text=text, diagnostics=diagnostics, failed=failed)


def _public(text: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    file = Path(text)
    hexed = file.read_text().strip() if len(text) != 64 else text
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(hexed))
    except ValueError:
        raise typer.BadParameter("--key takes 64 hex digits, or a file that holds them.") from None


def _summary(found: ExportContents) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "id": str(found.id),
        "exported": found.exported,
        "store": str(found.store),
        "key": found.key,
        "key_given": found.key_given,
        "events": found.events,
        "proven": found.proven,
        "unsealed": found.unsealed,
        "seals": found.seals,
        "records": len(found.others) + 1,
        "sound": found.sound,
    }


def _diagnostics(found: ExportContents) -> Sequence[Diagnostic]:
    diagnostics = [
        Diagnostic(
            fact=f"Line {each.line}: {each.fact}",
            cause="The file is not what was exported.",
            act="Trust nothing in it. Have it exported again, and keep this one to find out who changed it.",
        )
        for each in found.faults[:MAX_SHOWN]
    ]
    if more := len(found.faults) - MAX_SHOWN:
        diagnostics += [Diagnostic(fact=f"{number(more)} more faults are not listed.")] if more > 0 else []
    if found.unsealed:
        diagnostics.append(
            Diagnostic(
                fact=f"Without proof: {number(found.unsealed)} of {number(found.events)} events.",
                cause="The relay had not sealed them when the file was written.",
                act="Have it exported again once the relay has sealed them.",
            )
        )
    if found.sound:
        key = "" if found.key_given else " The file can't show whose key it is: give yours with --key."
        diagnostics.append(
            Diagnostic(
                severity="info",
                fact="Nothing in this file was changed since it was sealed."
                if not found.unsealed
                else "What is sealed in this file was not changed.",
                cause="The file can't show what was recorded after it was written, or what was left out of "
                f"it as a whole.{key}",
            )
        )
    return diagnostics
