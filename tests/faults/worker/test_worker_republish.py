"""Topics are lost and restored under running workers: they go on by themselves, and apply nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extras import execute_values

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from consumers.relay.topic_survey import RepublishRefused
from tests.support.database import PARTITIONS
from tests.support.histories import long_history
from tests.support.kafka import SEALS, TOPICS
from tests.support.relaying import Relays, until
from tests.support.republishing import lose, republish, republish_killed, write
from tests.support.working import Workers

TOPIC = "crm.opportunity.v1"
MINUTE = 60.0


class Scene:
    """A store whose relay stops for each repair, and workers that never do."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.relays = Relays(workers.urls, workers.bootstrap, workers.logs)
        workers.key = self.relays.key
        self.rows: list[StoredRow] = []
        self._history = long_history(900).rows
        self._relay = self.relays.start()

    def record(self, count: int) -> None:
        """The next events of the history into the store, and from there into the topics."""
        part = self._history[len(self.rows) : len(self.rows) + count]
        with closing(psycopg2.connect(self.workers.urls.app)) as connection, connection:
            stored = execute_values(
                connection.cursor(),
                "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES %s"
                " RETURNING position",
                [(str(r.aggregate_id), r.version, r.type, str(r.party), r.event) for r in part],
                page_size=count,
                fetch=True,
            )
        self.rows += [row._replace(position=at) for row, (at,) in zip(part, stored, strict=True)]
        self.relays.until_published(MINUTE)

    def stop_relay(self) -> None:
        """As an operator does before a repair."""
        assert self.relays.stop(self._relay) == 0

    def start_relay(self) -> None:
        """And after it."""
        self._relay = self.relays.start()

    def until_shown(self) -> None:
        """Waits until every event is in the rows, and checks them."""
        self.workers.until_at(self.rows[-1].position, seconds=MINUTE)
        self.workers.check(self.rows)

    def mismatches(self) -> set[int]:
        """The partitions whose shares do not fit their seals."""
        return {s["partition"] for s in self.workers.shares() if s["state"] == "seal_mismatch"}


@pytest.fixture
def scene(workers: Workers) -> Iterator[Scene]:
    """A relay on the workers' store."""
    scene = Scene(workers)
    yield scene
    scene.relays.close()


def test_workers_go_on_after_lost_topics_were_restored(scene: Scene) -> None:
    """Given a topic, all topics, or the seals deleted and restored, when events come again, then a running
    worker and one started anew show each event once."""
    worker = scene.workers.start()
    for _ in range(3):
        scene.record(50)
    scene.until_shown()
    for lost in ((TOPIC,), (*TOPICS, SEALS), (SEALS,)):
        scene.stop_relay()
        lose(scene.relays.bootstrap, lost)
        used = {SEALS, *(f"crm.{row.type.split('.')[1]}.v1" for row in scene.rows)}
        assert {topic.name for topic in republish(scene.relays).topics} == used & set(lost)
        scene.start_relay()
        scene.record(50)
        scene.until_shown()
        assert worker.poll() is None
    assert scene.workers.stop(worker) == 0
    scene.workers.start("second")
    scene.record(50)
    scene.until_shown()
    assert scene.mismatches() == set()


def test_a_strangers_record_is_healed_by_deleting_and_restoring_its_topic(scene: Scene) -> None:
    """Given a record behind all others and at a position that is applied, its share does not fit any more;
    the others of its worker go on while it is tried again and again; and when its topic was deleted and
    restored, by a run that was killed and another, it goes on too. A record among the seals stops all."""
    worker = scene.workers.start()
    scene.record(100)
    scene.until_shown()
    first, last = scene.rows[0], scene.rows[-1]
    strange = (partition_of(last.party, PARTITIONS) + 1) % PARTITIONS
    applied = last.position.to_bytes(8, "big")
    write(scene.relays.bootstrap, [(TOPIC, strange, b"key", first.event, 0, {"position": applied})])
    until(lambda: scene.mismatches() == {strange}, "a mismatch shown", MINUTE)
    for _ in range(4):
        scene.record(50)
    for _ in range(3):
        scene.record(20)
        at = scene.rows[-1].position
        until(
            lambda at=at: sum(s["position"] == at for s in scene.workers.shares()) == 5,  # type: ignore[misc]
            "the others are there",
            MINUTE,
        )
    scene.stop_relay()
    with pytest.raises(RepublishRefused, match="Delete the topic"):
        republish(scene.relays, [TOPIC])
    lose(scene.relays.bootstrap, [TOPIC])
    republish_killed(scene.relays, "before the commit", 3)
    republish(scene.relays)
    scene.start_relay()
    scene.record(50)
    scene.until_shown()
    write(scene.relays.bootstrap, [(SEALS, 0, b"key", first.event, 0, {})])
    until(lambda: scene.mismatches() == set(range(PARTITIONS)), "all stand", MINUTE)
    assert "crm.seal.v1 partition 0: the record at offset" in scene.workers.shares()[0]["reason"]
    scene.stop_relay()
    lose(scene.relays.bootstrap, [SEALS])
    republish(scene.relays)
    scene.start_relay()
    scene.record(50)
    scene.until_shown()
    assert worker.poll() is None
