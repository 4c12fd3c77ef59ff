"""Rotating the key-encryption key on PostgreSQL, while others read and make keys; killed in the middle."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from uuid import UUID, uuid4

import psycopg2
import pytest

from commands.privacy.kek import FileKek, KekUnknown, KeyEncryptionKey
from commands.privacy.keyring import Keyring
from commands.privacy.keys import DESTROYED, KeyName, PostgresKeyStore, Retention
from commands.privacy.rotation import RotationRefused, RotationStatus, rotating
from deploy.local.postgres import LocalPostgres
from tests.support.database import Urls, migrated, new_store
from tests.support.store import execute, session

OLD, NEW = FileKek(b"o" * 32), FileKek(b"n" * 32)
BOTH = Keyring.of(OLD, NEW)
MARCH = Retention("case", "2026-03")
TIMEOUT_SECONDS = 60.0


@pytest.fixture
def urls(postgres: LocalPostgres) -> Iterator[Urls]:
    with new_store(postgres) as urls:
        yield urls


@contextmanager
def keys(url: str, *keks: KeyEncryptionKey) -> Iterator[PostgresKeyStore]:
    with closing(PostgresKeyStore(url, Keyring.of(*keks))) as store:
        yield store


def used(urls: Urls) -> dict[str, int]:
    """How many rows name which key-encryption key; destroyed ones none."""
    return dict(
        execute(
            urls.admin,
            "SELECT kek, count(*) FROM (SELECT kek FROM keys.person_key WHERE state = 'active'"
            " UNION ALL SELECT kek FROM keys.retention_key WHERE state = 'active') AS k GROUP BY kek",
        )
    )


class Others:
    """A worker that reads, and an API that reads and makes keys, both started before the rotation with the
    old key alone; `folder` is what they read again."""

    def __init__(self, urls: Urls, known: dict[KeyName, object], folder: list[KeyEncryptionKey]) -> None:
        self._urls, self._known, self._folder = urls, known, folder
        self._stop = threading.Event()
        self.made: list[UUID] = []
        self.turns = 0

    def read(self) -> None:
        with closing(PostgresKeyStore(self._urls.worker, Keyring(lambda: self._folder))) as store:
            while not self._stop.is_set():
                assert store.find(list(self._known)) == self._known
                self.turns += 1

    def make(self) -> None:
        with closing(PostgresKeyStore(self._urls.app, Keyring(lambda: self._folder))) as store:
            while not self._stop.wait(0.01):
                person = uuid4()
                made = store.ensure([person])
                assert store.find([person]) == made
                self.made.append(person)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Raises what they met."""
        with ThreadPoolExecutor(2) as threads:
            running = [threads.submit(self.read), threads.submit(self.make)]
            try:
                yield
            finally:
                self._stop.set()
            for each in running:
                each.result(TIMEOUT_SECONDS)

    def wait(self) -> None:
        """Until each has done something more."""
        made, turns = len(self.made), self.turns
        done = threading.Event()
        for _ in range(int(TIMEOUT_SECONDS / 0.02)):
            if len(self.made) > made + 1 and self.turns > turns + 1:
                return
            done.wait(0.02)
        raise AssertionError("they stand still")


