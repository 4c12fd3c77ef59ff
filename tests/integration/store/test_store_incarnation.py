"""The store's incarnation: on a server it does not know, or behind its topics, nothing is recorded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg2
import pytest

from commands.store.incarnation import RecoveryNeeded, check
from commands.store.pool import connect
from deploy.first_key import service_account
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.settings import load
from deploy.wiring import http_api, wiring
from tests.support.commanding import run, shared_passwords
from tests.support.database import Urls, migrated
from tests.support.http import database, served
from tests.support.relaying import append_events, until
from tests.support.store import execute

ELSEWHERE = (
    "INSERT INTO store.incarnation (system_identifier, timeline) SELECT 1, timeline FROM store.server()"
)
HERE = "INSERT INTO store.incarnation (system_identifier, timeline) SELECT * FROM store.server()"


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


def test_a_migrated_store_knows_its_server_whoever_asks(urls: Urls) -> None:
    for url in (urls.app, urls.relay, urls.worker, urls.admin):
        check(url)


@pytest.mark.parametrize("column", ["system_identifier", "timeline"])
def test_another_server_or_timeline_is_found_and_appends_nothing(urls: Urls, column: str) -> None:
    """Also by raw SQL, in a session that was made after the change."""
    append_events(urls.app, 1)
    execute(urls.admin, f"UPDATE store.incarnation SET {column} = {column} + 1")

    for url in (urls.app, urls.relay, urls.worker):
        with pytest.raises(RecoveryNeeded, match="run `rapport store recover`"):
            check(url)
    with pytest.raises(psycopg2.OperationalError, match="does not know this server") as refused:
        append_events(urls.app, 1)
    assert refused.value.pgcode == "55R01"
    assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(1,)]


def test_the_newest_incarnation_counts(urls: Urls) -> None:
    """Given a store that was elsewhere in between, then its first server is new to it once more."""
    execute(urls.admin, ELSEWHERE)
    with pytest.raises(RecoveryNeeded):
        check(urls.app)
    execute(urls.admin, HERE)
    check(urls.app)


def test_a_session_that_appended_before_goes_on(urls: Urls) -> None:
    """It is read once a session: none survives the restart that makes an incarnation."""
    with closing(connect(urls.app)) as opened, opened.cursor() as cursor:
        for known in (True, False):
            cursor.execute(
                "INSERT INTO store.event (aggregate_id, version, type, party, event)"
                " VALUES (%s, 1, 'crm.test.happened', %s, '')",
                (uuid4(), uuid4()),
            )
            if known:
                execute(urls.admin, ELSEWHERE)
    assert execute(urls.admin, "SELECT count(*) FROM store.event") == [(2,)]


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, postgres: LocalPostgres, kafka: LocalKafka
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    shared_passwords(folder)
    with database(postgres, "incarnation") as url:
        services = {"RAPPORT_ADMIN_URL": url, "RAPPORT_KAFKA_BOOTSTRAP": kafka.bootstrap}
        code, said = run(folder, "migrate", **services)
        assert code == 0, said
        yield folder


@contextmanager
def api(home: Path) -> Iterator[tuple[httpx.Client, str]]:
    """The API as it is wired, with a key for everything; and the superuser's URL."""
    settings = load(home=home)
    with wiring.Wiring(settings) as wired, served(http_api.services(wired, threading.Event())) as address:
        principal = service_account(wired.commands, f"tester {uuid4()}")
        _, key = wired.api_keys.create(principal, "test", ("crm:read", "crm:write"))
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            yield client, settings.need("admin_url")


@pytest.mark.parametrize(
    ("damage", "repair", "sentence"),
    [
        (ELSEWHERE, HERE, "is on a server or timeline that it does not know"),
        (
            "INSERT INTO store.relay (state, reason, heartbeat) VALUES ('recovery_needed',"
            " 'The store is behind, says the relay.', now())",
            "DELETE FROM store.relay",
            "The store is behind, says the relay.",
        ),
    ],
    ids=["another server", "behind the topics"],
)
def test_the_api_refuses_commands_and_goes_on_reading(
    home: Path, damage: str, repair: str, sentence: str
) -> None:
    with api(home) as (client, admin):
        made = client.post("/v1/customers", json={"kind": "organisation", "name": "Acme"})
        assert made.status_code == 201, made.text
        address = made.headers["location"]
        assert client.get("/readyz").status_code == 200

        execute(admin, damage)
        until(lambda: client.get("/readyz").status_code == 503, "it is not ready", 30)
        assert sentence in client.get("/readyz").json()["detail"]
        for refused in (
            client.post("/v1/customers", json={"kind": "organisation", "name": "Bolt"}),
            client.post(
                f"/v1/customers/{uuid4()}:assignOwner",
                json={"owner_id": str(uuid4())},
                headers={"If-Match": "*"},
            ),
        ):
            assert (refused.status_code, refused.json()["code"]) == (503, "recovery-needed"), refused.text
            assert refused.headers["retry-after"] == "30"
            assert sentence in refused.json()["detail"]
        assert client.get(address).status_code == 200

        execute(admin, repair)
        until(lambda: client.get("/readyz").status_code == 200, "it is ready again", 30)
        again = client.post("/v1/customers", json={"kind": "organisation", "name": "Bolt"})
        assert again.status_code == 201, again.text
