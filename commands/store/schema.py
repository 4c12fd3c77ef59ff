"""Which schema version a database has, and whether this program fits it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection

from commands.store.pool import connect
from domain.kernel.user_errors import EnvironmentProblem

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Component:
    """A part of the schema with a history of its own: the store, or the keys."""

    schema: str
    folder: Path

    @property
    def newest(self) -> str:
        """The version this program knows as the newest."""
        return max(file.stem[1:5] for file in (self.folder / "versions").glob("v[0-9]*.py"))


STORE: Final = Component("store", _HERE / "migrations")
KEYS: Final = Component("keys", _HERE.parent / "privacy" / "migrations")


class SchemaProblem(EnvironmentProblem):
    """The database's schema is not this program's. The text says what to do."""


class NewerSchema(SchemaProblem):
    """A newer program has migrated it."""

    def __init__(self, component: Component, found: str) -> None:
        super().__init__(
            f"The database's schema `{component.schema}` is at version {found}; this program knows versions "
            f"up to {component.newest}. Install the program that migrated it, or a newer one."
        )


class OlderSchema(SchemaProblem):
    """It was never migrated, or not to this program's version."""

    def __init__(self, component: Component, found: str | None) -> None:
        fact = "has not been made yet" if found is None else f"is at version {found}"
        super().__init__(
            f"The database's schema `{component.schema}` {fact}; this program needs version "
            f"{component.newest}. Run `rapport migrate`."
        )


def version(opened: connection, component: Component) -> str | None:
    """The version of `component` in this database, None where it is not there."""
    try:
        with opened.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT version_num FROM {}.schema_version").format(sql.Identifier(component.schema))
            )
            row = cursor.fetchone()
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege):
        # Without the grants of a migration a role can't even see that the schema is there.
        return None
    return None if row is None else str(row[0])


def refuse_newer(opened: connection, component: Component) -> str | None:
    """The version of `component`; raises `NewerSchema`."""
    found = version(opened, component)
    if found is not None and found > component.newest:
        raise NewerSchema(component, found)
    return found


def check_version(url: str, component: Component = STORE) -> None:
    """Raises `NewerSchema` or `OlderSchema` unless the database fits this program exactly."""
    opened = connect(url)
    try:
        found = refuse_newer(opened, component)
    finally:
        opened.close()
    if found is None or found < component.newest:
        raise OlderSchema(component, found)
