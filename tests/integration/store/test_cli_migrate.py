"""`rapport migrate` and `rapport keys`: an installation is made once, and its keys are handed out."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.secrets import RANDOM
from tests.support.commanding import run, shared_passwords, told
from tests.support.http import database
from tests.support.store import execute
from tests.support.upping import rapport


@pytest.fixture(scope="module")
def services(postgres: LocalPostgres, kafka: LocalKafka) -> Iterator[dict[str, str]]:
    """The two addresses that somebody who has services of their own sets."""
    with database(postgres, "cli_migrate") as url:
        yield {"RAPPORT_ADMIN_URL": url, "RAPPORT_KAFKA_BOOTSTRAP": kafka.bootstrap}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, services: dict[str, str]) -> Path:
    """A home folder, migrated."""
    folder = tmp_path_factory.mktemp("home")
    shared_passwords(folder)
    code, said = run(folder, "migrate", **services)
    assert code == 0, said
    return folder


def test_migrating_makes_key_files_and_leaves_the_addresses_for_the_other_commands(home: Path) -> None:
    """Later commands find the addresses that `migrate` got from the environment, in a file of its owner
    alone."""
    assert {name for name in RANDOM if (home / "secrets" / name).exists()} == set(RANDOM)
    assert stat.S_IMODE((home / "rapport.env").stat().st_mode) == 0o600
    code, said = run(home, "keys", "list")
    assert (code, said) == (0, "There is no key yet. Make one: `rapport keys create NAME`.\n")


def test_migrating_again_changes_nothing(home: Path) -> None:
    before = {file.name: file.read_bytes() for file in (home / "secrets").iterdir()}

    code, said = run(home, "migrate")

    assert code == 0
    assert "Nothing had to be changed." in said
    assert {file.name: file.read_bytes() for file in (home / "secrets").iterdir()} == before


def test_another_number_of_partitions_is_refused(home: Path) -> None:
    code, said = run(home, "migrate", RAPPORT_PARTITIONS="12")

    assert code == 2
    assert "The store was made with 6 partitions, and the settings name 12" in said


def test_a_key_is_shown_once_listed_without_itself_and_revoked(home: Path) -> None:
    code, made, _ = told(home, "keys", "create", "reporting", "--scope", "crm:read", "--scope", "events:read")
    assert code == 0
    assert made["key"].startswith("rk_")

    code, said = run(home, "keys", "list")
    assert code == 0
    assert made["id"] in said
    assert made["key"] not in said

    assert run(home, "keys", "revoke", made["id"])[0] == 0
    (row,) = told(home, "keys", "list")[1]
    assert row["revoked"] is not None
    assert row["scopes"] == ["crm:read", "events:read"]


def test_two_keys_of_one_name_act_for_the_same_service_account(home: Path) -> None:
    first, second = (told(home, "keys", "create", "nightly")[1] for _ in range(2))

    assert first["principal"] == second["principal"]
    assert first["id"] != second["id"]


def test_an_unknown_scope_is_refused_with_those_there_are(home: Path) -> None:
    code, said = run(home, "keys", "create", "x", "--scope", "everything")

    assert code == 1
    assert "There is no scope everything. Choose from: crm:read," in said


def test_new_key_files_are_never_made_beside_old_events(home: Path, services: dict[str, str]) -> None:
    """They would not open its personal data, and would sign as somebody else."""
    told(home, "keys", "create", "somebody")  # registers a principal: the store holds an event
    kept = home / "secrets" / "kek"
    moved = kept.rename(home / "kek.away")
    try:
        code, said = run(home, "migrate")
        assert not kept.exists()
    finally:
        moved.rename(kept)

    assert code == 2
    assert "The event store holds events, but the key files kek are missing" in said


def test_a_database_that_was_never_migrated_says_so(home: Path, fresh_database: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, "keys", "list", RAPPORT_STORE_URL=fresh_database)

    assert code == 2
    assert "has not been made yet" in said
    assert "Run `rapport migrate`." in said


NEWER_STORE = (
    ("api",),
    ("relay", "run"),
    ("relay", "status"),
    ("relay", "republish", "--dry-run"),
    ("keys", "list"),
    ("store", "verify"),
    ("migrate",),
)
NEWER_READ_SIDE = (("api",), ("projection", "run", "pipeline"), ("migrate",))
STAY_UP = {("api",), ("relay", "run"), ("projection", "run", "pipeline")}


def refused(home: Path, words: tuple[str, ...]) -> list[str]:
    """What is wrong with how a command refuses a newer schema, if anything: exit code, sentence, trace."""
    if words in STAY_UP:
        done = rapport(home, *words)
        code, said = done.returncode, done.stderr
    else:
        code, said = run(home, *words)
    as_it_should = code == 2 and "Install the program that migrated it, or a newer one." in said
    return [] if as_it_should and "Traceback" not in said else [f"{' '.join(words)}: {code}: {said}"]


def test_every_program_refuses_a_newer_store(home: Path, services: dict[str, str]) -> None:
    """Given a store that a newer program has migrated, when API, relay and the commands that use it start,
    then each refuses with a sentence that says what to install, and nothing of it was changed."""
    version = execute(services["RAPPORT_ADMIN_URL"], "SELECT version_num FROM store.schema_version")[0][0]
    execute(services["RAPPORT_ADMIN_URL"], "UPDATE store.schema_version SET version_num = '9999'")
    try:
        wrong = [each for words in NEWER_STORE for each in refused(home, words)]
        found = execute(services["RAPPORT_ADMIN_URL"], "SELECT version_num FROM store.schema_version")
    finally:
        execute(services["RAPPORT_ADMIN_URL"], "UPDATE store.schema_version SET version_num = %s", (version,))
    assert wrong == []
    assert found == [("9999",)]


def test_every_program_refuses_a_newer_read_side(home: Path, services: dict[str, str]) -> None:
    """Given a read side that a newer program has migrated, when API, worker and migration start, then each
    refuses with the same sentence."""
    admin = services["RAPPORT_ADMIN_URL"]
    execute(admin, "INSERT INTO control.migration (number, name) VALUES (9999, '9999_later')")
    try:
        wrong = [each for words in NEWER_READ_SIDE for each in refused(home, words)]
    finally:
        execute(admin, "DELETE FROM control.migration WHERE number = 9999")
    assert wrong == []


def test_a_worker_refuses_an_older_read_side(home: Path, services: dict[str, str]) -> None:
    """Given a read side that was not migrated to this program's step, when a worker starts, then it says to
    migrate first."""
    admin = services["RAPPORT_ADMIN_URL"]
    ((number, name, at),) = execute(
        admin,
        "DELETE FROM control.migration WHERE number = (SELECT max(number) FROM control.migration)"
        " RETURNING number, name, run_at",
    )
    try:
        done = rapport(home, "projection", "run", "pipeline")
    finally:
        execute(
            admin,
            "INSERT INTO control.migration (number, name, run_at) VALUES (%s, %s, %s)",
            (number, name, at),
        )
    assert done.returncode == 2
    assert f"at step {number - 1}; this program needs step {number}. Run `rapport migrate`." in done.stderr


def test_the_read_role_of_the_installation_sees_the_views_alone(home: Path) -> None:
    line = next(
        line for line in (home / "rapport.env").read_text().splitlines() if "RAPPORT_READER_URL" in line
    )
    connection = psycopg2.connect(line.split("=", 1)[1].strip("'"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM read.opportunity")
            assert cursor.fetchall() == [(0,)]
        with connection, connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT count(*) FROM store.event")
    finally:
        connection.close()
