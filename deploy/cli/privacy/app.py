"""`rapport privacy erase|export|hold`: a person's rights, and the legal holds that suspend them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deploy.cli.output import JsonOption, counted, finish
from deploy.cli.privacy import (
    certificate as privacy_certificate,
)
from deploy.cli.privacy import (
    consent as privacy_consent,
)
from deploy.cli.privacy import (
    find as privacy_find,
)
from deploy.cli.privacy import (
    keys as privacy_keys,
)
from deploy.cli.projection.rebuild import operator
from deploy.settings import load

if TYPE_CHECKING:
    from commands.privacy.erasure import ErasureResult
    from commands.privacy.holds import Hold
    from commands.privacy.person import Person


privacy = typer.Typer(no_args_is_help=True, help="The rights of the persons whose data is kept.")
hold = typer.Typer(no_args_is_help=True, help="Legal holds: what must be kept for now.")
privacy.add_typer(hold, name="hold")
privacy_certificate.register(privacy)
privacy_keys.register(privacy)
privacy_consent.register(privacy)
privacy_find.register(privacy)

BasisOption = Annotated[
    str | None, typer.Option("--legal-basis", help='On which basis, such as "GDPR art. 17 (1) b".')
]


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(privacy, name="privacy")


@privacy.command()
def erase(
    kind: Annotated[
        str | None, typer.Argument(help="customer, contact or lead; with --resume, an erasure's id.")
    ] = None,
    id: Annotated[UUID | None, typer.Argument(help="The record's id.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            help="withdrawn_consent, objection, no_longer_needed, unlawful, legal_obligation or child."
        ),
    ] = None,
    legal_basis: BasisOption = None,
    reference: Annotated[str | None, typer.Option(help="How the request is known elsewhere.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; it can't be undone.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish what was interrupted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erases a person: all records that are the same one, for ever. Counts and money stay."""
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting

    if resume:
        _resume(kind, as_json=as_json)
        return
    if kind not in _kinds() or id is None:
        raise typer.BadParameter(f"Name a kind ({', '.join(_kinds())}) and the record's id.")
    with wiring.Wiring(load()) as wired:
        erasing = wired.erasing
        if erasing.erasure_of(kind, id) is None:
            person = erasing.plan(kind, id)
            if dry_run:
                finish(as_json=as_json, data=_planned(person), text=_plan_lines(person))
                return
            _require(reason, legal_basis)
            if not yes:
                _confirm(person)
        elif dry_run:
            finish(
                as_json=as_json,
                data={"erased": True},
                text=["The person is erased already: the command would do nothing."],
            )
            return
        done = erasing.erase(
            kind,
            id,
            reason=reason or "",
            legal_basis=legal_basis or "",
            reference=reference,
            context=acting(operator()),
        )
    again = "was erased before" if done.repeated else "is erased"
    finish(
        as_json=as_json,
        data=_done(done),
        text=[
            f"The person {again}; {counted(len(done.persons), 'key is', 'keys are')} destroyed. "
            f"Erasure {done.id}.",
            f"Its certificate, in a minute: `rapport privacy certificate {done.id}`.",
        ],
    )


def _resume(named: str | None, *, as_json: bool) -> None:
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting

    try:
        one = UUID(named) if named else None
    except ValueError:
        raise typer.BadParameter("With --resume, name an erasure's id, or none.") from None
    with wiring.Wiring(load()) as wired:
        context = acting(operator())
        if one is not None:
            finished = [wired.erasing.finish(one, context).id]
        else:
            finished = wired.erasing.resume(context)
        back = wired.erasing.again()
    text = [f"Erasure {each} is finished." for each in finished] or ["No erasure is unfinished."]
    if back:
        text.append(f"{len(back)} keys of erased persons had come back; they are destroyed again.")
    finish(as_json=as_json, data={"finished": finished, "destroyed_again": len(back)}, text=text)


def _require(reason: str | None, legal_basis: str | None) -> None:
    if reason is None or legal_basis is None:
        raise typer.BadParameter("An erasure needs --reason and --legal-basis; both are recorded for ever.")


def _confirm(person: Person) -> None:
    for line in _plan_lines(person):
        sys.stderr.write(line + "\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "No terminal is there for the question. Add --yes; an erasure can't be undone."
        )
    typer.confirm("Erase this person? It can't be undone", abort=True, err=True)


