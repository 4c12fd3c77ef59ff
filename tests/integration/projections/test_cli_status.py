"""`relay status`, `projection status`, `doctor`: where all stands, while a service is away and while not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from deploy.first_key import service_account
from deploy.local.kafka import LocalKafka
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.settings import load
from deploy.wiring import processes, wiring
from projections.registry import PROJECTIONS
from tests.support.commanding import run, shared_passwords, told
from tests.support.http import database
from tests.support.kafka import delete_topics


@pytest.fixture(scope="module")
def admin(postgres: LocalPostgres) -> Iterator[str]:
    """A database of the module's own; the superuser's URL."""
    with database(postgres, "cli_status") as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, admin: str, kafka: LocalKafka) -> Path:
    """An installation with one event in the store; nothing of it runs."""
    delete_topics(kafka.bootstrap)
    folder = tmp_path_factory.mktemp("home")
    shared_passwords(folder)
    services = {"RAPPORT_ADMIN_URL": admin, "RAPPORT_KAFKA_BOOTSTRAP": kafka.bootstrap}
    code, said = run(folder, "migrate", **services)
    assert code == 0, said
    with wiring.Wiring(load(home=folder)) as wired:
        service_account(wired.commands, "somebody")
    return folder


def execute(url: str, statement: str, *values: Any) -> None:
    """One statement as superuser."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def nobody() -> str:
    """An address where nothing listens."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def database_away() -> dict[str, str]:
    """Settings whose databases do not answer."""
    url = f"postgresql://rapport_app:a-secret@{nobody()}/rapport"
    names = ("STORE", "KEYS", "RELAY", "WORKER", "READ", "READER")
    return {f"RAPPORT_{name}_URL": url for name in names}


def wrong(checks: list[dict[str, Any]]) -> set[str]:
    """The names of the checks that found something."""
    return {check["check"] for check in checks if not check["ok"]}


def test_before_anything_runs_it_says_what_to_start(home: Path) -> None:
    code, relay, findings = told(home, "relay", "status")
    assert (code, relay["state"], relay["head"]) == (1, "none", 1)
    assert findings == ["No relay has run on this store yet. Start one with `rapport relay run`.  "]

    code, rows, findings = told(home, "projection", "status")
    assert code == 1
    assert {(row["projection"], row["state"], row["lag_events"]) for row in rows} == {
        (projection.name, "never_started", 1) for projection in PROJECTIONS
    }
    assert all("`rapport projection run " in finding for finding in findings)


def test_the_doctor_finds_what_does_not_run_and_all_else_in_order(home: Path) -> None:
    code, checks, findings = told(home, "doctor", RAPPORT_API_PORT=str(free_port()))

    assert code == 1
    assert wrong(checks) == {"relay", "read models", "api"}
    assert any("rapport relay run" in finding for finding in findings)
    assert any("No API answers at http://127.0.0.1:" in finding for finding in findings)


def test_while_kafka_is_away_the_store_is_still_told_of(home: Path) -> None:
    away = {"RAPPORT_KAFKA_BOOTSTRAP": nobody()}

    code, relay, findings = told(home, "relay", "status", **away)
    assert (code, relay["head"], relay["lag_events"]) == (1, 1, 1)
    assert any(away["RAPPORT_KAFKA_BOOTSTRAP"] in finding for finding in findings)

    assert told(home, "projection", "status", **away)[1][0]["head"] == 1

    code, checks, findings = told(home, "doctor", **away)
    assert code == 1
    assert wrong(checks) >= {"kafka", "relay", "seals"}
    assert wrong(checks).isdisjoint({"event store", "keys", "roles", "key files"})
    (kafka_finding,) = [finding for finding in findings if "Kafka at" in finding]
    assert "RAPPORT_KAFKA_BOOTSTRAP" in kafka_finding


def test_while_the_database_is_away_each_says_so_without_its_password(
    home: Path, database_away: dict[str, str]
) -> None:
    code, relay, findings = told(home, "relay", "status", **database_away)
    assert (code, relay["state"], relay["head"]) == (1, "unknown", None)
    assert any("PostgreSQL at 127.0.0.1:" in finding for finding in findings)

    code, rows, findings = told(home, "projection", "status", **database_away)
    assert (code, rows) == (1, [])
    assert {finding.split(".")[0] for finding in findings} == {
        "PostgreSQL doesn't answer (event store)",
        "PostgreSQL doesn't answer (read side)",
    }

    code, checks, findings = told(home, "doctor", **database_away)
    assert code == 1
    assert wrong(checks) >= {"event store", "keys", "roles", "relay", "seals", "read models"}
    assert "kafka" not in wrong(checks)
    assert len([finding for finding in findings if "PostgreSQL doesn't answer" in finding]) == 1
    assert "a-secret" not in repr((relay, findings, checks))


def test_the_read_side_alone_can_be_away(home: Path, database_away: dict[str, str]) -> None:
    away = {"RAPPORT_READ_URL": database_away["RAPPORT_READ_URL"]}

    code, rows, findings = told(home, "projection", "status", **away)

    assert (code, rows) == (1, [])
    assert [finding.split(".")[0] for finding in findings] == ["PostgreSQL doesn't answer (read side)"]


def test_another_number_of_partitions_is_found_with_the_right_one(home: Path) -> None:
    code, checks, findings = told(home, "doctor", RAPPORT_PARTITIONS="12")

    assert code == 1
    assert {"event store", "kafka"} <= wrong(checks)
    assert any("Set RAPPORT_PARTITIONS=6." in finding for finding in findings)


def test_an_open_key_file_and_a_missing_one_are_found(home: Path) -> None:
    kek, token_key = home / "secrets" / "kek", home / "secrets" / "token-key"
    token_key.chmod(0o644)
    kek.rename(home / "kek.away")
    try:
        _, checks, findings = told(home, "doctor")
    finally:
        (home / "kek.away").rename(kek)
        token_key.chmod(0o600)

    assert "key files" in wrong(checks)
    assert any("/kek is missing" in finding for finding in findings)
    assert any(f"chmod 600 {token_key}" in finding for finding in findings)


def test_a_silent_relay_and_a_worker_that_died_are_found(home: Path, admin: str) -> None:
    """Marks that do not move: what the last relay and worker said is old."""
    execute(
        admin,
        "INSERT INTO store.relay (state, leader, position, rate, heartbeat)"
        " VALUES ('leading', 'gone:1', 0, 0, now() - interval '1 hour')",
    )
    execute(
        admin,
        "INSERT INTO control.worker (id, projection, version, host, pid, started, heartbeat, rate)"
        " VALUES (gen_random_uuid(), 'pipeline', 1, 'gone', 1, now(), now() - interval '1 hour', 0)",
    )
    try:
        _, relay, relay_findings = told(home, "relay", "status")
        _, rows, findings = told(home, "projection", "status")
    finally:
        execute(admin, "DELETE FROM store.relay")
        execute(admin, "DELETE FROM control.worker")

    assert relay["state"] == "silent"
    assert "said nothing for 36" in relay_findings[0]
    assert {row["projection"]: row["state"] for row in rows}["pipeline"] == "no_worker"
    assert any("`rapport projection run pipeline`" in finding for finding in findings)


def test_seals_that_contradict_each_other_are_found(home: Path, admin: str) -> None:
    """The topics of another store: as after pointing a restored database at the wrong broker."""
    store_id = "UPDATE store.setting SET value = to_jsonb(%s::text) WHERE name = 'store_id'"
    with wiring.Wiring(load(home=home)) as wired:
        here = told(home, "doctor")[1]
        assert "seals" not in wrong(here)
        other = psycopg2.connect(admin)
        with closing(other), other, other.cursor() as cursor:
            cursor.execute("SELECT value #>> '{}' FROM store.setting WHERE name = 'store_id'")
            mine = cursor.fetchall()[0][0]
        publish_one(wired)
        execute(admin, store_id, "00000000-0000-4000-8000-000000000001")
        try:
            _, checks, findings = told(home, "doctor")
        finally:
            execute(admin, store_id, mine)
    assert "seals" in wrong(checks)
    assert any("The topics hold the events of another store" in finding for finding in findings)


def publish_one(wired: wiring.Wiring) -> None:
    """Runs the relay until it has published the one event."""
    stop = threading.Event()
    relaying = threading.Thread(target=processes.relay(wired).run, args=(stop,))
    relaying.start()
    try:
        for _ in range(200):
            if (
                wired.seals().last() is not None
                and told(wired.settings.home, "relay", "status")[1]["published"]
            ):
                return
            stop.wait(0.1)
        raise AssertionError("nothing was published in 20 s")
    finally:
        stop.set()
        relaying.join()
