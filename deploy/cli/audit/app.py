"""`rapport audit`: how an auditor shows that nothing was changed, and what happened when."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.audit import reads as audit_reads
from deploy.cli.audit import replay as audit_replay
from deploy.cli.audit import verify as audit_verify
from deploy.cli.output import Exit, JsonOption, finish, number
from deploy.health.findings import Diagnostic
from deploy.settings import load

audit = typer.Typer(no_args_is_help=True, help="History that proves itself, for auditors.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    audit_replay.register(audit)
    audit_verify.register(audit)
    audit_reads.register(audit)
    app.add_typer(audit, name="audit")


@audit.command()
def seal(
    file: Annotated[
        Path | None,
        typer.Option(help="New file for it, or a folder where each seal gets a file of its own."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where it is sent by POST; https, or on this machine.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The newest seal, to keep where nobody who can change this installation can change it.

    Without --file and --webhook it goes to standard output. `audit verify --against FILE` compares the
    store with it later: a history that was rewritten, with all its seals, does not have it any more.
    """
    from commands.audit.kept_seal import KeptSeal, write
    from deploy.wiring.wiring import Wiring
    from domain.events.seal import signed_by

    with Wiring(load()) as wired:
        wired.refuse_other_schema("store_url")
        newest = wired.seals("store_url").last()
        if newest is None:
            finish(as_json=as_json, data={}, text=[], diagnostics=[_none_yet()], failed=True)
            return
        kept = KeptSeal(seal=newest, public=wired.secrets.seal_public())
    if not signed_by(newest.record, kept.public):
        finish(as_json=as_json, data={}, text=[], diagnostics=[_not_ours(newest.sequence)], failed=True)
        return
    text = [
        f"seal        {number(newest.sequence)}, of {newest.sealed}",
        f"positions   up to {number(newest.last)}",
        f"hash        {newest.hash.hex()}",
    ]
    data: dict[str, Any] = {
        "sequence": newest.sequence,
        "to": newest.last,
        "hash": newest.hash.hex(),
        "kept": kept.encoded.decode(),
        "file": None,
        "webhook": None,
    }
    if file is not None:
        written = write(kept, file)
        data["file"] = str(written)
        text.append(f"file        {written}")
    if webhook is not None:
        from deploy.webhook import send

        data["webhook"] = send(webhook, kept.encoded)
        text.append(f"sent to     {data['webhook']}")
    if file is None and webhook is None and not as_json:
        sys.stdout.write(kept.encoded.decode())
        raise typer.Exit(Exit.DONE)
    finish(as_json=as_json, data=data, text=text)


def _none_yet() -> Diagnostic:
    return Diagnostic(
        fact="There is no seal yet.",
        cause="The relay has not sealed anything of this store.",
        act="Start it with `rapport relay run`; see `rapport relay status`.",
    )


def _not_ours(number: int) -> Diagnostic:
    return Diagnostic(
        fact=f"The newest seal, number {number}, is not signed with this installation's key.",
        cause="Its record was changed, or the key files are others.",
        act="Keep a copy of the database as it is, and run `rapport store verify`.",
    )
