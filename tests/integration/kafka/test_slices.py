"""The newest part of a topic is found from its end and read, also between markers and aborted records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaProducer

from consumers.kafka.address import KafkaAddress
from consumers.kafka.slices import FIRST_WINDOW, PublishedRecord, TopicSlices

LEADS, SEALS = "crm.lead.v1", "crm.seal.v1"


@contextmanager
def transactions(bootstrap: str) -> Iterator[Any]:
    producer: Any = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="slices")
    with closing(producer):
        producer.init_transactions()
        yield producer


def send(producer: Any, positions: range, *, partition: int = 0, commit: bool = True) -> None:
    """One transaction with these positions."""
    producer.begin_transaction()
    for position in positions:
        headers = [("position", position.to_bytes(8, "big"))]
        producer.send(LEADS, str(position).encode(), b"key", headers=headers, partition=partition)
    producer.flush()
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()


def upto(position: int) -> Any:
    def passed(record: PublishedRecord) -> bool:
        return record.position is not None and record.position <= position

    return passed


def test_what_is_behind_a_position_is_read_and_little_else(clean_topics: str) -> None:
    """Given 3,000 records in transactions, aborted ones between them, more than a window of those at the end,
    and partitions with nothing, with few, and with aborted work alone."""
    with transactions(clean_topics) as producer:
        for first in range(1, 3_001, 500):
            send(producer, range(first, first + 500))
            send(producer, range(9_000, 9_000 + 2 * FIRST_WINDOW), commit=False)
        send(producer, range(3_001, 3_003), partition=1)
        send(producer, range(9_000, 9_010), partition=2, commit=False)
    for last in (0, 2_990, 2_400, 700, 3_000):
        with TopicSlices(KafkaAddress(bootstrap=clean_topics), [LEADS, "crm.none.v1"]) as topic:
            starts = topic.behind(upto(last))
            found = list(topic.read(starts))
            again = list(topic.read(starts))
        assert [r.position for r in found if r.partition == 1] == [3_001, 3_002]
        assert {r.partition for r in found} == {0, 1}
        positions = [r.position for r in found if r.partition == 0 and (r.position or 0) > last]
        assert positions == list(range(last + 1, 3_001))
        assert sorted(again) == sorted(found)
        assert all(r.value == str(r.position).encode() and r.key == b"key" for r in found)
        if last == 2_990:
            assert len(found) < 1_100, "nearly all of the topic was read"


def test_a_topic_without_records_has_none(clean_topics: str) -> None:
    with TopicSlices(KafkaAddress(bootstrap=clean_topics), [SEALS]) as topic:
        assert topic.behind(upto(1)) == {}
        assert list(topic.read({})) == []
