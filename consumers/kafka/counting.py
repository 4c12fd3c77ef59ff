"""Counts the committed records of topics by reading them: what a subscriber who begins today would get."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from consumers.kafka.address import KafkaAddress

STALL_SECONDS: Final = 30.0


class TopicsUnread(Exception):
    """The topics could not be read to their end. Its text is a sentence for an operator."""


def count_committed(address: KafkaAddress, topics: Iterable[str]) -> dict[str, int]:
    """Committed records per topic, from the first offset to where each partition ended at the call.

    Control records and aborted transactions are not counted. A topic that is missing has none. Raises
    `TopicsUnread` when nothing comes for 30 s, and Kafka's own errors while the broker is away.
    """
    consumer = KafkaConsumer(
        **address.options(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=10_000,
    )
    try:
        counts = dict.fromkeys(topics, 0)
        existing = [name for name in counts if name in consumer.topics()]
        places = [
            TopicPartition(name, number)
            for name in existing
            for number in sorted(consumer.partitions_for_topic(name) or ())
        ]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        _count(consumer, ends, counts)
        return counts
    finally:
        consumer.close()


def _count(consumer: Any, ends: dict[Any, int], counts: dict[str, int]) -> None:
    deadline = time.monotonic() + STALL_SECONDS
    left = {place for place, end in ends.items() if end > 0}
    while left:
        for place, records in consumer.poll(timeout_ms=200).items():
            counts[place.topic] += sum(1 for record in records if record.offset < ends[place])
        # The position moves past control records too, which poll never hands out.
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
