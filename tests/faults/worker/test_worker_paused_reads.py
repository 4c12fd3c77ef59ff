"""Reading your own write while a worker stands still: the read waits as long as it may, then says so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from commands.store.event_reader import EventReader
from tests.support.http import Api, problem, running
from tests.support.relaying import until
from tests.support.working import Publisher, Workers

LIST, BOARD = "/v1/opportunities", "/v1/pipelines/sales/board"
"""What needs `pipeline` and `identity`, and what needs `pipeline` alone."""


@dataclass
class Scene:
    """The API, a relay of its events by hand, and a worker for each of the two models."""

    api: Api
    workers: Workers
    publisher: Publisher
    published: int = field(default=0)

    def write(self) -> str:
        """Opens an opportunity and publishes what was recorded; the token."""
        token: str = self.api.open()["consistency_token"]
        with EventReader(self.workers.urls.relay) as follower:
            rows = follower.read(self.published, follower.high_water_mark(), limit=1000, max_bytes=1 << 24)
        self.publisher.publish(rows)
        self.published = rows[-1].position
        return token

    def read(self, path: str, token: str, wait_ms: int, on_timeout: str = "error") -> httpx.Response:
        """A read of that write."""
        return self.api.client.get(
            path,
            params={"wait_ms": wait_ms, "on_timeout": on_timeout},
            headers={"Consistency-Token": token},
        )


@pytest.fixture
def scene(workers: Workers) -> Iterator[Scene]:
    with running(workers.urls.admin) as api:
        publisher = Publisher(workers.bootstrap)
        yield Scene(api, workers, publisher)
        publisher.close()


def test_a_read_of_two_models_waits_for_the_one_whose_worker_stands_still(scene: Scene) -> None:
    workers = scene.workers
    workers.start("pipeline", projection="pipeline")
    paused = workers.start("identity", projection="identity")
    first = int(scene.write())
    for model in ("pipeline", "identity"):
        workers.until_at(first, model, seconds=60)
    assert scene.read(LIST, str(first), 0).status_code == 200

    paused.send_signal(signal.SIGSTOP)
    try:
        token = scene.write()
        workers.until_at(int(token), "pipeline", seconds=60)
        refused = scene.read(LIST, token, 200)
        assert token in problem(refused, 503, "not-yet-visible")["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.elapsed.total_seconds() >= 0.2
        stale = scene.read(LIST, token, 200, "stale")
        assert stale.status_code == 200, stale.text
        meta = stale.json()["meta"]
        stands = {model["projection"]: model for model in meta["models"]}
        assert (meta["stale"], meta["position"]) == (True, first)
        assert stands["pipeline"]["position"] >= int(token)
        assert (stands["identity"]["position"], stands["identity"]["lag"]["events"]) == (first, 1)
        alone = scene.read(BOARD, token, 0)
        assert alone.status_code == 200, "the board does without the model that stands still"
        assert not alone.json()["meta"]["stale"]
    finally:
        paused.send_signal(signal.SIGCONT)

    def seen() -> bool:
        return scene.read(LIST, token, 10_000).status_code == 200

    until(seen, "the write in the answer", 60)
    meta = scene.read(LIST, token, 0).json()["meta"]
    assert (meta["stale"], meta["position"] >= int(token)) == (False, True)
