"""A migrated database for tests, and the URLs of its roles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from psycopg2.errors import ObjectInUse

from commands.store.migrate import migrate
from commands.store.pool import connect
from commands.store.roles import OWNER, ROLES, admit, ensure, role_url
from deploy.local.postgres import LocalPostgres
from projections.release.schema import install

PARTITIONS = 6
# By files: by the log, PostgreSQL's own way, it takes twice the work.
_COPY = 'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
PASSWORDS = {role: f"test {role}" for role in ROLES}
_numbers = itertools.count(1)
_servers: dict[str, str] = {}
"""Of each new database that nothing was done with yet: the URL of its server's database `postgres`."""
_templates: dict[tuple[str, int, bool], str] = {}
"""By server, partitions, and whether the read side is there: the database that is copied."""


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
    """Migrates the empty database at the superuser's `url` (fixture `fresh_database`).

    A database of `new_database` becomes a copy of one that was migrated once on its server, with a store id
    of its own: a third of the time. A second time, and in any other database, migrations are what runs.
    """
    server = _servers.pop(url, None)
    installed = _installs(read_side, partitions)
    if server is not None and _copied(url, server, partitions, installed):
        if read_side is not None and not installed:
            read_side(role_url(url, OWNER, PASSWORDS[OWNER]))
    else:
        migrate(url, passwords=PASSWORDS, partitions=partitions, read_side=read_side)
    return urls(url)


@contextmanager
def new_database(server: LocalPostgres, template: str = "template1") -> Iterator[str]:
    """The superuser's URL of a new database, empty or as `template`, dropped at the end with its sessions."""
    name = f"test_{next(_numbers)}"
    url = server.url(name)
    _run(server.url("postgres"), _COPY.format(name=name, template=template))
    if template == "template1":
        _servers[url] = server.url("postgres")
    yield url
    _servers.pop(url, None)
    _run(server.url("postgres"), f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def new_store(server: LocalPostgres) -> Iterator[Urls]:
    """An empty store, copied from one that is migrated once on each server: a fifth of the time.

    Store id and incarnation are those of all the others. The read side is not there.
    """
    with new_database(server, _template(server.url("postgres"), PARTITIONS, False)) as url:
        _let_in(url)
        yield urls(url)


def _installs(read_side: Callable[[str], object] | None, partitions: int) -> bool:
    """Whether it is the installation of all read models for so many partitions."""
    return (
        isinstance(read_side, partial)
        and read_side.func is install
        and (read_side.args, read_side.keywords) == ((), {"partitions": partitions})
    )


def _copied(url: str, server: str, partitions: int, read_side: bool) -> bool:
    """Whether a copy took the place of that database; not while somebody is in it."""
    name = url.rpartition("/")[2]
    template = _template(server, partitions, read_side)
    try:
        _run(server, f'DROP DATABASE "{name}"')
    except ObjectInUse:
        return False
    _run(server, _COPY.format(name=name, template=template))
    _let_in(url)
    # Relays of one store share a transactional id: what one of another test left open would be ended here.
    _run(
        url,
        "UPDATE store.setting SET value = to_jsonb(gen_random_uuid()::text) WHERE name = 'store_id'",
    )
    return True


def _template(server: str, partitions: int, read_side: bool) -> str:
    """The database to copy, migrated at its first use."""
    key = (server, partitions, read_side)
    if key not in _templates:
        name = f"template_{next(_numbers)}"
        _run(server, f'CREATE DATABASE "{name}"')
        migrate(
            f"{server.rpartition('/')[0]}/{name}",
            passwords=PASSWORDS,
            partitions=partitions,
            read_side=partial(install, partitions=partitions) if read_side else None,
        )
        _templates[key] = name
    return _templates[key]


def _let_in(url: str) -> None:
    """What a database itself allows is not copied; and a test may have given the roles other passwords."""
    opened = connect(url)
    try:
        ensure(opened, PASSWORDS)
        admit(opened)
    finally:
        opened.close()


def _run(url: str, statement: str) -> None:
    opened = connect(url)
    try:
        with opened.cursor() as cursor:
            cursor.execute(statement)
    finally:
        opened.close()
