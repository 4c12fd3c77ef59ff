"""`rapport privacy find`: whose an address is, such as that of somebody who asks to be erased."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final
from uuid import UUID

import typer

from deploy.cli.output import JsonOption, finish
from deploy.cli.privacy.consent import Channel
from deploy.cli.projection.rebuild import operator
from deploy.settings import load

if TYPE_CHECKING:
    from commands.privacy.contact_lookup import Candidate
    from deploy.wiring.wiring import Wiring

PURPOSE: Final = "privacy.find"
ROUTE: Final = "rapport privacy find"


def register(noun: typer.Typer) -> None:
    """Adds the verb to `rapport privacy`."""
    noun.command()(find)


def find(
    kind: Annotated[Channel, typer.Argument(help="What kind of address it is.")],
    as_json: JsonOption = False,
) -> None:
    """Finds the contacts that have an address, by the blind index.

    It reads the address from standard input, so that no list of processes and no shell's history has it.
    """
    from commands.privacy.contact_lookup import candidates
    from deploy.wiring import wiring

    if sys.stdin.isatty():
        value = typer.prompt("Address", hide_input=True, err=True)
    else:
        value = sys.stdin.readline().strip()
    with wiring.Wiring(load()) as wired:
        found = candidates(wired.crm, wired.identifiers, kind.value, value)
        _note(wired, found)
    text = [
        f"contact {each.contact_id}  of customer {each.customer_id}" + "  (had it once)" * (not each.current)
        for each in found
    ]
    data = {
        "candidates": [
            {
                "contact_id": str(each.contact_id),
                "customer_id": str(each.customer_id),
                "current": each.current,
            }
            for each in found
        ]
    }
    finish(as_json=as_json, data=data, text=text or ["No contact has this address, or had it."])


def _note(wired: Wiring, found: list[Candidate]) -> None:
    """Records the read, where reads are recorded."""
    from commands.privacy.reads import record_reads
    from deploy.wiring.persons import acting

    if found and wired.settings.audit_reads == "private":
        shown: dict[UUID, set[UUID]] = {}
        for each in found:
            shown.setdefault(each.customer_id, set()).add(each.contact_id)
        record_reads(wired.crm, acting(operator()), shown, purpose=PURPOSE, route=ROUTE)
