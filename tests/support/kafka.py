"""Topics for tests: emptied, and read as any consumer of committed records would."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import ensure_topics, wanted
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
        _delete(admin, [name for name in admin.list_topics() if name.startswith("crm.")])
    finally:
        admin.close()


def empty_topics(bootstrap: str, partitions: int = 6) -> None:
    """Our topics and no others, empty, offsets from 0. Those that nobody wrote to stay: a test writes to few,
    and the broker has more work with making and deleting all than most tests give it."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        _delete(admin, _used(admin, wanted(FAMILIES, partitions)))
    finally:
        admin.close()
    make_topics(bootstrap, partitions)


def _used(admin: Any, fresh: Mapping[str, int]) -> list[str]:
    """Our topics but those that are as if they had just been made with these partitions."""
    there = {each["name"]: each for each in admin.describe_topics() if each["name"].startswith("crm.")}
    like_new = {
        name
        for name, each in there.items()
        if each["error_code"] == 0 and len(each["partitions"]) == fresh.get(name)
    }
    parts = [TopicPartition(name, number) for name in like_new for number in range(fresh[name])]
    ends = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST)) if parts else {}
    return sorted(there.keys() - like_new | {part.topic for part in parts if ends[part].offset > 0})


def _delete(admin: Any, names: Sequence[str]) -> None:
    if not names:
        return
    admin.delete_topics(names)
    deadline = time.monotonic() + 10
    while not set(names).isdisjoint(admin.list_topics()):
        assert time.monotonic() < deadline, "the topics are still there"
        time.sleep(0.02)


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


def repeated_seals(bootstrap: str) -> list[str]:
    """The records of the seals' topic that have the sequence of another one, for the report of a failed test:
    as a reader of committed records sees them, and as they lie there."""
    lines: list[str] = []
    for isolation in ("read_committed", "read_uncommitted"):
        seals = read(bootstrap, [SEALS], isolation)
        numbers = [orjson.loads(record.value)["sequence"] for record in seals]
        often = Counter(numbers)
        lines += [
            f"{isolation}: seal {number} at offset {record.offset}, {sha256(record.value).hexdigest()[:8]}"
            for number, record in zip(numbers, seals, strict=True)
            if often[number] > 1
        ]
    return lines
