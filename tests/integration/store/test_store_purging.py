"""Expired idempotency rows go, in batches, while the API runs; a database that is away is tried again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from commands.store import purge as purging
from commands.store.idempotency import Answer, Idempotency
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from projections.control import operations
from projections.release.schema import install
from tests.integration.api.test_cli_api import api, both
from tests.support.database import PARTITIONS, Urls, migrated
from tests.support.store import execute
from tests.support.upping import wait

PRINCIPAL = uuid4()
NOTED = "SELECT recorded FROM control.operation"
COUNT = "SELECT count(*) FROM store.idempotency"


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database, read_side=partial(install, partitions=PARTITIONS))


@pytest.fixture
def idempotency(urls: Urls) -> Iterator[Idempotency]:
    """With three rows that are expired and one that is not."""
    with closing(Pool(urls.app, 2)) as pool:
        keys, expired = Idempotency(pool, b"k" * 32), Idempotency(pool, b"k" * 32, expiry=timedelta(0))
        rows = [expired.row(PRINCIPAL, f"old {n}", b"", Answer(200)) for n in range(3)]
        rows.append(keys.row(PRINCIPAL, "new", b"", Answer(200)))
        PostgresApplicationRecorder(pool).insert_bulk([], idempotency=rows)
        yield keys


def test_a_round_removes_all_that_expired_batch_by_batch(
    urls: Urls, idempotency: Idempotency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more expired rows than a batch takes, when a round ends, then they are gone and no others."""
    monkeypatch.setattr(purging, "BATCH_ROWS", 2)
    batches: list[int] = []

    def purge(limit: int) -> int:
        batches.append(idempotency.purge(limit))
        return batches[-1]

    assert purging.purge_all(purge, threading.Event()) == 3
    assert batches == [2, 1]
    assert execute(urls.admin, COUNT) == [(1,)]


def test_the_api_tidies_up_as_soon_as_it_runs(urls: Urls, idempotency: Idempotency, tmp_path: Path) -> None:
    """Given expired rows, and an operator's act whose command was killed before it was recorded, when
    `rapport api` runs, then they go, and it is an event, once."""
    assert idempotency.find(PRINCIPAL, "new", b"") is not None
    with closing(psycopg2.connect(urls.owner)) as connection, connection, connection.cursor() as c:
        operations.note(c, "paused", "pipeline", 1, by="ann")
    with api(tmp_path, **both(urls.app)):
        wait(lambda: execute(urls.admin, COUNT) == [(1,)], 60, lambda: "expired rows stay")
        wait(lambda: execute(urls.admin, NOTED) == [(True,)], 60, lambda: "the act is only noted")
    assert execute(urls.admin, "SELECT type FROM store.event") == [("crm.readmodel.paused",)]


def test_a_database_that_is_away_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Given a database that does not answer twice, when it does again, then the round is made up for, and it
    goes on every so often."""
    rounds = 0
    done = threading.Event()

    def purge(limit: int) -> int:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise psycopg2.OperationalError("away")
        if rounds == 5:
            done.set()
        return 0

    with caplog.at_level(logging.INFO), purging.purging(purge, every=0.01, after_failure=0.01):
        assert done.wait(60)
    assert [r.levelname for r in caplog.records[:3]] == ["WARNING", "WARNING", "INFO"]
    assert not any(thread.name == "purging" for thread in threading.enumerate())
