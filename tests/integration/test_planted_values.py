"""Unmistakable values in every private field, looked for wherever this program leaves anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from domain.events.catalogue import CATALOGUE
from domain.events.private import METADATA
from tests.support.commanding import run
from tests.support.http import database
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
from tests.support.relaying import query, until

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
    delete_topics(kafka.bootstrap)
    home = tmp_path_factory.mktemp("planted")
    with database(postgres, "planted") as store, planted(home, store, read, kafka.bootstrap) as installation:
        plant_all(installation)
        yield installation


@pytest.fixture(scope="module")
def wanted(here: Planted) -> Needles:
    return (*needles(here.secret), *needles(here.other))


def test_every_private_field_of_every_event_type_is_planted(here: Planted) -> None:
    """By the store's own bytes: what is private there is closed."""
    closed: set[tuple[str, str]] = set()
    for (event,) in query(here.settings.need("admin_url"), "SELECT event FROM store.event"):
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
    query(str(here.settings.read_admin_url), "CHECKPOINT")
    assert files_with(read.data, here.secret)


def test_no_table_of_store_and_keys_holds_a_private_value(here: Planted, wanted: Needles) -> None:
    """Events, claims, contact index, idempotency rows, keys."""
    assert holders(tables(here.settings.need("admin_url")), wanted) == []


def test_no_record_of_any_topic_holds_a_private_value(here: Planted, wanted: Needles) -> None:
    records = read_committed(here.wired.kafka.bootstrap, (*TOPICS, SEALS))
    places = {f"{r.topic} {r.partition} {r.offset}": repr(r).encode() for r in records}
    assert len(places) > len(here.events())
    assert holders(places, wanted) == []


def test_held_events_hold_no_private_value(here: Planted, wanted: Needles) -> None:
    held = tables(str(here.settings.read_admin_url))["control.held"]
    assert query(str(here.settings.read_admin_url), "SELECT count(*) FROM control.held")[0][0] > 0
    assert holders({"held": held}, wanted) == []


def test_logs_metrics_and_errors_hold_no_private_value(here: Planted, wanted: Needles) -> None:
    log = here.log.getvalue()
    assert "POST /v1/customers 201" in log
    places = {"log": log.encode(), "metrics": here.metrics()}
    places |= {f"error {number}": text.encode() for number, text in enumerate(here.errors)}
    assert holders(places, wanted) == []


def test_no_file_of_store_keys_and_kafka_holds_a_private_value(
    here: Planted, postgres: LocalPostgres, kafka: LocalKafka
) -> None:
    query(here.settings.need("admin_url"), "CHECKPOINT")
    for folder in (postgres.folder, kafka.folder, here.home):
        assert files_with(folder, here.secret, here.other) == []


def test_after_an_erasure_nothing_shows_it_and_no_file_holds_it(here: Planted, read: LocalPostgres) -> None:
    """The last test: customer and contact are one person's records, the lead another's."""
    admin = str(here.settings.read_admin_url)
    for kind in ("customer", "lead"):
        words = ("privacy", "erase", kind, here.ids[f"{kind}s"], "--reason", "objection", "--yes")
        code, said = run(here.home, *words, "--legal-basis", "GDPR art. 17 (1) c")
        assert code == 0, said
        assert here.secret not in said
    here.wired.cipher.forget()  # as a minute does; it remembers keys for no longer
    until(here.caught_up, "every read model has heard of it", 60)

    assert holders(tables(admin), needles(here.secret)) == []
    for collection in ("customers", "contacts", "leads", "cases", "interactions"):
        answer = here.client.get(f"/v1/{collection}/{here.ids[collection]}")
        assert (answer.status_code, here.secret in answer.text) == (200, False), answer.text
        assert set(answer.json()["closed"].values()) == {"erased"}
    assert here.client.get("/v1/customers:search", params={"text": here.secret}).json()["hits"] == []
    forget_files(admin)
    assert files_with(read.folder, here.secret) == []
    assert files_with(read.folder, here.other), "those that were not erased are still there"
