"""`rapport audit reads`: who looked at a person's private data, when, and what for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer

from deploy.cli.output import JsonOption, columns, finish
from deploy.settings import load


def register(noun: typer.Typer) -> None:
    """Adds the verb to `rapport audit`."""
    noun.command()(reads)


def reads(
    party: Annotated[UUID, typer.Option(help="Whose data: a customer's id, or that of a lead.")],
    as_json: JsonOption = False,
) -> None:
    """Who read private values of a customer or lead by the API, the oldest first.

    Reads are recorded while RAPPORT_AUDIT_READS is `private`. Reads of a merged record stand under its own
    id.
    """
    from commands.privacy.reads import reads_of
    from deploy.wiring.wiring import Wiring

    settings = load()
    with Wiring(settings) as wired:
        found = list(reads_of(wired.store_pool, party))
    text = columns(
        ("when", "by", "kind", "purpose", "route", "records"),
        [
            [
                f"{read.at:%Y-%m-%d %H:%M:%S}",
                str(read.by),
                read.by_kind,
                read.purpose,
                read.route,
                " ".join(map(str, read.records)),
            ]
            for read in found
        ],
        right=6,
    )
    none = [f"No read of private values of {party} is recorded."]
    if settings.audit_reads == "off":
        none.append("RAPPORT_AUDIT_READS is off here: reads are not recorded.")
    finish(as_json=as_json, data=[asdict(read) for read in found], text=text if found else none)
