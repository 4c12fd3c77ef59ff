"""Puts records into the client's batches, several times faster than `KafkaProducer.send` does.

`send` formats a log line, looks up metadata, validates, measures and encodes each record field by field,
makes a future for it, and takes several locks: most of a relay's time. Here a batch's records are encoded in
one tight loop, and the batch is handed to the client whole, with one outcome for all of its records;
compressing, checksums, sequence numbers, requests and retries stay the client's. This relies on the inside of
kafka-python 3.0.12, whose version is pinned; tests compare bytes and what arrives with what `send` does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import IllegalStateError, KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder

from consumers.kafka.topics import MAX_MESSAGE_BYTES

LARGEST: Final = MAX_MESSAGE_BYTES - 4096
"""Most bytes of a value: those of a batch, less room for key, headers and the batch's own fields."""
MAGIC: Final = 2
"""The format of Kafka's record batches since 0.11."""


def varint(value: int) -> bytes:
    """Returns a number in zigzag encoding, seven bits a byte, as records have it."""
    value = (value << 1) ^ (value >> 63)
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


_FIRST: Final = b"\0" + varint(0) + varint(0)
_HEADER: Final = DefaultRecordBatchBuilder.header_size_in_bytes()
_length: Final = lru_cache(maxsize=1 << 14)(varint)
"""For numbers that come again and again: sizes and counts."""


def encoded_key(key: bytes) -> bytes:
    """A record's key with its length."""
    return varint(len(key)) + key


def encoded_headers(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """A record's headers with their count."""
    parts = [varint(len(headers))]
    for name, value in headers:
        raw = name.encode()
        parts += (varint(len(raw)), raw, varint(len(value)), value)
    return b"".join(parts)


class Outcome:
    """The outcome of a batch's records: acknowledged or failed, together, or in parts if the client split
    them.

    The client keeps a future for each record, and moves it to the new batch when it splits a batch that is
    too large for the broker. Here those futures are made only then.
    """

    def __init__(self, future: Any, positions: Sequence[int]) -> None:
        self._future, self._positions = future, positions
        self._moved: dict[int, tuple[Any, int]] = {}

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, record: int) -> _Record:
        return _Record(self, record)

    def move(self, record: int, future: Any, index: int) -> None:
        """Moves the record to another batch, as its number `index`, with that future."""
        before, _ = self._moved.get(record, (self._future, record))
        self._moved[record] = future, index
        before._latch.set()  # nobody completes it any more: a waiting thread must check again

    def done(self, deadline: float) -> bool:
        """Waits until all outcomes are known, until the monotonic time `deadline`. Returns whether they
        are."""
        while True:
            futures = self._futures()
            for future in futures:
                future.wait(max(0.0, deadline - time.monotonic()))
            if all(future.is_done for future in futures) and futures == self._futures():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.001)  # a batch is being split

    def failure(self) -> tuple[Any, int | None] | None:
        """Returns the error of a record, and its event's position if the broker named it; None without error.

        The other records of a batch get a general error.
        """
        if not self._moved and not self._future.failed() and self._future.value[2] is None:
            return None
        errors = {}
        for record, position in enumerate(self._positions):
            error = self._error(record)
            if error is not None:
                errors[position] = error
        if not errors:
            return None
        named = [position for position, error in errors.items() if type(error) is not KafkaError]
        if len(self._positions) == 1 or 0 < len(named) < len(self._positions):
            position = (named or list(errors))[0]
            return errors[position], position
        return next(iter(errors.values())), None

    def _error(self, record: int) -> Any:
        future, index = self._moved.get(record, (self._future, record))
        if future.failed():
            return future.exception
        _, _, of_record = future.value
        return None if of_record is None else of_record(index)

    def _futures(self) -> list[Any]:
        moved = list(dict.fromkeys(future for future, _ in list(self._moved.values())))
        return moved if len(self._moved) == len(self._positions) else [self._future, *moved]


class _Record:
    """What the client takes for a record's future while it splits its batch."""

    def __init__(self, outcome: Outcome, number: int) -> None:
        self._outcome, self._number = outcome, number

    def rebind(self, future: Any, index: int) -> None:
        """Moves the record to another batch, as its number `index`."""
        self._outcome.move(self._number, future, index)


class _Filling:
    """One partition's records that are not yet with the client: encoded, as parts of a batch."""

    __slots__ = ("count", "first", "highest", "parts", "place", "positions", "size")

    def __init__(self, place: Any) -> None:
        self.place = place
        self.parts: list[bytes] = []
        self.positions: list[int] = []
        self.count = self.first = self.highest = 0
        self.size = _HEADER


