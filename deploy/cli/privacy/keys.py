"""`rapport privacy rotate|retention`: a new key-encryption key, and the end of free texts by their age."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.output import JsonOption, columns, finish, number, say
from deploy.cli.progress import showing
from deploy.cli.projection.rebuild import operator
from deploy.settings import Settings, SettingsProblem, load

if TYPE_CHECKING:
    from commands.privacy.kek import KeyEncryptionKey
    from commands.privacy.retention import Due
    from commands.privacy.rotation import RotationStatus
    from deploy.key_encryption_keys import KekFiles
    from domain.privacy.retention import Rules


class KekPlace(StrEnum):
    """Where a key-encryption key is kept."""

    FILE = "file"
    ENVIRONMENT = "environment"
    SERVICE = "service"


def register(noun: typer.Typer) -> None:
    """Adds the verbs to `rapport privacy`."""
    noun.command()(rotate)
    noun.command()(retention)


def rotate(
    to: Annotated[
        KekPlace | None,
        typer.Option(
            help="Where the new one is kept: a new key file, the first of RAPPORT_KEK, or the key management "
            "service of RAPPORT_VAULT_URL. Unset: where the current one is kept."
        ),
    ] = None,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Only makes the new key file; copy it to all machines before the rotation."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Wraps all keys with a new key-encryption key, while everything runs. If killed, run it again."""
    from commands.privacy.rotation import rotating
    from commands.store.schema import KEYS
    from deploy import key_encryption_keys as keks
    from deploy.wiring import wiring

    settings = load()
    with wiring.Wiring(settings) as wired:
        files = keks.KekFiles(wired.secrets)
        if prepare:
            kek, file = files.make()
            finish(
                as_json=as_json,
                data={"kek": kek.id, "file": str(file)},
                text=[
                    f"{file} is made. Take it to the secrets folders of all machines, and to its backup; "
                    "then run `rapport privacy rotate`."
                ],
            )
            return
        wired.refuse_other_schema("keys_url", KEYS)
        ring = keks.ring(settings, wired.secrets)
        with rotating(settings.need("keys_url"), ring) as rotation:
            status = rotation.status()
            if not status.under_way:
                rotation.begin(lambda now: _target(settings, files, now, to), uuid4())

            def end(ended: RotationStatus) -> None:
                _record(wired, ended)
                assert ended.current is not None, "begun"
                try:
                    files.promote(ended.current)
                except OSError as error:  # where the folder is read-only
                    say(f"The file kek stays as it is ({error.strerror}): put the new key there yourself.")

            with showing("wrapped anew", "keys") as progress:
                rotation.rewrap(progress)
            done = rotation.finish(end)
    finish(
        as_json=as_json,
        data={
            "from": done.previous,
            "to": done.current,
            "keys": done.rewrapped,
            "left": done.left,
            "since": done.since,
        },
        text=[
            f"{number(done.rewrapped)} keys that {done.previous} wrapped are wrapped with {done.current}; "
            f"{done.left} are left.",
            f"{done.previous} wraps no key any more; you may remove it from the machines. Backups of "
            f"the key store from before {datetime.now(UTC):%Y-%m-%d %H:%M} UTC need it: keep it, apart from "
            "them, as long as they are kept.",
        ],
    )


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only lists what would be closed.")] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="As of that day (UTC); a later one with --dry-run alone."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Closes, for good, free texts that are older than RAPPORT_RETENTION_FILE allows."""
    from commands.privacy import retention as retaining
    from commands.privacy.holds import active
    from deploy.wiring import wiring
    from deploy.wiring.persons import acting

    settings = load()
    today = datetime.now(UTC).date()
    day = as_of.date() if as_of else today
    if day > today and not dry_run:
        raise typer.BadParameter("A day in the future can't be closed. Name an earlier day, or --dry-run.")
    rules = _rules(settings, retaining.KINDS)
    with wiring.Wiring(settings) as wired:
        crm, keys = wired.crm, wired.keys

        def whose(id: UUID) -> Collection[UUID]:
            return retaining.concerned(crm, lambda: wired.erasing.people, id)

        if dry_run:
            due = retaining.plan(rules, day, keys=keys, store=crm.pool, holds=active(crm), whose=whose)
        else:
            retaining.reapply(crm, keys)
            due = retaining.close(rules, day, keys=keys, crm=crm, whose=whose, actor=acting(operator()).actor)
    finish(
        as_json=as_json,
        data={
            "as_of": day.isoformat(),
            "dry_run": dry_run,
            "months": [
                {
                    "kind": one.kind,
                    "month": one.month,
                    "events": one.events,
                    "closed": not one.holds and not dry_run,
                    "holds": [{"id": str(hold.id), "reference": hold.reference} for hold in one.holds],
                }
                for one in due
            ],
        },
        text=_lines(due, rules, day, dry_run=dry_run),
    )


