"""The end of a topic: the last committed record of each partition, and with it the last committed seal."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from kafka import IsolationLevel, KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaTimeoutError

from consumers.kafka.address import KafkaAddress
from domain.events.seal import TOPIC as SEALS
from domain.events.seal import Seal, parse

FIRST_WINDOW: Final = 16
WIDEN: Final = 16


class Tail(NamedTuple):
    """The last committed record of a partition. `position` is from its header; None if it has none."""

    topic: str
    partition: int
    offset: int
    position: int | None
    value: bytes


def last_committed_seal(address: KafkaAddress, *, timeout: float = 10.0) -> Seal | None:
    """Returns the last committed seal; None if the seals' topic is empty or missing.

    It parses the seal and checks no signature. Raises `Undecodable` for a record that is no seal, and Kafka's
    own errors while the broker is away.
    """
    for tail in tails(address, [SEALS], timeout=timeout):
        return parse(tail.value)
    return None


def tails(address: KafkaAddress, topics: Iterable[str], *, timeout: float = 10.0) -> list[Tail]:
    """Returns the last committed record of each partition of these topics that has one.

    Markers and the records of aborted transactions have offsets too, but no reader gets them. So the search
    goes backwards, over windows that grow, until it finds a committed record or the beginning.
    """
    consumer = KafkaConsumer(
        **address.options(timeout=timeout),
        metrics_enabled=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        allow_auto_create_topics=False,  # a look must not make a missing topic
    )
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in sorted(set(topics))
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        if not partitions:
            return []
        consumer.assign(partitions)
        return _search(consumer, partitions, time.monotonic() + timeout)
    finally:
        consumer.close(autocommit=False)


def open_transactions(
    address: KafkaAddress, topics: Iterable[str], *, timeout: float = 10.0
) -> dict[tuple[str, int], int]:
    """Returns the partitions of these topics with an open transaction, each with the offset where it begins.

    Raises Kafka's own errors while the broker is away; a missing topic has none.
    """
    admin: Any = KafkaAdminClient(**address.options(timeout=timeout))
    try:
        latest = {
            TopicPartition(each["name"], part["partition_index"]): OffsetSpec.LATEST
            for each in admin.describe_topics(sorted(set(topics)))
            if each["error_code"] == 0
            for part in each["partitions"]
        }
        if not latest:
            return {}
        # In this order: a record that is written meanwhile without a transaction does not look like an open
        # one.
        ends = admin.list_partition_offsets(latest)
        stable = admin.list_partition_offsets(latest, isolation_level=IsolationLevel.READ_COMMITTED)
    finally:
        admin.close()
    return {
        (part.topic, part.partition): stable[part].offset
        for part in sorted(latest)
        if stable[part].offset < ends[part].offset
    }


def _search(consumer: Any, partitions: list[Any], deadline: float) -> list[Tail]:
    begins = consumer.beginning_offsets(partitions)
    ends = consumer.end_offsets(partitions)  # of committed records: where the first open transaction begins
    upto = {part: ends[part] for part in partitions if ends[part] > begins[part]}
    found: list[Tail] = []
    window = FIRST_WINDOW
    while upto:
        starts = {part: max(begins[part], end - window) for part, end in upto.items()}
        last = _last_in(consumer, starts, upto, deadline)
        found += last.values()
        upto = {part: start for part, start in starts.items() if part not in last and start > begins[part]}
        window *= WIDEN
    return sorted(found)


def _last_in(consumer: Any, starts: dict[Any, int], ends: dict[Any, int], deadline: float) -> dict[Any, Tail]:
    """Returns the last committed record of each partition from its start up to, not including, its end."""
    consumer.assign(list(starts))
    for part, start in starts.items():
        consumer.seek(part, start)
    last: dict[Any, Tail] = {}
    unread = set(starts)
    while unread:
        if time.monotonic() > deadline:
            raise KafkaTimeoutError(
                f"The end of {', '.join(sorted({p.topic for p in unread}))} did not come."
            )
        for part, records in consumer.poll(timeout_ms=200, max_records=10_000).items():
            for record in records:
                if record.offset < ends[part]:
                    last[part] = _tail(record)
        unread = {part for part in unread if consumer.position(part) < ends[part]}
    return last


def _tail(record: Any) -> Tail:
    position = dict(record.headers or ()).get("position")
    return Tail(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        position=int.from_bytes(position, "big") if position and len(position) == 8 else None,
        value=record.value or b"",
    )
