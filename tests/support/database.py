"""A migrated database for tests, and the URLs of its roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commands.store.migrate import migrate
from commands.store.roles import OWNER, ROLES, role_url

PARTITIONS = 6
PASSWORDS = {role: f"test {role}" for role in ROLES}


@dataclass(frozen=True)
class Urls:
    """One database as its roles see it; `admin` is the superuser. `store` and `app` are the same."""

    admin: str
    owner: str
    store: str
    app: str
    relay: str
    worker: str
    reader: str


def urls(url: str) -> Urls:
    """The URLs of the roles in the database at the superuser's `url`."""

    def of(role: str) -> str:
        return role_url(url, role, PASSWORDS[role])

    return Urls(
        admin=url,
        owner=of(OWNER),
        store=of("rapport_app"),
        app=of("rapport_app"),
        relay=of("rapport_relay"),
        worker=of("rapport_worker"),
        reader=of("rapport_reader"),
    )


def migrated(
    url: str, *, partitions: int = PARTITIONS, read_side: Callable[[str], None] | None = None
) -> Urls:
    """Migrates the database at the superuser's `url` (fixture `fresh_database`)."""
    migrate(url, passwords=PASSWORDS, partitions=partitions, read_side=read_side)
    return urls(url)
