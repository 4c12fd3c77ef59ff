"""Migrations: repeatable, owned by the owner, refused where the database is newer or never was made."""

from __future__ import annotations

import pytest

from commands.store.migrate import MigrationResult, PartitionsFixed, migrate
from commands.store.roles import ROLES, role_url
from commands.store.schema import KEYS, STORE, Component, NewerSchema, OlderSchema, check_version
from commands.store.settings import store_settings
from consumers.relay.leader import Leadership
from deploy.local.postgres import LocalPostgres
from tests.support.database import PASSWORDS, migrated, urls
from tests.support.store import execute


def run_migration(url: str, partitions: int = 6) -> MigrationResult:
    return migrate(url, passwords=PASSWORDS, partitions=partitions)


def test_again_changes_nothing(fresh_database: str) -> None:
    """Given a migrated store, when it is migrated again, then nothing changes and the result says so."""
    first = run_migration(fresh_database)
    again = run_migration(fresh_database)
    assert (first.changed, again.changed) == (True, False)
    assert again.store_id == first.store_id
    found = store_settings(urls(fresh_database).app)
    assert (found.store_id, found.partitions) == (first.store_id, 6)


def test_the_number_of_partitions_is_for_ever(fresh_database: str) -> None:
    """Given a store of 6 partitions, when it is migrated with 8, then that is refused with what to set."""
    run_migration(fresh_database)
    with pytest.raises(
        PartitionsFixed, match=r"made with 6 partitions, and the settings name 8.*RAPPORT_PARTITIONS=6"
    ):
        run_migration(fresh_database, partitions=8)


def test_all_is_owned_by_the_owner(fresh_database: str) -> None:
    """Given a migration by a superuser, then all schemas, tables and functions belong to rapport_owner."""
    migrated(fresh_database)
    owners = execute(
        fresh_database,
        "SELECT DISTINCT relowner::regrole::text, nspowner::regrole::text FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname IN ('store', 'access', 'keys')"
        " UNION SELECT proowner::regrole::text, nspname::text FROM pg_proc"
        " JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname IN ('store', 'access', 'keys')"
        "   AND proowner <> nspowner",
    )
    assert owners == [("rapport_owner", "rapport_owner")]


@pytest.mark.parametrize("component", [STORE, KEYS], ids=["store", "keys"])
def test_a_program_refuses_another_schema(fresh_database: str, component: Component) -> None:
    """Given a database that was never migrated, one that was, and one a newer program migrated, when the
    program looks, then it says what to do, is content, and says what to install."""
    found = urls(fresh_database)
    with pytest.raises(OlderSchema, match=r"has not been made yet.*Run `rapport migrate`"):
        check_version(found.admin, component)
    migrated(fresh_database)
    check_version(found.app, component)
    check_version(found.worker, component)
    execute(fresh_database, f"UPDATE {component.schema}.schema_version SET version_num = '0000'")
    with pytest.raises(OlderSchema, match=r"is at version 0000.*Run `rapport migrate`"):
        check_version(found.app, component)
    execute(fresh_database, f"UPDATE {component.schema}.schema_version SET version_num = '9999'")
    with pytest.raises(NewerSchema, match=r"version 9999.*Install the program"):
        check_version(found.app, component)
    with pytest.raises(NewerSchema):
        run_migration(fresh_database)
    version = execute(fresh_database, f"SELECT version_num FROM {component.schema}.schema_version")
    assert version == [("9999",)]


def test_keys_and_read_side_may_have_databases_of_their_own(
    fresh_database: str, postgres: LocalPostgres
) -> None:
    """Given three databases, when they are migrated, then each has its part and nothing else, and the read
    side is installed by the owner."""
    installed: list[str] = []
    for name in ("own_keys", "own_read"):
        execute(postgres.url("postgres"), f"CREATE DATABASE {name}")
    try:
        migrate(
            fresh_database,
            passwords=PASSWORDS,
            partitions=6,
            keys_admin_url=postgres.url("own_keys"),
            read_admin_url=postgres.url("own_read"),
            read_side=installed.append,
        )
        schemas = {
            url.rpartition("/")[2]: {
                row[0]
                for row in execute(
                    url, "SELECT nspname FROM pg_namespace WHERE nspname IN ('store', 'access', 'keys')"
                )
            }
            for url in (fresh_database, postgres.url("own_keys"), postgres.url("own_read"))
        }
        check_version(urls(postgres.url("own_keys")).app, KEYS)
        assert execute(installed[0], "SELECT current_user::text, current_database()::text") == [
            ("rapport_owner", "own_read")
        ]
        execute(installed[0], "CREATE SCHEMA read")
    finally:
        for name in ("own_keys", "own_read"):
            execute(postgres.url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")
    assert schemas == {
        fresh_database.rpartition("/")[2]: {"store", "access"},
        "own_keys": {"keys"},
        "own_read": set(),
    }


def test_passwords_do_not_reach_the_server_in_clear(fresh_database: str, postgres: LocalPostgres) -> None:
    """Given a server that logs every statement, when roles get passwords, then none is in its log."""
    name = fresh_database.rpartition("/")[2]
    execute(fresh_database, f"ALTER DATABASE {name} SET log_statement = 'all'")
    run_migration(fresh_database)
    log = postgres.log.read_text()
    assert "ALTER ROLE" in log
    assert "SCRAM-SHA-256$" in log
    assert "test rapport_app" not in log


def test_an_administrator_need_not_be_a_superuser(fresh_database: str) -> None:
    """Given a database whose owner may make roles and nothing else, when it migrates, twice, then all is
    there and the roles can work."""
    boss = role_url(fresh_database, "boss", "boss")
    execute(fresh_database, "CREATE ROLE boss LOGIN CREATEROLE PASSWORD 'boss'")
    try:
        for role in ROLES:  # other tests have made them; who makes roles may give them
            execute(fresh_database, f"GRANT {role} TO boss WITH ADMIN OPTION")
        execute(fresh_database, f"ALTER DATABASE {fresh_database.rpartition('/')[2]} OWNER TO boss")
        assert run_migration(boss).changed
        assert not run_migration(boss).changed
        check_version(urls(fresh_database).app)
    finally:
        execute(fresh_database, f"ALTER DATABASE {fresh_database.rpartition('/')[2]} OWNER TO postgres")
        execute(fresh_database, "DROP OWNED BY boss; DROP ROLE boss")


@pytest.mark.timeout(30)
def test_a_leading_relay_holds_up_no_migration(fresh_database: str) -> None:
    """Given a relay that leads, when the store is migrated again, then that does not wait for the relay."""
    relay = Leadership(migrated(fresh_database).relay, "relay", silence=600)
    try:
        assert relay.acquire()
        assert not run_migration(fresh_database).changed
    finally:
        relay.close()
