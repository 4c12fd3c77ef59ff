"""Topics for tests: emptied, and read as any consumer of committed records would."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import ensure_topics
from domain.events.catalogue import CATALOGUE

FAMILIES = CATALOGUE.families
TOPICS = tuple(f"crm.{family}.v1" for family in FAMILIES)
SEALS = "crm.seal.v1"


class Record(NamedTuple):
    """One committed record. `position` is its header, None on a seal."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    timestamp: int
    headers: dict[str, bytes]

    @property
    def position(self) -> int | None:
        position = self.headers.get("position")
        return int.from_bytes(position, "big") if position is not None else None


def delete_topics(bootstrap: str) -> None:
    """Deletes all our topics and returns when the broker no longer knows them."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        there = [name for name in admin.list_topics() if name.startswith("crm.")]
        if there:
            admin.delete_topics(there)
        deadline = time.monotonic() + 10
        while any(name.startswith("crm.") for name in admin.list_topics()):
            assert time.monotonic() < deadline, "the topics are still there"
            time.sleep(0.02)
    finally:
        admin.close()


def make_topics(bootstrap: str, partitions: int = 6) -> None:
    """Makes the topics of all families, and the seals'."""
    ensure_topics(KafkaAddress(bootstrap=bootstrap), FAMILIES, partitions)


def read_committed(bootstrap: str, topics: Iterable[str] = (*TOPICS, SEALS)) -> list[Record]:
    """Every committed record of these topics from the beginning, partition by partition, in order."""
    return read(bootstrap, topics, "read_committed")


def read(bootstrap: str, topics: Iterable[str], isolation: str, seconds: float = 30.0) -> list[Record]:
    """Every record with that isolation level; reading may take so many seconds."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    try:
        parts = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        if not parts:
            return []
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        found: list[Record] = []
        deadline = time.monotonic() + seconds
        while any(consumer.position(part) < ends[part] for part in parts):
            assert time.monotonic() < deadline, "the ends of the topics were not reached"
            for records in consumer.poll(timeout_ms=200, max_records=10_000).values():
                found += [
                    Record(r.topic, r.partition, r.offset, r.key, r.value, r.timestamp, dict(r.headers))
                    for r in records
                ]
        return sorted(found, key=lambda record: record[:3])
    finally:
        consumer.close(autocommit=False)
