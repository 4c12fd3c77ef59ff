"""Batches encoded here are, byte for byte, those that the Kafka client makes of the same records."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError
from kafka.producer.future import FutureProduceResult
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.record.memory_records import MemoryRecordsBuilder

from consumers.kafka.batches import LARGEST, BatchAccumulator, Outcome, encoded_headers, encoded_key, varint

PLACE = TopicPartition("crm.lead.v1", 3)
LZ4 = 3


@dataclass
class Client:
    """What of a producer the gathering touches: the real accumulator, and nobody who sends."""

    batch_size: int
    entered: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._accumulator: Any = RecordAccumulator(batch_size=self.batch_size, compression_attrs=LZ4)
        self._sender = SimpleNamespace(wakeup=lambda: None)
        self._transaction_manager = SimpleNamespace(maybe_add_partition_to_transaction=self.entered.append)

    def partitions_for(self, topic: str) -> set[int]:
        return {3}

    def batches(self) -> list[bytes]:
        """The bytes of the batches, as the sender would drain them."""
        found = []
        for number, batch in enumerate(self._accumulator._batches[PLACE]):
            batch.records.set_producer_state(7, 1, number, True)
            batch.records.close()
            found.append(bytes(batch.records.buffer()))
        return found


Record = tuple[bytes, bytes, list[tuple[str, bytes]], int]
records = st.lists(
    st.tuples(
        st.binary(min_size=1, max_size=40),
        st.binary(max_size=300),
        st.lists(st.tuples(st.text(min_size=1, max_size=9), st.binary(max_size=70)), max_size=3),
        st.integers(0, 1 << 42),
    ),
    min_size=1,
    max_size=30,
)


def by_the_client(given: list[Record], batch_size: int) -> list[bytes]:
    """As `KafkaProducer.send` fills batches, and the sender closes them."""
    made: list[Any] = []
    for key, value, headers, timestamp in given:
        if not made or made[-1].append(timestamp, key, value, headers) is None:
            made.append(MemoryRecordsBuilder(2, LZ4, batch_size))
            made[-1].append(timestamp, key, value, headers)
    for number, each in enumerate(made):
        each.set_producer_state(7, 1, number, True)
        each.close()
    return [bytes(each.buffer()) for each in made]


@given(records, st.integers(300, 3_000))
def test_batches_are_those_of_the_client(given: list[Record], batch_size: int) -> None:
    """Times before the first one, empty values, batches that fill up: all the same bytes."""
    client = Client(batch_size)
    gathering = BatchAccumulator(client, batch_size)
    gathering.begin()
    for key, value, headers, timestamp in given:
        gathering.put("crm.lead.v1", 3, encoded_key(key), value, encoded_headers(headers), timestamp, 0)
    gathering.flush(0)
    assert client.entered == [PLACE]
    assert client.batches() == by_the_client(given, batch_size)


@pytest.mark.parametrize(("value", "encoded"), [(0, "00"), (-1, "01"), (1, "02"), (63, "7e"), (64, "8001")])
def test_numbers_are_in_zigzag_encoding(value: int, encoded: str) -> None:
    assert varint(value).hex() == encoded


def test_a_value_that_no_batch_takes_is_refused_at_once() -> None:
    gathering = BatchAccumulator(Client(10_000), 10_000)
    gathering.begin()
    with pytest.raises(MessageSizeTooLargeError, match="more than 1,044,480"):
        gathering.put("crm.lead.v1", 3, encoded_key(b"k"), bytes(LARGEST + 1), encoded_headers([]), 0, 9)


def outcome(positions: list[int]) -> tuple[Outcome, Any]:
    future: Any = FutureProduceResult(PLACE)
    return Outcome(future, positions), future


def test_the_record_that_the_broker_names_is_told_by_its_position() -> None:
    """The others of the batch get a general error; with it nobody would find the one."""
    found, future = outcome([11, 12, 13])
    bad = InvalidTimestampError("too old")
    future.success((-1, -1, lambda index: bad if index == 1 else KafkaError("part of a batch")))
    assert found.failure() == (bad, 12)


def test_an_error_of_the_whole_batch_names_no_event() -> None:
    found, future = outcome([11, 12, 13])
    bad = KafkaError("closed")
    future.success((-1, -1, lambda _: bad))
    assert found.failure() == (bad, None)


def test_an_error_of_a_batch_of_one_names_that_event() -> None:
    found, future = outcome([11])
    bad = MessageSizeTooLargeError("too large")
    future.success((-1, -1, lambda _: bad))
    assert found.failure() == (bad, 11)


def test_a_batch_that_was_split_is_done_when_all_its_parts_are() -> None:
    """Nobody completes the future of a batch that the client split, and a part may be split once more."""
    found, _ = outcome([1, 2, 3])
    first, second, third = (FutureProduceResult(PLACE) for _ in range(3))
    records = [found[number] for number in range(len(found))]
    for record, (future, index) in zip(records, ((first, 0), (first, 1), (second, 0)), strict=True):
        record.rebind(future, index)
    assert not found.done(0)
    records[0].rebind(third, 0)
    records[1].rebind(third, 1)
    second.success((2, -1, None))
    assert not found.done(0)
    bad = InvalidTimestampError("too old")
    third.success((-1, -1, lambda index: bad if index == 1 else KafkaError("part of a batch")))
    assert found.done(0)
    assert found.failure() == (bad, 2)
