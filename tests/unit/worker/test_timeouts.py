"""What does not answer is tried again after pauses that grow, whatever else goes well meanwhile."""

from __future__ import annotations

import time
from typing import Any, cast

import psycopg2
import pytest

from consumers.kafka.address import KafkaAddress
from consumers.worker.group import Group
from consumers.worker.partition_buffer import SEAL_PLACE
from consumers.worker.timeouts import Backoff, Timeouts
from consumers.worker.worker import Worker
from domain.events.catalogue import CATALOGUE
from projections.control.shares import KEYS, WAITING, Checkpoint, Share
from projections.registry import named
from tests.support.topics_in_memory import KEY


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    backoff = Backoff(3.0)
    assert [backoff.pause() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.clear()
    assert backoff.pause() == 0.5
    assert Backoff(0.2).pause() == 0.2


class Database:
    """Connection, cursor and heartbeats of a database that answers."""

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None: ...

    def cursor(self) -> Database:
        return self

    def tend(self, _c: object, owned: dict[int, int], _rate: float) -> tuple[set[int], int]:
        """Nothing is lost, nothing to be had."""
        return set(owned), len(owned)

    def let_go(self, _c: object, _owned: object) -> None: ...

    def report(self, _c: object, _owned: object, _state: str, _reason: str) -> None: ...


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """With a share, on a database that answers."""
    made = Worker(
        named("pipeline"),
        read_url="",
        address=KafkaAddress(bootstrap=""),
        registry=CATALOGUE,
        public_key=KEY.public_key(),
    )
    monkeypatch.setattr(made, "_shares", Database())
    made._groups.add(Share(0, 1, Checkpoint()))
    monkeypatch.setattr(made._groups.main.reporter, "_shares", Database())
    return made


def waited(worker: Worker, group: Group, state: str) -> float:
    """How long the group rests after one more failure, while heartbeats go on as they do."""
    database = cast(Any, Database())
    worker._wait(database, group, state, OSError("no answer"))
    rests = group.rests_until - time.monotonic()
    worker._tend(database)
    return round(rests, 1)


@pytest.mark.parametrize("state", [WAITING, KEYS])
def test_heartbeats_that_go_well_do_not_shorten_the_pauses(worker: Worker, state: str) -> None:
    """The database answers; what is waited for does not."""
    group = worker._groups.main
    assert [waited(worker, group, state) for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


class Heard:
    """A reader that hears something."""

    def poll(self, _seconds: float) -> dict[Any, list[Any]]:
        return {SEAL_PLACE: []}

    def show(self, _offsets: object) -> None: ...

    def read_to(self, _places: object) -> dict[Any, int]:
        return {}

    def ends(self, _places: object) -> dict[Any, int]:
        return {}


def test_a_pause_is_short_again_only_after_what_was_waited_for_answered(worker: Worker) -> None:
    """A broker that is heard says nothing of the key store, which is done with when a batch is committed."""
    group = worker._groups.main
    for state in (WAITING, KEYS):
        assert [waited(worker, group, state) for _ in range(3)] == [0.5, 1.0, 2.0]
    group.reader, group._assembler = cast(Any, Heard()), group._new_assembler()
    assert group.read(0.0)
    assert (waited(worker, group, WAITING), waited(worker, group, KEYS)) == (0.5, 4.0)
    worker._groups.moved({0: Checkpoint()})
    assert waited(worker, group, KEYS) == 0.5


def test_sessions_that_end_at_once_do_not_shorten_the_databases_pauses(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it lets us in, and then has no room to write."""
    pauses: list[float] = []

    class Stop:
        def is_set(self) -> bool:
            return len(pauses) == 5

        def wait(self, seconds: float) -> None:
            pauses.append(seconds)

    def session(_stop: object) -> None:
        worker._forget_everything()
        worker._tend(cast(Any, Database()))
        raise psycopg2.OperationalError("no space left on device")

    monkeypatch.setattr(worker, "_session", session)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.set_threshold", lambda *_: None)
    worker.run(cast(Any, Stop()))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0]
    monkeypatch.setattr(worker, "_began", time.monotonic() - Timeouts().lease - 1)
    worker._tend(cast(Any, Database()))
    assert worker._backoff.pause() == 0.5, "a session that lasts is a sign of health"
