"""The key store on PostgreSQL: one key however many make it, tombstones for ever, nothing in clear."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg2
import pytest

from commands.privacy.keys import DESTROYED, FileKek, KekProblem, Key, KeyName, PostgresKeyStore, Retention
from tests.support.database import Urls, migrated
from tests.support.store import execute

KEK = FileKek(b"k" * 32)
MARCH = Retention("note", "2026-03")


@pytest.fixture
def urls(fresh_database: str) -> Urls:
    return migrated(fresh_database)


@pytest.fixture
def keys(urls: Urls) -> Iterator[PostgresKeyStore]:
    keys = PostgresKeyStore(urls.app, KEK)
    yield keys
    keys.close()


def raw(state: object) -> bytes:
    assert isinstance(state, Key)
    return state.raw


def test_a_key_is_made_once_and_found_by_everybody(urls: Urls, keys: PostgresKeyStore) -> None:
    """Given names without keys, when they are ensured, then each gets its own, committed: another process
    and the worker's role find the same; what was not asked for is absent."""
    jane, john = uuid4(), uuid4()
    names: list[KeyName] = [jane, john, MARCH]
    made = keys.ensure(names)
    assert set(made) == set(names)
    assert len({raw(state) for state in made.values()}) == 3
    assert all(len(raw(state)) == 32 for state in made.values())
    assert keys.ensure(names) == made
    for url in (urls.app, urls.worker):
        other = PostgresKeyStore(url, KEK)
        assert other.find([*names, uuid4(), Retention("note", "2026-04")]) == made
        other.close()


def test_of_two_who_make_a_key_at_once_both_get_one(urls: Urls) -> None:
    """Given several processes that meet a new person at once, when each makes the key, then all have the
    same one: a value closed by any of them opens for all."""
    persons = [uuid4() for _ in range(40)]

    def make(_: int) -> dict[KeyName, bytes]:
        own = PostgresKeyStore(urls.app, KEK)
        try:
            return {name: raw(state) for name, state in own.ensure([*persons, MARCH]).items()}
        finally:
            own.close()

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(make, range(6)))
    assert all(one == found[0] for one in found)
    assert execute(urls.admin, "SELECT count(*) FROM keys.person_key") == [(40,)]


@pytest.mark.parametrize("made_before", [True, False])
def test_destroyed_is_for_ever(urls: Urls, keys: PostgresKeyStore, made_before: bool) -> None:
    """Given a key that was destroyed, made before or not, when it is ensured, destroyed again, or put back by
    hand, then it stays destroyed and nothing of it is in the row."""
    jane = uuid4()
    names: list[KeyName] = [jane, MARCH]
    if made_before:
        keys.ensure(names)
    for name in names:
        keys.destroy(name)
        keys.destroy(name)
    assert keys.ensure(names) == keys.find(names) == {jane: DESTROYED, MARCH: DESTROYED}
    assert execute(urls.admin, "SELECT wrapped, state FROM keys.person_key") == [(None, "destroyed")]
    for statement in (
        "UPDATE keys.person_key SET state = 'active', wrapped = 'x', destroyed = NULL",
        "DELETE FROM keys.person_key",
        "DELETE FROM keys.retention_key",
    ):
        with pytest.raises(psycopg2.errors.CheckViolation, match="destroyed"):
            execute(urls.admin, statement)


def test_an_active_key_is_never_deleted(urls: Urls, keys: PostgresKeyStore) -> None:
    """Given an active key, when its row is to be deleted, then that is refused: it would be made again."""
    keys.ensure([uuid4()])
    with pytest.raises(psycopg2.errors.CheckViolation, match="destroyed, never deleted"):
        execute(urls.admin, "DELETE FROM keys.person_key")


def test_no_key_stands_in_clear(urls: Urls, keys: PostgresKeyStore) -> None:
    """Given keys, when one reads the table, then none of them is in it."""
    made = keys.ensure([uuid4(), MARCH])
    tables = execute(
        urls.admin, "SELECT k::text FROM keys.person_key k UNION ALL SELECT r::text FROM keys.retention_key r"
    )
    for state in made.values():
        assert raw(state).hex() not in str(tables)


def test_another_kek_and_a_moved_row_are_told(urls: Urls, keys: PostgresKeyStore) -> None:
    """Given wrapped keys, when the program has another key-encryption key, or a row was changed to another
    person's, then a sentence says so instead of a wrong key."""
    jane, john = uuid4(), uuid4()
    keys.ensure([jane, john])
    other = PostgresKeyStore(urls.app, FileKek(b"o" * 32))
    with pytest.raises(KekProblem, match="Put the key file `kek` back"):
        other.find([jane])
    other.close()
    execute(
        urls.admin,
        "UPDATE keys.person_key SET wrapped = (SELECT wrapped FROM keys.person_key WHERE person = %s)"
        " WHERE person = %s",
        (str(jane), str(john)),
    )
    assert keys.find([jane])
    with pytest.raises(KekProblem, match="changed in the database"):
        keys.find([john])
