"""`rapport privacy certificate`: issues and checks the proof that an erased person is forgotten
everywhere."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deploy.cli.output import JsonOption, finish
from deploy.cli.projection.rebuild import operator
from deploy.health.findings import Diagnostic
from deploy.settings import SettingsProblem, load

if TYPE_CHECKING:
    from commands.privacy.certificates import IssuedCertificate


def register(noun: typer.Typer) -> None:
    """Adds the verb to `rapport privacy`."""
    noun.command()(certificate)


def certificate(
    erasure: Annotated[UUID | None, typer.Argument(help="The erasure's id.")] = None,
    file: Annotated[Path | None, typer.Option(help="New file for it; standard output where unset.")] = None,
    backups_until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The day by which no backup or write-ahead log of the key store has the keys any more.",
        ),
    ] = None,
    topics: Annotated[
        bool, typer.Option(help="Compare the topics with the store; without, the certificate says so.")
    ] = True,
    verify: Annotated[
        Path | None,
        typer.Option("--verify", help="Check a certificate instead.", exists=True, dir_okay=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Searches every place and signs that the person is forgotten there; --verify checks a certificate."""
    if verify is not None:
        _verify(verify, as_json=as_json)
        return
    if erasure is None:
        raise typer.BadParameter("Name the erasure, or a file with --verify.")
    if file is not None and file.exists():
        raise typer.BadParameter(f"The file {file} is there already. Name another.")
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting, certifying

    with wiring.Wiring(load()) as wired:
        issued = certifying(wired, topics=topics).issue(
            erasure, acting(operator()), backups_until=backups_until.date() if backups_until else None
        )
    if file is not None:
        file.write_bytes(issued.file)
    data = asdict(issued.content) | {"sha256": issued.sha256}
    text = _lines(issued, file) if file is not None else [issued.file.decode().rstrip()]
    finish(as_json=as_json, data=data, text=text)


def _lines(issued: IssuedCertificate, file: Path) -> list[str]:
    content = issued.content
    lines = [f"Erasure {content.erasure}, certified up to position {content.position}:"]
    lines += [f"  {each.place:28} {each.found}" for each in content.places]
    if content.closed_texts:
        lines.append(f"  {len(content.closed_texts)} texts that others took part in are closed too.")
    if content.texts_kept_with_others:
        lines.append(f"  {len(content.texts_kept_with_others)} records of others that name the person stay.")
    lines.append("  not checked: " + "; ".join(str(each["place"]) for each in content.not_checked))
    return [*lines, f"Signed, in {file}."]


def _verify(file: Path, *, as_json: bool) -> None:
    import psycopg2
    from eventsourcing.persistence import PersistenceError

    from commands.privacy.certificate import NotACertificate, opened

    try:
        said, public = opened(file.read_bytes())
    except NotACertificate as error:
        finish(as_json=as_json, data={}, text=[], diagnostics=[Diagnostic(fact=str(error))], failed=True)
        return
    findings: list[Diagnostic] = []
    asked = False
    # A recipient of the certificate has the public key from elsewhere, and no database.
    with suppress(SettingsProblem, psycopg2.OperationalError, PersistenceError):
        findings, asked = _compared(said, public.public_bytes_raw())
    if not asked:
        findings.append(
            Diagnostic(
                severity="info",
                fact="Only the signature was checked: this machine reaches no store.",
                act=f"Compare the public key with the one you know: {public.public_bytes_raw().hex()}",
            )
        )
    failed = any(each.severity == "error" for each in findings)
    text = [] if failed else [f"The certificate of the erasure {said['erasure']} is whole."]
    data: dict[str, Any] = {"certificate": said, "public_key": public.public_bytes_raw().hex()}
    finish(
        as_json=as_json, data=data | {"store_asked": asked}, text=text, diagnostics=findings, failed=failed
    )


def _compared(said: dict[str, Any], public: bytes) -> tuple[list[Diagnostic], bool]:
    """What this installation knows of the certificate, and whether its store could be reached."""
    from commands.privacy.certificate import canonical, digest
    from deploy.secrets import SecretsProblem
    from deploy.wiring import wiring
    from domain.privacy.erasure import evolve

    settings = load()
    settings.need("store_url")
    findings = []
    with wiring.Wiring(settings) as wired:
        with suppress(SecretsProblem):
            if wired.secrets.seal_public().public_bytes_raw() != public:
                findings.append(
                    Diagnostic(
                        fact="It was signed with another key than this installation's.",
                        act="Ask where it comes from.",
                    )
                )
        state = wired.crm.find(evolve, UUID(said["erasure"]))
        if state is None or digest(canonical(said)) not in state.certificates:
            findings.append(
                Diagnostic(
                    fact="The store has not recorded that this certificate was issued.",
                    act="Ask where it comes from.",
                )
            )
        back = wired.tombstones.open([UUID(each["person"]) for each in said["keys_destroyed"]])
        if back:
            findings.append(
                Diagnostic(
                    fact=f"{len(back)} of the keys that were destroyed are there again.",
                    cause="A restore brings them back.",
                    act="Run `rapport privacy erase --resume`, and have a new certificate issued.",
                )
            )
    return findings, True