def test_a_rotation_killed_in_the_middle_goes_on_and_nobody_notices(urls: Urls) -> None:
    """Given many keys, readers and makers that were started with the old key, when a rotation is killed -9 in
    the middle and run again, then nobody fails at any moment, all keys are what they were, each is wrapped
    with the new one alone, what was destroyed stays so, and the end is recorded once with all that were."""
    folder: list[KeyEncryptionKey] = [OLD]
    with ExitStack() as stack:
        first = stack.enter_context(keys(urls.app, OLD))
        persons: list[KeyName] = [uuid4() for _ in range(400)]
        known: dict[KeyName, object] = {**first.ensure([*persons, MARCH, Retention("case", "2026-04")])}
        gone = uuid4()
        first.ensure([gone])
        folder.append(NEW)
        others = Others(urls, known, folder)
        stack.enter_context(others.at_work())
        others.wait()
        process = subprocess.Popen(
            [
                sys.executable, "-m", "tests.support.rotating_process", urls.app,
                (b"o" * 32).hex(), (b"n" * 32).hex(), "50", "4",
            ],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("150 of ")
        others.wait()
        process.kill()
        process.wait()
        process.stdout.close()
        assert set(used(urls)) == {OLD.id, NEW.id}
        first.destroy(gone)

        recorded: list[RotationStatus] = []
        told: list[tuple[int, int]] = []
        with rotating(urls.app, BOTH) as rotation:
            before = rotation.status()
            assert before.under_way
            with pytest.raises(RotationRefused, match="under way"):
                rotation.begin(lambda _: OLD, uuid4())
            rotation.rewrap(lambda done, whole: told.append((done, whole)))
            for fails in (True, False):

                def record(standing: RotationStatus, fails: bool = fails) -> None:
                    recorded.append(standing)
                    if fails:
                        raise OSError("the store is away")

                if fails:
                    with pytest.raises(OSError, match="away"):
                        rotation.finish(record)
                else:
                    done = rotation.finish(record)
        others.wait()
    assert told[0][0] == 150
    assert told[-1][0] == told[-1][1] == done.rewrapped
    assert (done.previous, done.current, done.left, done.under_way) == (OLD.id, NEW.id, 0, False)
    assert [each.rotation for each in recorded] == [before.rotation] * 2
    assert all(each.under_way for each in recorded)
    assert set(used(urls)) == {NEW.id}
    assert used(urls)[NEW.id] == len(known) + len(others.made)
    with keys(urls.app, NEW) as after:
        assert after.find([*known, gone]) == {**known, gone: DESTROYED}


def test_a_new_key_is_never_wrapped_with_a_former_one(urls: Urls) -> None:
    """Given a process that has made keys with the old one, and one that is just making some, when another
    becomes the current one, then that waits for the second, the first goes on with the new one, and what only
    knows the old one gets a message."""
    jane, john = uuid4(), uuid4()
    with keys(urls.app, OLD, NEW) as running, keys(urls.app, OLD) as behind:
        running.ensure([jane])
        behind.ensure([MARCH])
        with session(urls.app) as making, rotating(urls.app, BOTH) as rotation, ThreadPoolExecutor(1) as own:
            with making.cursor() as c:
                c.execute(
                    "INSERT INTO keys.person_key (person, wrapped, kek) VALUES (%s, 'x', %s)",
                    (str(john), OLD.id),
                )
            begun = own.submit(rotation.begin, lambda _: NEW, uuid4())
            for _ in range(int(TIMEOUT_SECONDS / 0.02)):
                if execute(urls.admin, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                    break
                assert not begun.done()
                threading.Event().wait(0.02)
            making.rollback()
            begun.result(TIMEOUT_SECONDS)
            with pytest.raises(psycopg2.Error) as refused:
                execute(
                    urls.app,
                    "INSERT INTO keys.person_key (person, wrapped, kek) VALUES (%s, 'x', %s)",
                    (str(john), OLD.id),
                )
            assert refused.value.pgcode == "55R02"
            running.ensure([john])
            with pytest.raises(KekUnknown, match="RAPPORT_KEK"):
                behind.ensure([uuid4()])
            assert used(urls) == {OLD.id: 2, NEW.id: 1}
            rotation.rewrap(lambda _done, _whole: None)
            rotation.finish(lambda _: None)
            with pytest.raises(RotationRefused, match="current one already"):
                rotation.begin(lambda _: NEW, uuid4())
        with pytest.raises(KekUnknown, match="Put the key file `kek` back"):
            behind.find([jane])
    assert used(urls) == {NEW.id: 3}


def test_the_first_key_says_which_one_is_current_and_older_stores_are_asked(urls: Urls) -> None:
    """Given an empty key store, when two that begin with different ones make keys at once, then both end up
    with one; an older key store is brought to the one that it uses; without a key there is nothing to do."""
    with rotating(urls.app, BOTH) as rotation, pytest.raises(RotationRefused, match="no wrapped key"):
        rotation.begin(lambda _: NEW, uuid4())
    with keys(urls.app, OLD, NEW) as one, keys(urls.app, NEW, OLD) as two, ThreadPoolExecutor(2) as own:
        for made in [own.submit(each.ensure, [uuid4() for _ in range(20)]) for each in (one, two)]:
            made.result(TIMEOUT_SECONDS)
    ((current,),) = execute(urls.admin, "SELECT id FROM keys.kek")
    assert used(urls) == {current: 40}
    for statement in (
        "DROP TABLE keys.kek",
        "DROP FUNCTION keys.refuse_other_kek() CASCADE",
        "UPDATE keys.schema_version SET version_num = '0001'",
    ):
        execute(urls.admin, statement)
    migrated(urls.admin)
    ((found, is_current, over),) = execute(
        urls.admin, "SELECT id, current, finished IS NOT NULL FROM keys.kek"
    )
    assert (found, is_current, over) == (current, True, True)
