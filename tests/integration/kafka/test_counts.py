"""Counting committed records: aborted transactions and markers do not count."""

from __future__ import annotations

from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from consumers.kafka.address import KafkaAddress
from consumers.kafka.counts import count_committed
from deploy.local.kafka import LocalKafka

TOPIC = "test.counting"


def test_only_committed_records_are_counted_and_a_missing_topic_has_none(kafka: LocalKafka) -> None:
    """Five committed in two transactions, three aborted between them, over two partitions."""
    address = KafkaAddress(bootstrap=kafka.bootstrap)
    admin: Any = KafkaAdminClient(**address.options())
    admin.create_topics({TOPIC: {"num_partitions": 2}})
    producer: Any = KafkaProducer(**address.options(), transactional_id="test-counting")
    try:
        producer.init_transactions()
        for records, commit in ((2, True), (3, False), (3, True)):
            producer.begin_transaction()
            for number in range(records):
                producer.send(TOPIC, b"x", partition=number % 2)
            producer.flush()
            producer.commit_transaction() if commit else producer.abort_transaction()
        assert count_committed(address, [TOPIC, "test.missing"]) == {TOPIC: 5, "test.missing": 0}
    finally:
        producer.close()
        admin.delete_topics([TOPIC])
        admin.close()
