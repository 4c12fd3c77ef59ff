"""Brings the databases to this program's schema: roles, schemas, objects, grants, what is fixed for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from alembic import command
from alembic.config import Config
from psycopg2.extensions import connection
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from commands.store import roles
from commands.store.pool import connect
from commands.store.roles import role_url
from commands.store.schema import (
    KEYS,
    STORE,
    Component,
    NewerSchema,
    OlderSchema,
    SchemaProblem,
    check_version,
    refuse_newer,
    version,
)

__all__ = [
    "MigrationResult",
    "NewerSchema",
    "OlderSchema",
    "PartitionsFixed",
    "SchemaProblem",
    "check_version",
    "migrate",
    "role_url",
]

_LOCK: Final = (1380012112, 3)  # 1: appends, 2: the leading relay


class PartitionsFixed(SchemaProblem):
    """The settings name another number of partitions than the store has."""

    def __init__(self, *, asked: int, fixed: int) -> None:
        super().__init__(
            f"The store was made with {fixed} partitions, and the settings name {asked}; the number can't "
            "change, "
            f"since it decides where each party's events lie. Set RAPPORT_PARTITIONS={fixed}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResult:
    """What a migration found and did. `before` and `after` are the store's versions, `before` None where the
    store was new."""

    store_id: UUID
    partitions: int
    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Whether the schema changed."""
        return self.before != self.after


def migrate(
    admin_url: str,
    *,
    passwords: Mapping[str, str],
    partitions: int,
    keys_admin_url: str | None = None,
    read_admin_url: str | None = None,
    read_side: Callable[[str], object] | None = None,
) -> MigrationResult:
    """Migrates store, keys and read side; run again it changes nothing. Of several at once one does it.

    `admin_url` may make roles and schemas (a superuser, or the database's owner with CREATEROLE).
    `passwords` holds one for each role of `roles.ROLES` that logs in. `keys_admin_url` and `read_admin_url`
    are for databases of their own, else all is in one. `read_side` is called with the read
    database's URL as `rapport_owner` (whose password must be given then).

    Raises `NewerSchema`, `PartitionsFixed`, or the driver's error where the database is away or refuses.
    """
    keys_url = keys_admin_url or admin_url
    read_url = read_admin_url or admin_url
    if read_side is not None and roles.OWNER not in passwords:
        raise ValueError(f"the read side is installed as {roles.OWNER}, whose password is missing")
    with _alone(admin_url) as admin:
        roles.ensure(admin, passwords)
        before = _upgrade(admin, admin_url, STORE)
        store_id = _fix(admin, partitions)
        with _administrator(keys_url, passwords, first=keys_url != admin_url) as keys_admin:
            _upgrade(keys_admin, keys_url, KEYS)
        with _administrator(read_url, passwords, first=read_url not in {admin_url, keys_url}) as read_admin:
            roles.admit(read_admin)
        if read_side is not None:
            read_side(role_url(read_url, roles.OWNER, passwords[roles.OWNER]))
    return MigrationResult(store_id=store_id, partitions=partitions, before=before, after=STORE.newest)


@contextmanager
def _alone(admin_url: str) -> Iterator[connection]:
    """An administrator's connection that holds the migration lock of this database."""
    admin = connect(admin_url)
    try:
        with admin.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", _LOCK)
        yield admin
    finally:
        admin.close()


@contextmanager
def _administrator(url: str, passwords: Mapping[str, str], *, first: bool) -> Iterator[connection]:
    admin = connect(url)
    try:
        if first:  # another server has roles of its own
            roles.ensure(admin, passwords)
        yield admin
    finally:
        admin.close()


def _upgrade(admin: connection, admin_url: str, component: Component) -> str | None:
    """Brings `component` to the newest version, as the owner; the version it had."""
    before = refuse_newer(admin, component)
    roles.admit(admin)
    with admin.cursor() as cursor:
        cursor.execute((component.folder / "sql" / "database.sql").read_text())

    def as_owner() -> connection:
        opened = connect(admin_url)
        with opened.cursor() as cursor:
            cursor.execute(f"SET ROLE {roles.OWNER}")
        opened.autocommit = False
        return opened

    engine = create_engine("postgresql+psycopg2://", creator=as_owner, poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(component.folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.connect() as owner:
        config.attributes["connection"] = owner
        config.attributes["schema"] = component.schema
        command.upgrade(config, "head")
    engine.dispose()
    granting = as_owner()
    try:
        with granting, granting.cursor() as cursor:
            cursor.execute((component.folder / "sql" / "grants.sql").read_text())
    finally:
        granting.close()
    after = version(admin, component)
    if after != component.newest:
        raise OlderSchema(component, after)
    return before


def _fix(admin: connection, partitions: int) -> UUID:
    """Records what never changes: the store's id and the number of partitions, and where the store lives."""
    with admin, admin.cursor() as cursor:
        cursor.execute(
            "INSERT INTO store.setting VALUES ('partitions', to_jsonb(%s)),"
            " ('store_id', to_jsonb(gen_random_uuid()::text)) ON CONFLICT DO NOTHING",
            (partitions,),
        )
        cursor.execute(
            "INSERT INTO store.incarnation (system_identifier, timeline)"
            " SELECT system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
            "   FROM pg_control_system() WHERE NOT EXISTS (SELECT FROM store.incarnation)"
        )
        cursor.execute("SELECT name, value FROM store.setting WHERE name IN ('partitions', 'store_id')")
        fixed = dict(cursor.fetchall())
    if fixed["partitions"] != partitions:
        raise PartitionsFixed(asked=partitions, fixed=fixed["partitions"])
    return UUID(fixed["store_id"])
