"""Records into the client's batches, faster than `KafkaProducer.send` puts them there.

`send` formats a log line, looks up metadata, validates headers and takes the transaction's lock anew for each
record; that is half of its time, and more than reading, hashing and sealing take together. Here it is done
once for each partition of a transaction. This relies on the inside of kafka-python 3.0.12, whose version is
pinned; a test compares what arrives with what `send` sends.
"""

from __future__ import annotations

from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError

from consumers.kafka.topics import MESSAGE_LIMIT

Headers = list[tuple[str, bytes]]

LARGEST: Final = MESSAGE_LIMIT - 4096
"""Most bytes of a value: what a batch takes, less room for key, headers and the batch's own fields."""


class Gathering:
    """The records of one transaction after the other, of one producer."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._append = producer._accumulator.append
        self._wake = producer._sender.wakeup
        self._entered: dict[tuple[str, int], Any] = {}

    def begin(self) -> None:
        """A transaction begins: no partition takes part yet."""
        self._entered.clear()

    def put(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: Headers, timestamp: int
    ) -> Any:
        """The future of the record's acknowledgement. `timestamp` is in milliseconds since 1970.

        Raises Kafka's errors: for a partition that is not there, a value that is too large, a transaction
        that has failed.
        """
        place = self._entered.get((topic, partition)) or self._enter(topic, partition)
        if len(value) > LARGEST:
            raise MessageSizeTooLargeError(f"its {len(value):,} bytes are more than {LARGEST:,}")
        future, full, _, _ = self._append(place, timestamp, key, value, headers)
        if full:
            self._wake()
        return future

    def _enter(self, topic: str, partition: int) -> Any:
        """The partition, now taking part in the transaction."""
        if partition not in self._producer.partitions_for(topic):
            raise UnknownTopicOrPartitionError(f"{topic} has no partition {partition}")
        place = TopicPartition(topic, partition)
        self._producer._transaction_manager.maybe_add_partition_to_transaction(place)
        self._entered[topic, partition] = place
        return place
