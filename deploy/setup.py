"""Brings an installation to what this version needs: key files, databases, roles, topics. Repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2

from commands.store.migrate import MigrationResult, migrate
from consumers.kafka.topics import ensure_topics
from deploy.addresses import complete, passwords
from deploy.secrets import RANDOM, Secrets, SecretsProblem
from deploy.settings import Settings
from deploy.wiring.wiring import kafka_address
from domain.events.catalogue import CATALOGUE
from projections import registry
from projections.control import versions
from projections.release.schema import Installation, install


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupResult:
    """What was done; `settings` has an address for each role."""

    settings: Settings
    migration: MigrationResult
    read_side: Installation
    key_files: tuple[str, ...]
    topics: tuple[str, ...]


def prepare(settings: Settings, say: Callable[[str], None]) -> SetupResult:
    """Makes what is missing and changes nothing that exists.

    Raises `SettingsProblem`, `SecretsProblem`, the migration's own sentences, and the drivers' errors while a
    service is away.
    """
    keys = Secrets(settings.secrets)
    _refuse_new_keys_for_old_data(settings, keys)
    made = keys.ensure()
    if made:
        say(f"Key files made in {keys.folder}: {', '.join(made)}. Keep a copy of them elsewhere.")
    settings = complete(settings, keys)
    partitions = settings.partitions
    read_side = Installation()

    def install_read_side(url: str) -> None:
        nonlocal read_side
        read_side = install(url, registry.PROJECTIONS, partitions=partitions)

    result = migrate(
        settings.need("admin_url"),
        passwords=passwords(settings, keys),
        keys_admin_url=settings.keys_admin_url,
        read_admin_url=settings.read_admin_url,
        partitions=partitions,
        read_side=install_read_side,
    )
    topics = ensure_topics(kafka_address(settings), CATALOGUE.families, partitions)
    if topics:
        say(f"Topics made: {', '.join(topics)}")
    return SetupResult(
        settings=settings, migration=result, read_side=read_side, key_files=tuple(made), topics=topics
    )


def not_built(installed: Installation) -> Iterator[str]:
    """The lines about versions of this release that nobody reads: new candidates, and dropped ones."""
    for each in installed.candidates:
        yield (
            f"{each.title} was made as a candidate: nothing shows it yet. Build it: `rapport projection "
            f"rebuild {each.name} --version {each.version}`."
        )
    for each in installed.dropped:
        yield versions.again(each)


def _refuse_new_keys_for_old_data(settings: Settings, keys: Secrets) -> None:
    """New keys beside old data would make every personal value unreadable and break the chain of seals."""
    missing = [name for name in RANDOM if not (keys.folder / name).exists()]
    if missing and _has_events(settings.need("admin_url")):
        raise SecretsProblem(
            f"The event store holds events, but the key files {', '.join(missing)} are missing in "
            f"{keys.folder}. New ones would not open its personal data: put the files back from their "
            "backup, or set RAPPORT_SECRETS_FOLDER to where they are."
        )


def _has_events(admin_url: str) -> bool:
    connection = psycopg2.connect(admin_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('store.event') IS NOT NULL")
            row: tuple[Any, ...] | None = cursor.fetchone()
            if row is None or not row[0]:
                return False
            cursor.execute("SELECT EXISTS (SELECT FROM store.event)")
            row = cursor.fetchone()
            return bool(row and row[0])
    finally:
        connection.close()
