"""What was read is not what was sealed: the worker applies nothing of it, says where, and heals by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kafka import KafkaProducer

from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import partition_of
from consumers.relay.seals import seal_range
from tests.support.database import PARTITIONS
from tests.support.histories import long_history
from tests.support.kafka import delete_topics, make_topics
from tests.support.relaying import until
from tests.support.working import KEY, Publisher, Workers

TOPIC = "crm.opportunity.v1"


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics."""
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


def intrude(bootstrap: str, topic: str, partition: int, value: bytes, **headers: bytes) -> None:
    """Writes a record that no relay wrote."""
    producer: Any = KafkaProducer(**KafkaAddress(bootstrap=bootstrap).options())
    try:
        producer.send(topic, value, b"key", headers=list(headers.items()), partition=partition).get(10)
    finally:
        producer.close()


def mismatches(workers: Workers) -> dict[int, str]:
    """Partition to reason of the shares that do not fit their seals."""
    return {s["partition"]: s["reason"] for s in workers.shares() if s["state"] == "seal_mismatch"}


def test_a_strangers_record_stops_its_partition_and_no_other(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(400).rows
    publisher.publish(rows[:200], size=20)
    workers.start()
    workers.until_at(rows[199].position)
    # A copy of an event of ours, dressed up as the next position of its partition.
    intrude(workers.bootstrap, TOPIC, 2, rows[0].event, position=(rows[199].position + 1).to_bytes(8, "big"))
    publisher.publish(rows[200:], size=20)
    until(lambda: bool(mismatches(workers)), "a mismatch shown")
    until(lambda: sum(s["position"] == rows[-1].position for s in workers.shares()) == 5, "the others there")
    assert set(mismatches(workers)) == {2}
    assert f"{TOPIC} partition 2" in mismatches(workers)[2]
    assert workers.shares()[2]["position"] <= rows[199].position + 20
    # `identity` reads that topic too, and is not fooled either.
    workers.start("identity", projection="identity")
    until(lambda: any(s["state"] == "seal_mismatch" for s in workers.shares("identity")), "seen there too")


def test_a_topic_made_anew_and_filled_again_heals_it(workers: Workers, publisher: Publisher) -> None:
    """As `relay republish` does it: the same events under the same positions, at other offsets."""
    rows = long_history(300).rows
    publisher.publish(rows[:150], size=20)
    worker = workers.start()
    workers.until_at(rows[149].position)
    workers.stop(worker)
    intrude(workers.bootstrap, TOPIC, 1, b"{}")
    publisher.publish(rows[150:], size=20)
    workers.start("second")
    until(lambda: set(mismatches(workers)) == {1}, "a mismatch shown")
    assert "has no position" in mismatches(workers)[1]
    publisher.close()
    delete_topics(workers.bootstrap)
    make_topics(workers.bootstrap)
    # The seals are signed anew here, byte for byte the same but for their time: so publish the same records.
    again = Publisher(workers.bootstrap, "again")
    for part, record in publisher.sealed:
        again.send(part, record)
    again.close()
    workers.until_at(rows[-1].position)
    workers.check(rows)


def test_sealed_events_that_never_come_are_missed_by_name(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(200).rows
    publisher.publish(rows[:100], size=20)
    workers.start()
    workers.until_at(rows[99].position)
    at = next(n for n in range(119, 100, -1) if rows[n].type.startswith("crm.opportunity."))
    part = rows[100 : at + 1]
    seal = seal_range(
        part, publisher.last, store=UUID(int=5), partitions=PARTITIONS, key=KEY, now=datetime.now(UTC)
    )
    publisher.send(part[:-1], seal.record)
    lost = partition_of(part[-1].party, PARTITIONS)
    until(lambda: bool(mismatches(workers)), "a mismatch shown")
    assert set(mismatches(workers)) == {lost}
    assert f"{TOPIC} partition {lost}: sealed events are missing" in mismatches(workers)[lost]


def test_a_seal_by_another_key_is_refused_by_every_share(workers: Workers, publisher: Publisher) -> None:
    rows = long_history(100).rows
    publisher.publish(rows, size=20)
    workers.key = Ed25519PrivateKey.generate()
    workers.start()
    until(lambda: len(mismatches(workers)) == PARTITIONS, "all shares refuse")
    assert "crm.seal.v1 partition 0: the seal 1 names the key" in mismatches(workers)[0]
    assert workers.position() == 0
