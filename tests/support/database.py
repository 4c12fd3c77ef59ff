"""A migrated database for tests, and the URLs of its roles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from commands.store.migrate import migrate
from commands.store.pool import connect
from commands.store.roles import OWNER, ROLES, admit, role_url
from deploy.local.postgres import LocalPostgres

PARTITIONS = 6
_numbers = itertools.count(1)
_templates: dict[int, str] = {}
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
    url: str, *, partitions: int = PARTITIONS, read_side: Callable[[str], object] | None = None
) -> Urls:
    """Migrates the database at the superuser's `url` (fixture `fresh_database`)."""
    migrate(url, passwords=PASSWORDS, partitions=partitions, read_side=read_side)
    return urls(url)


@contextmanager
def new_database(server: LocalPostgres, template: str = "template1") -> Iterator[str]:
    """The superuser's URL of a new database, empty or as `template`, dropped at the end with its sessions."""
    name = f"test_{next(_numbers)}"
    _run(server.url("postgres"), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield server.url(name)
    _run(server.url("postgres"), f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def new_store(server: LocalPostgres) -> Iterator[Urls]:
    """An empty store, copied from one that is migrated once on each server: a fifth of the time.

    Store id and incarnation are those of all the others. The read side is not there.
    """
    if server.port not in _templates:
        name = f"template_{next(_numbers)}"
        _run(server.url("postgres"), f'CREATE DATABASE "{name}"')
        migrated(server.url(name))
        _templates[server.port] = name
    with new_database(server, _templates[server.port]) as url:
        opened = connect(url)
        try:
            admit(opened)  # what a database itself allows is not copied
        finally:
            opened.close()
        yield urls(url)


def _run(url: str, statement: str) -> None:
    opened = connect(url)
    try:
        with opened.cursor() as cursor:
            cursor.execute(statement)
    finally:
        opened.close()
