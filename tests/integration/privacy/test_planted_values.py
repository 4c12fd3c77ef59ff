"""Unmistakable values in every private field, looked for wherever this program leaves anything."""

from __future__ import annotations

import dataclasses
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import psycopg2
import pytest

from commands.store.roles import role_url
from consumers.rebuild.rebuild import begin
from consumers.rebuild.run import carry_on
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import DATABASE, LocalPostgres
from deploy.secrets import RANDOM
from deploy.settings import load
from deploy.wiring import http_api, processes, wiring
from domain.events.catalogue import CATALOGUE
from domain.events.private import METADATA
from projections.registry import PROJECTIONS
from projections.release.schema import install
from tests.support.backups import Backup, back_up
from tests.support.commanding import told
from tests.support.database import PASSWORDS
from tests.support.http import database, served
from tests.support.kafka import SEALS, TOPICS, delete_topics, read_committed
from tests.support.planting import (
    Needles,
    Planted,
    files_with,
    forget_files,
    holders,
    needles,
    plant_all,
    planted,
    tables,
)
from tests.support.read_side import normal, table_rows
from tests.support.rebuilding import next_of
from tests.support.relaying import until
from tests.support.store import execute

SHOWN = {"customer_360_v1.person"}
"""Where private values stand in clear, in the read side alone."""