def _target(
    settings: Settings, files: KekFiles, status: RotationStatus, to: KekPlace | None
) -> KeyEncryptionKey:
    from deploy import key_encryption_keys as keks

    if to is None:
        to = _place(files, status)
    if to is KekPlace.FILE:
        return files.prepared(status.known) or files.make()[0]
    found = keks.of_service(settings) if to is KekPlace.SERVICE else keks.of_environment(settings)
    if not found:
        name = "RAPPORT_VAULT_URL" if to is KekPlace.SERVICE else "RAPPORT_KEK"
        raise SettingsProblem(
            f"{name} is not set. Set it, for all processes, before keys are wrapped with it."
        )
    return found[0]


def _place(files: KekFiles, status: RotationStatus) -> KekPlace:
    if status.current is None or status.current in files.ids():
        return KekPlace.FILE
    return KekPlace.SERVICE if status.current.startswith("vault:") else KekPlace.ENVIRONMENT


def _record(wired: Any, status: RotationStatus) -> None:
    from commands.dispatch.acts import record
    from deploy.wiring.persons import acting
    from domain.privacy import key_rotation as rotation

    assert status.rotation is not None, "begun"
    assert status.previous is not None, "begun"
    assert status.current is not None, "begun"
    payload = rotation.KekRotated(from_kek=status.previous, to_kek=status.current, keys=status.rewrapped)
    record(
        wired.crm,
        rotation.evolve,
        status.rotation,
        lambda state: payload if state is None else None,
        acting(operator()).actor,
    )


def _rules(settings: Settings, kinds: Any) -> Rules:
    from domain.kernel.errors import Invalid
    from domain.privacy.retention import parse

    file = settings.retention_file
    try:
        return parse(tomllib.loads(file.read_text()), kinds)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, Invalid) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsProblem(
            f"The retention file {file} can't be used: {reason} Correct it, or name another with "
            "RAPPORT_RETENTION_FILE."
        ) from None


def _lines(due: tuple[Due, ...], rules: Rules, day: date, *, dry_run: bool) -> list[str]:
    if not rules:
        return ["There is no rule, so every text is kept. Give rules in the file of RAPPORT_RETENTION_FILE."]
    if not due:
        return [f"No text is older than the rules allow, as of {day}."]
    verb = "would be closed" if dry_run else "closed"
    rows = [
        [
            one.kind,
            one.month,
            "kept: legal hold " + ", ".join(f"{hold.reference} ({hold.id})" for hold in one.holds)
            if one.holds
            else verb,
            number(one.events),
        ]
        for one in due
    ]
    lines = columns(("kind", "month", "texts", "events"), rows, right=3)
    if dry_run:
        return [*lines, "Nothing was changed. Run it without --dry-run."]
    if all(one.holds for one in due):
        return [*lines, "Nothing was closed."]
    return [*lines, "That is final. A process that has just read a text can show it for 60 seconds more."]
