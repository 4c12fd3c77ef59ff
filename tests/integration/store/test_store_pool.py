"""The pool: bounded, waiting, healing, never handing out a transaction that somebody left open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from commands.store.pool import Pool, PoolBusy
from tests.support.store import execute


@pytest.fixture
def pool(fresh_database: str) -> Iterator[Pool]:
    pool = Pool(fresh_database, 2, wait=0.3)
    yield pool
    pool.close()


def backend(pool: Pool) -> int:
    with pool.connection() as opened, opened.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchall()[0][0])


def test_a_connection_is_used_again(pool: Pool) -> None:
    """Given a connection given back, when the next is requested, then it is the same one."""
    assert backend(pool) == backend(pool)


def test_who_finds_none_free_waits_and_is_told(pool: Pool) -> None:
    """Given both connections in use, when a third is requested, then it comes as soon as one is free; when
    none becomes free in time, a sentence says so."""
    with pool.connection(), pool.connection(), pytest.raises(PoolBusy, match="All 2 database connections"):
        backend(pool)
    release = threading.Event()

    def hold() -> None:
        with pool.connection():
            release.wait(5)

    with ThreadPoolExecutor(2) as threads:
        borrowed = [threads.submit(hold) for _ in range(2)]
        threading.Timer(0.1, release.set).start()
        assert backend(pool)
        for one in borrowed:
            one.result()


def test_a_connection_the_server_closed_is_replaced(pool: Pool, fresh_database: str) -> None:
    """Given idle connections whose sessions the server ended, as at a restart, when one is requested, then
    a new one comes, and nobody sees an error."""
    first = backend(pool)
    execute(
        fresh_database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert backend(pool) != first


def test_a_transaction_left_open_is_not_handed_on(pool: Pool) -> None:
    """Given someone who goes in the middle of a transaction, when the next comes, then it has a connection
    without it, and nothing of that transaction is left."""
    with pool.connection() as opened, opened.cursor() as cursor:
        opened.autocommit = False
        cursor.execute("CREATE TABLE left_open (a int)")
    with pool.connection() as opened, opened.cursor() as cursor:
        assert opened.autocommit
        cursor.execute("SELECT to_regclass('left_open')")
        assert cursor.fetchall() == [(None,)]


def test_a_closed_pool_keeps_nothing(pool: Pool, fresh_database: str) -> None:
    """Given a pool that is closed while a connection is in use, when that comes back, then it is closed."""
    with pool.connection():
        pool.close()
    left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    for _ in range(100):
        if execute(fresh_database, left) == [(1,)]:
            return
        threading.Event().wait(0.02)
    assert execute(fresh_database, left) == [(1,)]
