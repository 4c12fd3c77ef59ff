"""A migrated database for tests, and the URLs of its roles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from commands.store.migrate import migrate
from commands.store.pool import connect
from commands.store.roles import OWNER, ROLES, role_url
from deploy.local.postgres import LocalPostgres

PARTITIONS = 6
_numbers = itertools.count(1)
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


@contextmanager
def new_database(server: LocalPostgres) -> Iterator[str]:
    """The superuser's URL of a new, empty database, dropped at the end with its sessions."""
    name = f"test_{next(_numbers)}"
    _run(server, f'CREATE DATABASE "{name}"')
    yield server.url(name)
    _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _run(server: LocalPostgres, statement: str) -> None:
    opened = connect(server.url("postgres"))
    try:
        with opened.cursor() as cursor:
            cursor.execute(statement)
    finally:
        opened.close()