@pytest.fixture(scope="module")
def read(services_folder: Path) -> Iterator[LocalPostgres]:
    """A PostgreSQL for the read side alone."""
    server = LocalPostgres(
        services_folder / "planted-read",
        durable=False,
        settings={"wal_recycle": "off", "min_wal_size": "32MB", "autovacuum": "off"},
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def here(
    postgres: LocalPostgres, read: LocalPostgres, kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planted]:
    """An installation with a database each for store, keys and read models."""
    delete_topics(kafka.bootstrap)
    home = tmp_path_factory.mktemp("planted")
    with database(postgres, "planted") as store, database(postgres, "planted_keys") as keys:
        keys_url = role_url(keys, "rapport_app", PASSWORDS["rapport_app"])
        more = {"keys_admin_url": keys, "keys_url": keys_url}
        with planted(home, store, read, kafka.bootstrap, **more) as installation:
            plant_all(installation)
            yield installation


@pytest.fixture(scope="module")
def backup(
    here: Planted, postgres: LocalPostgres, read: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Backup:
    """Of all three, from before anybody is erased."""
    until(here.caught_up, "every read model has everything", 60)
    databases = {"planted": postgres, "planted_keys": postgres, DATABASE: read}
    return back_up(tmp_path_factory.mktemp("backup"), databases)


@pytest.fixture(scope="module")
def before(here: Planted, backup: Backup) -> list[tuple[Any, ...]]:
    """Counts and money when that backup was made."""
    assert backup
    return totals(here)


def totals(here: Planted, version: int = 1) -> list[tuple[Any, ...]]:
    """Counts and money."""
    return execute(
        str(here.settings.read_admin_url),
        f"SELECT 'customers', count(*), 0 FROM customer_360_v{version}.customer UNION ALL "
        f"SELECT kind, count(*), sum(amount) FROM customer_360_v{version}.interaction GROUP BY 1 UNION ALL "
        f"SELECT stage, count(*), sum(amount) FROM pipeline_v{version}.opportunity GROUP BY 1 ORDER BY 1",
    )


@pytest.fixture(scope="module")
def wanted(here: Planted) -> Needles:
    return (*needles(here.secret), *needles(here.other))


def test_every_private_field_of_every_event_type_is_planted(here: Planted) -> None:
    """By the store's own bytes: what is private there is closed."""
    closed: set[tuple[str, str]] = set()
    for (event,) in execute(here.settings.need("admin_url"), "SELECT event FROM store.event"):
        envelope = orjson.loads(bytes(event))
        private = envelope["data"].get("private", {})
        for fields in (*private.get("persons", {}).values(), private.get("text", {}).get("fields", {})):
            closed |= {(envelope["type"], name) for name in fields}
    registered = {
        (kind.name, field.name)
        for kind in CATALOGUE.types
        for field in dataclasses.fields(kind.payload)
        if METADATA in field.metadata
    }
    assert closed == registered


def test_what_may_show_it_shows_it(here: Planted, wanted: Needles, read: LocalPostgres) -> None:
    """Otherwise nothing would be found anywhere, whatever leaks."""
    assert set(holders(tables(str(here.settings.read_admin_url)), wanted)) == SHOWN
    assert here.secret in here.client.get(f"/v1/leads/{here.ids['leads']}").text
    execute(str(here.settings.read_admin_url), "CHECKPOINT")
    assert files_with(read.data, here.secret)


def test_no_table_of_store_and_keys_holds_a_private_value(here: Planted, wanted: Needles) -> None:
    """Events, claims, contact index, idempotency rows, keys. Snapshots are off: there is no table of them."""
    assert holders(stored(here), wanted) == []
    assert here.wired.crm.snapshots is None


def test_no_table_and_no_topic_holds_a_key_of_the_secrets_folder(here: Planted) -> None:
    """Neither what wraps keys nor what signs seals stands where what it protects does."""
    keys = here.wired.secrets
    private = [keys.read(name) for name in RANDOM]
    spelled = tuple(text for key in private for text in (key, key.hex().encode(), b64encode(key)))
    places = stored(here) | tables(str(here.settings.read_admin_url)) | published(here)
    assert holders(places, spelled) == []
    assert holders({"folder": (keys.folder / "seal-key").read_bytes()}, spelled), (
        "what is looked for is a key"
    )


def stored(here: Planted) -> dict[str, bytes]:
    """Every row of store and keys."""
    found = tables(here.settings.need("admin_url")) | tables(str(here.settings.keys_admin_url))
    assert {"store.event", "store.idempotency", "store.contact_index", "keys.person_key"} <= set(found)
    return found


def test_no_record_of_any_topic_holds_a_private_value(here: Planted, wanted: Needles) -> None:
    assert holders(published(here), wanted) == []


def published(here: Planted) -> dict[str, bytes]:
    """Every record of every topic: key, headers and value."""
    records = read_committed(here.wired.kafka.bootstrap, (*TOPICS, SEALS))
    places = {f"{r.topic} {r.partition} {r.offset}": repr(r).encode() for r in records}
    assert len(places) > len(here.events())
    return places


def test_parked_events_hold_no_private_value(here: Planted, wanted: Needles) -> None:
    parked = tables(str(here.settings.read_admin_url))["control.held"]
    assert execute(str(here.settings.read_admin_url), "SELECT count(*) FROM control.held")[0][0] > 0
    assert holders({"parked": parked}, wanted) == []


def test_logs_metrics_and_errors_hold_no_private_value(here: Planted, wanted: Needles) -> None:
    log = here.log.getvalue()
    assert "POST /v1/customers 201" in log
    places = {"log": log.encode(), "metrics": here.metrics()}
    places |= {f"error {number}": text.encode() for number, text in enumerate(here.errors)}
    assert holders(places, wanted) == []


def test_no_file_of_store_keys_and_kafka_holds_a_private_value(
    here: Planted, postgres: LocalPostgres, kafka: LocalKafka
) -> None:
    execute(here.settings.need("admin_url"), "CHECKPOINT")
    for folder in (postgres.folder, kafka.folder, here.home):
        assert files_with(folder, here.secret, here.other) == []


def test_after_an_erasure_nothing_shows_it_and_no_file_holds_it(
    here: Planted, read: LocalPostgres, before: list[tuple[Any, ...]]
) -> None:
    """Customer and contact are one person's records, the lead another's; each erasure is certified, topics
    included."""
    for kind in ("customer", "lead"):
        words = ("privacy", "erase", kind, here.ids[f"{kind}s"], "--reason", "objection", "--yes")
        code, done, said = told(here.home, *words, "--legal-basis", "GDPR art. 17 (1) c")
        assert code == 0, said
        assert here.secret not in str(done) + str(said)
        here.erasures.append(UUID(done["erasure"]))
        until(here.caught_up, "every read model has heard of it", 60)
    here.wired.cipher.forget()  # as a minute does; it remembers keys for no longer

    nothing_shows_it(here, here.client)
    assert totals(here) == before
    forget_files(str(here.settings.read_admin_url))
    assert files_with(read.folder, here.secret) == []
    assert files_with(read.folder, here.other), "those that were not erased are still there"
    a_minute_passes(here)
    for erasure in here.erasures:
        file = here.home / f"{erasure}.json"
        code, issued, said = told(here.home, "privacy", "certificate", str(erasure), "--file", str(file))
        assert code == 0, said
        assert all(place["clean"] for place in issued["places"])
        (topics,) = [place["found"] for place in issued["places"] if place["place"] == "topics"]
        same, _, whole = topics.partition(" the same")[0].partition(" of ")
        assert int(same) == int(whole) > 3, topics
        assert "topics" not in issued["not_checked"][0]["place"]
        assert issued["kept"]
        assert holders({"file": file.read_bytes()}, needles(here.secret)) == []
        assert verified(here, erasure) == (0, [])


def a_minute_passes(here: Planted) -> None:
    """For which no process remembers a key; as the superuser can make it pass."""
    execute(
        str(here.settings.keys_admin_url),
        "SET session_replication_role = replica;"
        " UPDATE keys.person_key SET destroyed = destroyed - interval '2 minutes' WHERE state = 'destroyed'",
    )


def verified(here: Planted, erasure: UUID) -> tuple[int, list[str]]:
    """What `rapport privacy certificate --verify` says of it."""
    file = str(here.home / f"{erasure}.json")
    code, found, said = told(here.home, "privacy", "certificate", "--verify", file)
    assert found["store_asked"]
    return code, said


def nothing_shows_it(here: Planted, client: httpx.Client) -> None:
    """No row of the read models, no answer, no row of store and keys."""
    assert holders(tables(str(here.settings.read_admin_url)), needles(here.secret)) == []
    assert holders(stored(here), needles(here.secret)) == []
    for collection in ("customers", "contacts", "leads", "cases", "interactions"):
        answer = client.get(f"/v1/{collection}/{here.ids[collection]}")
        assert (answer.status_code, here.secret in answer.text) == (200, False), answer.text
        assert set(answer.json()["closed"].values()) == {"erased"}
    assert client.get("/v1/customers:search", params={"text": here.secret}).json()["hits"] == []


def test_a_full_rebuild_after_an_erasure_brings_nothing_back(
    here: Planted, read: LocalPostgres, before: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    """Given next versions of every read model, filled from the store as it is now, then they hold the rows
    that were folded as things happened, and no file of theirs holds what was erased."""
    admin, places = str(here.settings.read_admin_url), processes.rebuild_endpoints(here.wired)
    following = [next_of(projection, tmp_path) for projection in PROJECTIONS]
    install(places.owner_url, [*PROJECTIONS, *following], partitions=here.settings.partitions)
    for projection in following:
        begin(projection, places, by="test")
        assert carry_on(projection, places, workers=1).state == "catching_up"
    with closing(psycopg2.connect(admin)) as connection:
        for now, then in zip(following, PROJECTIONS, strict=True):
            assert normal(table_rows(connection, now)) == normal(table_rows(connection, then)), then.title
    assert totals(here, version=2) == before
    assert holders(tables(admin), needles(here.secret)) == []
    forget_files(admin)
    assert files_with(read.folder, here.secret) == []
    assert holders({"log": here.log.getvalue().encode()}, needles(here.secret)) == []


@contextmanager
def another_api(here: Planted) -> Iterator[tuple[wiring.Wiring, httpx.Client]]:
    """As a process has it that starts now."""
    with (
        wiring.Wiring(load(home=here.home)) as wired,
        served(http_api.services(wired, threading.Event())) as address,
        httpx.Client(base_url=address, headers=here.client.headers, timeout=30) as client,
    ):
        yield wired, client


def test_restored_from_before_the_erasure_nothing_of_it_is_given_and_all_is_forgotten_again(
    here: Planted, read: LocalPostgres, backup: Backup, before: list[tuple[Any, ...]]
) -> None:
    """The last test. Given dumps of the keys alone, then of store, keys and read models, from before the
    erasure and put back, then it could be read, and no API that starts gives it; keys are destroyed again,
    the erasures come back from the topics, workers come to them again, and no file holds what was erased."""
    admin, customer = str(here.settings.read_admin_url), UUID(here.ids["customers"])
    here.stop()
    backup.restore("planted_keys")
    for erasure in here.erasures:
        code, (only,) = verified(here, erasure)
        assert (code, "are there again" in only) == (1, True), only
    with another_api(here) as (wired, client):
        registered = wired.crm.streams([customer])[customer][0].payload
        assert here.secret in registered.name, "the keys are back"
        nothing_shows_it(here, client)

    for name in backup.databases:
        backup.restore(name)
    assert set(holders(tables(admin), needles(here.secret))) == SHOWN, "the rows are back"
    code, recovered, said = told(here.home, "store", "recover")
    assert code == 0, said
    assert recovered["events"] > 0
    with another_api(here) as (_, client):
        refused = client.get(f"/v1/customers/{customer}/overview")
        assert (refused.status_code, here.secret in refused.text) == (503, False)
        assert "Erased persons still show in customer_360 version 1." in client.get("/readyz").text
        here.start()
        until(lambda: client.get("/readyz").status_code == 200, "the API is ready", 120)
        until(here.caught_up, "every read model has everything", 60)
        nothing_shows_it(here, client)
    assert totals(here) == before
    forget_files(admin)
    assert files_with(read.folder, here.secret) == []
    assert holders({"log": here.log.getvalue().encode()}, needles(here.secret)) == []
    code, audited, said = told(here.home, "audit", "verify")
    assert (code, audited["found"], audited["not_beside"]) == (0, 0, None), said
    assert [verified(here, erasure) for erasure in here.erasures] == [(0, [])] * 2
