"""Whole topics: every committed record from the first offset to where each partition ended at the call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from consumers.kafka.address import KafkaAddress
from domain.kernel.user_errors import FailureFound

STALL_SECONDS: Final = 30.0


class TopicsUnread(FailureFound):
    """The topics could not be read to their end. Its text is a sentence for an operator."""


def read_whole(address: KafkaAddress, topics: Iterable[str]) -> Iterator[tuple[str, int, list[Any]]]:
    """Yields `(topic, partition, records)`, each partition's records in order; memory stays flat.

    A record has `offset`, `key`, `value` and `headers`. It leaves out control records and aborted
    transactions; a missing topic has no records. Raises `TopicsUnread` when nothing comes for 30 s, and
    Kafka's own errors while the broker is away.
    """
    consumer: Any = KafkaConsumer(
        **address.options(),
        metrics_enabled=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=10_000,
        allow_auto_create_topics=False,
    )
    try:
        existing = consumer.topics()
        partitions = [
            TopicPartition(name, number)
            for name in topics
            if name in existing
            for number in sorted(consumer.partitions_for_topic(name) or ())
        ]
        if not partitions:
            return
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        yield from _until_the_end(consumer, consumer.end_offsets(partitions))
    finally:
        consumer.close(autocommit=False)


def _until_the_end(consumer: Any, ends: dict[Any, int]) -> Iterator[tuple[str, int, list[Any]]]:
    deadline = time.monotonic() + STALL_SECONDS
    left = {place for place, end in ends.items() if end > 0}
    while left:
        for place, records in consumer.poll(timeout_ms=200).items():
            yield place.topic, place.partition, [r for r in records if r.offset < ends[place]]
            deadline = time.monotonic() + STALL_SECONDS
        # The position moves past control records too, which poll never returns.
        passed = {place for place in left if consumer.position(place) >= ends[place]}
        if passed:
            left -= passed
            deadline = time.monotonic() + STALL_SECONDS
        elif time.monotonic() > deadline:
            names = ", ".join(sorted({place.topic for place in left}))
            raise TopicsUnread(
                f"{names} could not be read to the end: nothing more was committed for "
                f"{STALL_SECONDS:.0f} seconds. See `rapport relay status`."
            )
