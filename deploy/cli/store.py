"""`rapport store verify|recover`: checks the event store, and restores what only its topics have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import JsonOption, finish, number
from deploy.cli.progress import showing
from deploy.health.findings import Diagnostic
from deploy.settings import load

if TYPE_CHECKING:
    from consumers.recovery.recovery import Recovery

store = typer.Typer(no_args_is_help=True, help="The event store: verified, and recovered after a restore.")


def register(app: typer.Typer) -> None:
    """Adds the noun to the root."""
    app.add_typer(store, name="store")


@store.command()
def verify(
    first: Annotated[
        int, typer.Option("--from", min=1, help="First position; the whole seal around it is verified.")
    ] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="Last position, as --from.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Reads the store in order and reports each fault with what to do about it."""
    from commands.store.schema import check_version
    from commands.store.verify import Verifier
    from deploy.health.projection_health import past_the_head
    from deploy.secrets import Secrets
    from domain.events.catalogue import CATALOGUE

    settings = load()
    url = settings.need("store_url")
    check_version(url)
    with showing("verified", "positions") as progress:
        verifier = Verifier(url, Secrets(settings.secrets).seal_public(), CATALOGUE)
        seen = verifier.run(first=first, last=last, progress=progress)
    findings = [Diagnostic(fact=one.fact, cause=one.cause, act=one.act) for one in seen.findings]
    findings += past_the_head(settings)
    if seen.found > len(seen.findings):
        more = seen.found - len(seen.findings)
        findings.append(Diagnostic(fact=f"{number(more)} more findings are not listed."))
    failed = bool(findings)
    text = [
        f"events      {number(seen.events)}, behind position {number(seen.after)} up to {number(seen.upto)}",
        f"seals       {number(seen.seals)}, up to position {number(seen.sealed)}",
    ]
    if seen.sealed < seen.upto:
        findings.append(
            Diagnostic(
                severity="info",
                fact=f"The events behind position {seen.sealed:,} are not sealed yet.",
                cause="A change of their bytes would not show.",
                act="See `rapport relay status`.",
            )
        )
    if not failed:
        text.append("The store is sound.")
    data = asdict(seen) | {"findings": [asdict(one) for one in seen.findings]}
    finish(as_json=as_json, data=data, text=text, diagnostics=findings, failed=failed)


@store.command()
def recover(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    set_aside: Annotated[
        Path | None,
        typer.Option(
            help="New file for the events that the restored store has recorded since, where the topics have "
            "others: they are written there and removed.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """After a restore, a move or a failover: puts back what only the topics have, then lets work go on."""
    from commands.privacy.retention import reapply
    from consumers.recovery.stage import RecoveryRefused
    from deploy.wiring import processes, wiring

    try:
        with wiring.Wiring(load()) as wired, showing("read", "records") as progress:
            done = processes.recovering(wired, progress).run(set_aside=set_aside, dry_run=dry_run)
            if not dry_run:
                reapply(wired.crm, wired.keys)
    except RecoveryRefused as refused:
        finish(as_json=as_json, data={}, text=[], diagnostics=[Diagnostic(fact=str(refused))], failed=True)
        return
    finish(
        as_json=as_json,
        data=asdict(done),
        text=_lines(done, set_aside),
        diagnostics=_left(done),
    )


def _lines(done: Recovery, file: Path | None) -> list[str]:
    lines = [
        "The server or timeline was new to the store."
        if done.new_incarnation
        else "The server and timeline were known to the store.",
        f"store       went up to {number(done.head)}",
        f"topics      go up to {number(done.upto)}, the same up to {number(done.common)}",
    ]
    if done.events or done.seals:
        lines.append(
            f"back        {number(done.events)} events, {number(done.seals)} seals, "
            f"{number(len(done.derived.claims))} external ids, "
            f"{number(done.derived.contact_points)} contact points"
        )
    else:
        lines.append("back        nothing: the store lacks nothing that the topics have")
    if done.set_aside:
        lines.append(f"set aside   {number(done.set_aside)} events" + (f", in {file}" if file else ""))
    if done.derived.erased_again:
        lines.append(
            f"erased      {number(len(done.derived.erased_again))} keys of erased persons had come back"
        )
    if done.aborted:
        lines.append(f"aborted     {', '.join(done.aborted)}")
    lines.append(f"positions   go on behind {number(done.sequence)}")
    if done.dry_run:
        lines.append("This is what would be done; nothing was changed. Run it without --dry-run.")
    else:
        lines.append("The store may be written to again; relay and API notice by themselves.")
    return lines


def _left(done: Recovery) -> list[Diagnostic]:
    """What no recovery brings back, and what to do about it."""
    derived = done.derived
    found = []
    if derived.persons_without_key:
        found.append(
            Diagnostic(
                severity="warning",
                fact=f"The keys of {len(derived.persons_without_key)} persons are lost with the restore: "
                f"{_some(derived.persons_without_key)}.",
                cause="Their personal values stand encrypted in the events and can't be read.",
                act="Restore the key store (schema `keys`) from a newer backup if there is one; else record "
                "these persons anew.",
            )
        )
    if derived.texts_without_key:
        found.append(
            Diagnostic(
                severity="warning",
                fact="The keys of some free texts are lost with the restore: "
                f"{_some(derived.texts_without_key)}.",
                cause="Texts of these kinds and months can't be read where they came back.",
                act="Restore the key store (schema `keys`) from a newer backup if there is one.",
            )
        )
    if derived.points_not_opened:
        found.append(
            Diagnostic(
                severity="warning",
                fact=f"{len(derived.points_not_opened)} contact points are missing in every search: "
                f"{_some(derived.points_not_opened)}.",
                cause="The index needs the clear value, which could not be read.",
                act="Add them again to their contacts.",
            )
        )
    if derived.claims:
        found.append(
            Diagnostic(
                severity="info",
                fact=f"{len(derived.claims)} external ids belong to their records again, without the digest "
                "of an imported row.",
                cause="That digest stands in the database alone.",
                act="If you import the same file again, it reports its rows of these records as changed; the "
                "records are there, and nothing is lost.",
            )
        )
    if derived.undecodable:
        found.append(
            Diagnostic(
                severity="warning",
                fact=f"{len(derived.undecodable)} events that came back are of a type or version that this "
                f"program does not know, at the positions {_some(derived.undecodable)}.",
                cause="A newer program wrote them, and this one could not derive ids and indexes from them.",
                act="Install that program.",
            )
        )
    if done.ahead:
        found.append(
            Diagnostic(
                severity="warning",
                fact=f"The read models {', '.join(done.ahead)} are ahead of both store and topics.",
                cause="They show events that are lost on both sides.",
                act="Rebuild them: `rapport projection rebuild NAME`.",
            )
        )
    if done.events:
        found.append(
            Diagnostic(
                severity="info",
                fact="API keys and answers to idempotency keys newer than the restored state are gone.",
                cause="They stand in the database alone.",
                act="Make API keys anew with `rapport keys create`. A request that is repeated with its "
                "Idempotency-Key may be carried out a second time.",
            )
        )
    return found


def _some(names: Sequence[object], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