def _planned(person: Person) -> dict[str, Any]:
    return {
        "customers": [each.id for each in person.customers],
        "contacts": [each.id for each in person.contacts],
        "leads": [each.id for each in person.leads],
        "parties": person.parties,
        "keys": person.keys,
        "kept_with_others": person.incoming,
    }


def _plan_lines(person: Person) -> list[str]:
    lines = ["One person:"]
    for what, records in (
        ("customer", person.customers), ("contact", person.contacts), ("lead", person.leads),
    ):  # fmt: skip
        lines += [f"  {what:9} {each.id}" for each in records]
    lines.append(f"  {counted(len(person.keys), 'key')} would be destroyed.")
    if person.incoming:
        lines.append(
            f"  {len(person.incoming)} records were given to this person by others and stay in their party: "
            "texts there are closed only where this person took part in them."
        )
    return lines


def _done(done: ErasureResult) -> dict[str, Any]:
    return {
        "erasure": done.id,
        "parties": done.parties,
        "persons": done.persons,
        "position": done.position,
        "repeated": done.repeated,
    }


@privacy.command()
def export(
    kind: Annotated[str, typer.Argument(help="customer, contact or lead.")],
    id: Annotated[UUID, typer.Argument(help="The record's id.")],
    file: Annotated[Path, typer.Option(help="New file: a zip with a page to read and the same as JSON.")],
    as_json: JsonOption = False,
) -> None:
    """Everything that Rapport knows of one person, in clear. The export itself is recorded."""
    from commands.privacy.person_export import export as gather
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting

    if kind not in _kinds():
        raise typer.BadParameter(f"Name a kind ({', '.join(_kinds())}) and the record's id.")
    if file.exists():
        raise typer.BadParameter(f"The file {file} is there already. Name another.")
    with wiring.Wiring(load()) as wired:
        found = gather(wired.crm, wired.erasing.people, kind, id, acting(operator()))
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(found.as_zip())
    counts = {name: len(records) for name, records in found.document["sections"].items()}
    text = [f"{name:14} {count:,}" for name, count in counts.items()]
    finish(as_json=as_json, data={"file": file, "sections": counts}, text=[*text, f"In {file}, mode 0600."])


@hold.command("place")
def place(
    reference: Annotated[str, typer.Option(help="How the matter is known elsewhere.")],
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="Why it must be kept.")],
    party: Annotated[
        UUID | None, typer.Option(help="A customer, contact, lead or other record, by its id.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="A kind of text, such as interaction-chat.")] = None,
    month: Annotated[str | None, typer.Option(help="Only of this month, as 2026-03.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Forbids to erase a person, or to destroy texts of a kind, until it is released."""
    from commands.privacy import holds
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting

    with wiring.Wiring(load()) as wired:
        placed = holds.place(
            wired.crm, acting(operator()), party=party, kind=kind, month=month, reference=reference,
            legal_basis=legal_basis,
        )  # fmt: skip
    finish(as_json=as_json, data=_hold_data(placed), text=[f"Placed: {_line(placed)}"])


@hold.command("release")
def release(id: Annotated[UUID, typer.Argument(help="The hold's id.")], as_json: JsonOption = False) -> None:
    """Ends a hold."""
    from commands.privacy import holds
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting

    with wiring.Wiring(load()) as wired:
        ended = holds.release(wired.crm, acting(operator()), id)
    finish(as_json=as_json, data=_hold_data(ended), text=[f"Released: {_line(ended)}"])


@hold.command("list")
def list_holds(as_json: JsonOption = False) -> None:
    """The holds in force."""
    from commands.privacy import holds
    from deploy.wiring import wiring

    with wiring.Wiring(load()) as wired:
        found = holds.active(wired.crm)
    finish(
        as_json=as_json,
        data={"holds": [_hold_data(each) for each in found]},
        text=[_line(each) for each in found] or ["No legal hold is in force."],
    )


def _hold_data(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id, "party": hold.party, "kind": hold.kind, "month": hold.month,
        "reference": hold.reference, "legal_basis": hold.legal_basis,
    }  # fmt: skip


def _line(hold: Hold) -> str:
    what = f"record {hold.party}" if hold.party else f"texts {hold.kind}, {hold.month or 'of every month'}"
    return f"{hold.id}  {what}  {hold.reference}  {hold.legal_basis}"


def _kinds() -> tuple[str, ...]:
    """The record types that are a person by themselves."""
    from domain.record_types import PERSONS

    return tuple(each.name for each in PERSONS)
