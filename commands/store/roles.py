"""The database roles, what each is for, and the URLs to connect as one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg2 import sql
from psycopg2.extensions import connection, encrypt_password

OWNER: Final = "rapport_owner"
ROLES: Final = {
    OWNER: "owns all objects; migrations run as it",
    "rapport_app": "API and commands: appends events, never changes one",
    "rapport_relay": "relay: reads events, appends seals",
    "rapport_worker": "projections: reads the store, writes the read side",
    "rapport_reader": "people and tools: the views in `read`, nothing else",
}
# A writer that stalls in the middle holds back every reader: the relay can't pass the high-water mark.
_IDLE_SECONDS: Final = 30


def role_url(url: str, role: str, password: str) -> str:
    """`url` with another user and password."""
    parts = urlsplit(url)
    endpoint = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{endpoint}"))


def ensure(admin: connection, passwords: Mapping[str, str]) -> None:
    """Makes the roles that are missing and sets the passwords given; who has none can't log in.

    Passwords reach the server as SCRAM verifiers, so that none can turn up in its log.
    """
    with admin.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY (%s)", (list(ROLES),))
        existing = {row[0] for row in cursor.fetchall()}
        for role in ROLES:
            name = sql.Identifier(role)
            if role not in existing:
                cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
            password = passwords.get(role)
            if password is not None:
                verifier = encrypt_password(password, role, admin, "scram-sha-256")
                cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(verifier)))


def admit(admin: connection) -> None:
    """Lets the roles, and nobody else, into this database, each with what it may do there."""
    with admin.cursor() as cursor:
        cursor.execute("SELECT current_database(), rolsuper FROM pg_roles WHERE rolname = current_user")
        database, superuser = cursor.fetchall()[0]
        if not superuser:  # a superuser acts as every role anyway
            cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))
        here = sql.Identifier(database)
        cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(here))
        for role in ROLES:
            may = {OWNER: "CREATE, CONNECT, TEMPORARY", "rapport_reader": "CONNECT"}.get(
                role, "CONNECT, TEMPORARY"
            )
            cursor.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(may), here, sql.Identifier(role))
            )
        for role in ("rapport_app", "rapport_relay"):
            for setting, value in (
                ("synchronous_commit", "on"),
                ("idle_in_transaction_session_timeout", f"{_IDLE_SECONDS}s"),
            ):
                cursor.execute(
                    sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                        sql.Identifier(role), here, sql.Identifier(setting), sql.Literal(value)
                    )
                )
