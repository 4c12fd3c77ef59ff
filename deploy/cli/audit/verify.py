"""`rapport audit verify|prove`: is the history what was sealed, and is this event in it?"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.cli.output import Exit, JsonOption, finish, number
from deploy.cli.progress import showing
from deploy.health.findings import Diagnostic
from deploy.settings import load

if TYPE_CHECKING:
    from commands.audit.kept_seal import KeptSeal
    from commands.audit.verify import ChainVerification, Mark

MAX_WORKERS: Final = 64
_SEAL: Final = "seal:"

AgainstOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="A seal kept elsewhere (`audit seal`); may be given several times."),
]


def register(audit: typer.Typer) -> None:
    """Adds the verbs to the noun."""
    audit.command()(verify)
    audit.command()(prove)


def verify(
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="POSITION|seal:N", help="Where to begin; whole seals are verified."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="POSITION|seal:N", help="Where to end, as --from.")
    ] = None,
    against: AgainstOption = None,
    workers: Annotated[int, typer.Option(min=1, max=MAX_WORKERS, help="Processes.")] = min(
        os.cpu_count() or 1, 8
    ),
    topics: Annotated[
        bool, typer.Option(help="Also compare with the topics, which tell which event it was.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Computes every seal again and names the first event that was changed, removed, inserted or moved.

    Compares the chain of seals with the topics' and with seals that were kept elsewhere, counts what is not
    sealed yet, and says what it can't show. Exits with 1 if it finds anything.
    """
    from commands.audit.kept_seal import read
    from commands.audit.verify import verify as verified
    from commands.store.settings import store_settings
    from consumers.kafka.topics import partition_of
    from deploy.wiring import processes
    from deploy.wiring.wiring import Wiring

    begin, end = _mark("--from", first), _mark("--to", last)
    kept = [read(file) for file in against or ()]
    settings = load()
    url = settings.need("store_url")
    with Wiring(settings) as wired, showing("verified", "events") as progress:
        wired.refuse_other_schema("store_url")
        begun = time.monotonic()
        seen = verified(
            url,
            wired.secrets.seal_public(),
            home=partial(partition_of, partitions=store_settings(url).partitions),
            first=begin,
            last=end,
            kept=kept,
            copy=processes.topics_copy(wired) if topics and settings.kafka_bootstrap else None,
            workers=workers,
            progress=progress,
        )
        took = time.monotonic() - begun
    limits = not_shown(seen, kept)
    findings = [Diagnostic(fact=one.fact, cause=one.cause, act=one.act) for one in seen.findings]
    if seen.found > len(seen.findings):
        more = seen.found - len(seen.findings)
        findings.append(Diagnostic(fact=f"{number(more)} more findings are not listed."))
    findings += [Diagnostic(severity="info", fact=limit) for limit in limits]
    data = {
        **asdict(seen),
        "seconds": round(took, 3),
        "against": [one.seal.sequence for one in kept],
        "not_shown": limits,
    }
    finish(
        as_json=as_json,
        data=data,
        text=_lines(seen, kept, took),
        diagnostics=findings,
        failed=bool(seen.found),
    )


def prove(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its id (<record>:<version>) or position.")],
    file: Annotated[Path | None, typer.Option(help="New file for the proof; unset: standard output.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A seal kept later than the event: the proof goes on to it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Makes a proof that the event is under a seal, for somebody who has nothing but Python.

    `deploy/check_proof.py` checks it with SHA-256 alone; its result depends on nothing of this installation
    but the seal, which is to be one that was kept elsewhere. The event stands in it as it is stored, personal
    values encrypted.
    """
    from commands.audit.kept_seal import read, write_new
    from commands.audit.prove import prove as proven
    from deploy.wiring.wiring import Wiring

    settings = load()
    kept = read(against) if against is not None else None
    with Wiring(settings) as wired:
        wired.refuse_other_schema("store_url")
        proof = proven(settings.need("store_url"), wired.secrets.seal_public(), event, kept)
    if file is None and not as_json:
        sys.stdout.write(proof.encoded.decode())
        raise typer.Exit(Exit.DONE)
    data = {
        "id": proof.id,
        "position": proof.position,
        "seal": proof.seal.sequence,
        "chain": len(proof.chain),
        "file": str(write_new(proof.encoded, file)) if file is not None else None,
        "proof": proof.encoded.decode(),
    }
    last = proof.chain[-1] if proof.chain else proof.seal
    text = [
        f"event       {proof.id}, at position {number(proof.position)}",
        f"seal        {number(proof.seal.sequence)}"
        + (f", and on to {number(last.sequence)}" * bool(proof.chain)),
        f"hash        {last.hash.hex()}",
        f"file        {data['file']}",
        f"check it    python deploy/check_proof.py {data['file']} [KEPT_SEAL]",
    ]
    finish(as_json=as_json, data=data, text=text)


def not_shown(seen: ChainVerification, kept: list[KeptSeal]) -> list[str]:
    """What a verification without findings does not prove, in sentences."""
    limits = []
    if seen.unsealed:
        limits.append(
            f"{number(seen.unsealed)} events, from position {number(seen.unsealed_from)} on, are not sealed "
            "yet: a change of them would not show. See `rapport relay status`."
        )
    if seen.not_beside is not None:
        limits.append(
            f"The chain was not compared with the topics. {seen.not_beside} A history that was rewritten "
            "with the signing key would not show."
        )
    if kept:
        until = max(one.seal.last for one in kept)
        limits.append(
            f"No kept seal covers what stands behind position {number(until)}: somebody who holds the "
            "database, the topics and the signing key could have written another history there."
        )
    else:
        limits.append(
            "Somebody who holds the database, the topics and the signing key could have written another "
            "history, with seals that fit it. Only seals kept elsewhere show that: write them with `rapport "
            "audit seal`, and name them with --against."
        )
    limits.append("No seal shows that every event was recorded, nor that what was recorded is true.")
    return limits


def _lines(seen: ChainVerification, kept: list[KeptSeal], took: float) -> list[str]:
    rate = f", {number(int(seen.events / took))} a second" if seen.events and took else ""
    kept_too = f"; {len(kept)} kept seal{'s' * (len(kept) > 1)}" if kept else ""
    lines = [
        f"positions   {number(seen.first)} to {number(seen.last)}, {number(seen.seals)} seals",
        f"events      {number(seen.events)}{rate}",
        f"not sealed  {number(seen.unsealed)}",
        f"beside      {'the topics' if seen.not_beside is None else 'not the topics'}{kept_too}",
    ]
    if seen.named is not None:
        lines.append(f"first       {seen.named.kind}, at position {number(seen.named.position)}")
    elif not seen.found:
        lines.append("Nothing that was sealed has been changed.")
    return lines


def _mark(option: str, text: str | None) -> Mark | None:
    from commands.audit.verify import Mark

    if text is None:
        return None
    of_seal = text.startswith(_SEAL)
    digits = text.removeprefix(_SEAL)
    if not digits.isdecimal() or not int(digits):
        raise typer.BadParameter(
            f"{option} takes a position, as 1200, or a seal, as seal:7; this is {text!r}."
        )
    return Mark("seal" if of_seal else "position", int(digits))