class BatchAccumulator:
    """Collects one producer's records, one transaction after the other.

    `batch_size`: bytes at which a batch is full, before compression; a larger record has one of its own.
    """

    def __init__(self, producer: Any, batch_size: int) -> None:
        self._producer, self._batch_size = producer, batch_size
        self._accumulator = producer._accumulator
        self._compression = self._accumulator.config["compression_attrs"]
        self._filling: dict[tuple[str, int], _Filling] = {}
        self._outcomes: list[Outcome] = []
        self._batches: list[Any] = []

    @property
    def sent_again(self) -> str | None:
        """A topic of which the client sent a batch of this transaction again, since no response came."""
        return next((batch.topic_partition.topic for batch in self._batches if batch.in_retry()), None)

    def begin(self) -> None:
        """Begins a transaction: no partition takes part yet."""
        self._filling.clear()
        self._outcomes, self._batches = [], []

    def put(
        self,
        topic: str,
        partition: int,
        key: bytes,
        value: bytes,
        headers: bytes,
        timestamp: int,
        position: int,
    ) -> None:
        """Adds a record. `key` and `headers` are encoded (see above), `timestamp` is in milliseconds since
        1970, `position` is the event's and stays in this program (0 for what is no event).

        Raises Kafka's errors: for a missing partition, a value that is too large, a failed transaction.
        """
        filling = self._filling.get((topic, partition)) or self._enter(topic, partition)
        if len(value) > LARGEST:
            raise MessageSizeTooLargeError(f"its {len(value):,} bytes are more than {LARGEST:,}")
        # Attributes (none), timestamp and offset counted from the batch's first; then key, value, headers.
        count = filling.count
        delta = timestamp - filling.first if count else 0
        head = b"\0" + varint(delta) + _length(count) + key + _length(len(value))
        length = _length(len(head) + len(value) + len(headers))
        size = len(length) + len(head) + len(value) + len(headers)
        if count and filling.size + size > self._batch_size:
            self._hand_over(filling)
            count = 0
            head = _FIRST + key + _length(len(value))
            length = _length(len(head) + len(value) + len(headers))
            size = len(length) + len(head) + len(value) + len(headers)
        if count == 0:
            filling.first = filling.highest = timestamp
        elif timestamp > filling.highest:
            filling.highest = timestamp
        filling.parts += (length, head, value, headers)
        filling.positions.append(position)
        filling.size += size
        filling.count = count + 1

    def flush(self, timeout: float) -> Sequence[Outcome]:
        """Sends the remaining records and waits at most `timeout` seconds until all are acknowledged or
        failed. Returns the outcome of each batch, in the order of sending."""
        for filling in self._filling.values():
            if filling.count:
                self._hand_over(filling)
        deadline = time.monotonic() + timeout
        self._accumulator.begin_flush()
        try:
            self._producer._sender.wakeup()
            for outcome in self._outcomes:
                if not outcome.done(deadline):
                    break
        finally:
            self._accumulator._flushes_in_progress.decrement()
        return self._outcomes

    def _enter(self, topic: str, partition: int) -> _Filling:
        """Makes the partition take part in the transaction."""
        if partition not in self._producer.partitions_for(topic):
            raise UnknownTopicOrPartitionError(f"{topic} has no partition {partition}")
        place = TopicPartition(topic, partition)
        self._producer._transaction_manager.maybe_add_partition_to_transaction(place)
        made = self._filling[topic, partition] = _Filling(place)
        return made

    def _hand_over(self, filling: _Filling) -> None:
        """Makes a batch of the records so far, and lets the client send it."""
        records = MemoryRecordsBuilder(MAGIC, self._compression, self._batch_size)
        builder = records._builder
        builder._buffer += b"".join(filling.parts)
        builder._first_timestamp, builder._max_timestamp = filling.first, filling.highest
        builder._num_records, builder._last_offset = filling.count, filling.count - 1
        records._next_offset = filling.count
        batch = ProducerBatch(filling.place, records)
        outcome = Outcome(batch.produce_future, filling.positions)
        batch._record_futures = outcome
        self._append(filling.place, batch)
        self._outcomes.append(outcome)
        self._batches.append(batch)
        filling.parts, filling.positions = [], []
        filling.count, filling.size = 0, _HEADER

    def _append(self, place: Any, batch: Any) -> None:
        """Does what the accumulator's own `append` does with a batch that it begins."""
        accumulator = self._accumulator
        accumulator._appends_in_progress.increment()
        try:
            with accumulator._tp_lock(place):
                if accumulator._closed:
                    raise IllegalStateError("the producer was closed")
                accumulator._batches[place].append(batch)
                accumulator._incomplete.add(batch)
        finally:
            accumulator._appends_in_progress.decrement()
        self._producer._sender.wakeup()
