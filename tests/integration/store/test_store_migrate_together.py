"""Migrations as processes: eight at once, and one killed -9 in the middle, end in the same database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from commands.store.schema import STORE
from deploy.local.postgres import LocalPostgres
from projections.release.schema import install
from tests.support.database import PARTITIONS, migrated, new_database
from tests.support.store import execute, session

READ_SIDE = partial(install, partitions=PARTITIONS)
# All that a migration makes: relations with columns, rights and what is enforced; functions; what is fixed.
SHAPE = """
    WITH ours AS (
        SELECT oid, nspname FROM pg_namespace
         WHERE nspname NOT LIKE 'pg\\_%%' AND nspname NOT IN ('information_schema', 'public')
    ), made AS (
        SELECT nspname, 'relation', relname, (relkind, relowner::regrole)::text
          FROM pg_class JOIN ours ON ours.oid = relnamespace
        UNION ALL
        SELECT nspname, 'right', relname, acl::text
          FROM pg_class JOIN ours ON ours.oid = relnamespace, unnest(relacl) acl
        UNION ALL
        SELECT nspname, 'column', relname, (attname, atttypid::regtype, attnotnull, attidentity)::text
          FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN ours ON ours.oid = relnamespace
         WHERE attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT nspname, 'right to a column', relname, (attname, acl)::text
          FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN ours ON ours.oid = relnamespace,
               unnest(attacl) acl
        UNION ALL
        SELECT nspname, 'constraint', conrelid::regclass::text, pg_get_constraintdef(k.oid)
          FROM pg_constraint k JOIN ours ON ours.oid = connamespace
        UNION ALL
        SELECT nspname, 'trigger', relname, pg_get_triggerdef(t.oid)
          FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN ours ON ours.oid = relnamespace
         WHERE NOT tgisinternal
        UNION ALL
        SELECT nspname, 'function', proname, (proowner::regrole, prosrc)::text
          FROM pg_proc JOIN ours ON ours.oid = pronamespace
        UNION ALL
        SELECT 'store', 'row', 'version', version_num FROM store.schema_version
        UNION ALL
        SELECT 'keys', 'row', 'version', version_num FROM keys.schema_version
        UNION ALL
        SELECT 'control', 'row', 'step', (number, name)::text FROM control.migration
        UNION ALL
        SELECT 'control', 'row', 'share', (projection, version, partition, state)::text FROM control.share
        UNION ALL
        SELECT 'store', 'row', 'incarnation', (system_identifier, timeline)::text FROM store.incarnation
        UNION ALL
        SELECT 'store', 'row', 'setting', name FROM store.setting
    )
    SELECT * FROM made ORDER BY 1, 2, 3, 4
"""


@pytest.fixture(scope="module")
def shape(postgres: LocalPostgres) -> list[tuple[Any, ...]]:
    """What one migration, undisturbed, makes of an empty database."""
    with new_database(postgres) as url:
        migrated(url, read_side=READ_SIDE)
        made = execute(url, SHAPE)
    assert len(made) > 100
    return made


@contextmanager
def migrating(url: str, processes: int) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """That many processes, about to begin; they do when standard input is closed."""
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.support.migrator", str(processes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    with running:
        running.stdin.write(url + "\n")
        running.stdin.flush()
        pids = [int(running.stdout.readline()) for _ in range(processes)]
        try:
            yield running, pids
        finally:
            for pid in pids if running.poll() is None else ():
                os.kill(pid, signal.SIGKILL)


def test_eight_processes_at_once_migrate_once(fresh_database: str, shape: list[tuple[Any, ...]]) -> None:
    """Given an empty database, when eight processes migrate it at the same time, then one makes everything,
    all end well, they name one store, and what is there is what a single one makes."""
    with migrating(fresh_database, 8) as (running, _):
        said, _ = running.communicate(timeout=240)
        results = [json.loads(line) for line in said.splitlines()]
    assert running.returncode == 0
    assert sorted(result["new"] for result in results) == [False] * 7 + [True]
    assert {result["after"] for result in results} == {STORE.newest}
    assert len({result["store_id"] for result in results}) == 1
    assert execute(fresh_database, SHAPE) == shape


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("CREATE SCHEMA store AUTHORIZATION rapport_owner", "CREATE TABLE store.claim (n integer)"),
        ("SELECT", "CREATE SCHEMA keys"),
        ("SELECT", "CREATE SCHEMA pipeline_v1"),
    ],
    ids=["among the store's tables", "between store and keys", "among the read models"],
)
def test_one_that_is_killed_in_the_middle_leaves_nothing_in_the_way(
    fresh_database: str, shape: list[tuple[Any, ...]], given: str, held: str
) -> None:
    """Given a migration that was killed with -9 at that point, when the next one comes, then it waits
    for nothing but what the first has left running, and makes what an undisturbed one makes."""
    execute(fresh_database, given)
    with session(fresh_database) as other, migrating(fresh_database, 1) as (running, pids):
        with other.cursor() as cursor:
            cursor.execute(held)  # the migration will wait for this one, at that point
        assert running.stdin is not None
        running.stdin.close()
        wait_until_blocked(fresh_database)
        os.kill(pids[0], signal.SIGKILL)
        assert running.wait(60) != 0
        with ThreadPoolExecutor(1) as threads:
            again = threads.submit(migrated, fresh_database, read_side=READ_SIDE)
            other.rollback()
            again.result(240)
    assert execute(fresh_database, SHAPE) == shape


def wait_until_blocked(url: str) -> None:
    """Until a session in this database waits for another's lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 120
    while not execute(url, waiting):
        assert time.monotonic() < deadline, "no session waits: the migration did not come to that point"
        time.sleep(0.05)
