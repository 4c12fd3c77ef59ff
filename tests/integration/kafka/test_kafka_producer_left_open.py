"""What a killed broker can leave behind of a transaction is not committed with the next one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Timer
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType, KafkaAdminClient

from consumers.kafka import producer as module
from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import BrokerFailure, Verdict
from consumers.kafka.producer import SealingProducer, last_committed_seal
from consumers.kafka.tail import open_transactions
from deploy.local.kafka import LocalKafka
from tests.integration.kafka.test_kafka_producer import KEY, Publishing, publishing
from tests.support.kafka import SEALS, TOPICS, read_committed
from tests.support.relaying import until
from tests.support.seals import check_topics

__all__ = ["publishing"]

ALL = (*TOPICS, SEALS)
VERIFICATION = "transaction.partition.verification.enable"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long."""
    monkeypatch.setattr(module, "OPEN_TRANSACTION_SECONDS", 0.3)


@contextmanager
def unverified(address: KafkaAddress) -> Iterator[None]:
    """The broker takes records into partitions that, for all it knows, take no part in their transaction."""

    def alter(change: Any) -> None:
        with closing(KafkaAdminClient(**address.options())) as admin:
            admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", {VERIFICATION: change})])

    alter("false")
    try:
        yield
    finally:
        alter((AlterConfigOp.DELETE, None))


def leave_open(producer: SealingProducer, publishing: Publishing) -> None:
    """Records of the next range and its seal lie in their partitions, and the broker's coordinator does not
    know that these take part in any transaction."""
    rows, seal = publishing.range(3)
    inside = producer._producer
    transactions: Any = inside._transaction_manager
    until(lambda: not open_transactions(publishing.address, ALL), "the markers of the range before are there")
    inside.begin_transaction()
    transactions.maybe_add_partition_to_transaction = lambda _: None
    transactions.is_send_to_partition_allowed = lambda _: True
    producer._accumulator.begin()
    producer._send(rows)
    producer._send_seal(seal.record)
    producer._flush()


def all_once(publishing: Publishing, seals: int) -> None:
    """Each event and seal is there once."""
    stored = [(row.position, row.event) for row in publishing.rows]
    assert check_topics(read_committed(publishing.address.bootstrap), stored, KEY.public_key()) == seals


def test_records_that_no_transaction_knows_are_not_committed_with_the_next(
    publishing: Publishing, hasty: None
) -> None:
    """Given a broker whose coordinator forgot that partitions take part in a transaction, when the next
    producer takes over, it finds and aborts what lies open there, and each event and seal comes once."""
    first = publishing.producer()
    publishing.publish(first, 2)
    with unverified(publishing.address):
        leave_open(first, publishing)
    second = publishing.producer()
    assert {topic for topic, _ in open_transactions(publishing.address, ALL)} == {"crm.customer.v1", SEALS}
    second.end_open_transactions(ALL)
    assert not open_transactions(publishing.address, ALL)
    assert last_committed_seal(publishing.address) == publishing.last
    publishing.publish(second, 3)
    all_once(publishing, 2)


def test_another_producers_transaction_is_waited_for_and_named(publishing: Publishing, hasty: None) -> None:
    stranger: Any = KafkaProducer(**publishing.address.options(), transactional_id="a-stranger")
    stranger.init_transactions()
    stranger.begin_transaction()
    stranger.send("crm.customer.v1", b"{}", partition=4)
    stranger.flush()
    mine = publishing.producer()
    with pytest.raises(BrokerFailure, match=r"crm\.customer\.v1 partition 4, from offset 0 on") as refused:
        mine.end_open_transactions(ALL)
    assert refused.value.verdict is Verdict.RETRY
    stranger.abort_transaction()
    stranger.close()
    until(lambda: not open_transactions(publishing.address, ALL), "it has ended")
    mine.end_open_transactions(ALL)
    publishing.publish(mine, 2)
    all_once(publishing, 1)


def test_a_range_of_which_a_part_was_sent_again_is_not_committed(
    publishing: Publishing, kafka: LocalKafka
) -> None:
    """Given a broker that does not answer in time, the client sends again what it sent: whether it is there
    twice is the broker's to know, and the range is begun anew rather than committed."""
    publishing.publish(publishing.producer(), 2)
    slow = SealingProducer(publishing.address, publishing.id, partitions=6, timeout=4.0)
    slow.init()
    transactions: Any = slow._producer._transaction_manager
    rows, _ = publishing.range(4)

    def stands_still(failpoint: str) -> None:
        if failpoint == "in the transaction":
            slow._producer._sender.wakeup()
            until(lambda: bool(transactions._partitions_in_transaction), "the partition takes part")
            pid = kafka.pid
            assert pid
            os.kill(pid, signal.SIGSTOP)
            # A request waits half of the producer's time for its answer.
            Timer(2.5, os.kill, (pid, signal.SIGCONT)).start()

    with closing(slow), pytest.raises(BrokerFailure, match=r"had to be sent again") as refused:
        # Without a seal: its partition would be asked for first, and nothing sent before the answer.
        slow.publish(rows, None, stands_still)
    assert refused.value.verdict is Verdict.RETRY
    last = publishing.producer()
    last.end_open_transactions(ALL)
    assert last_committed_seal(publishing.address) == publishing.last
    publishing.publish(last, 4)
    all_once(publishing, 2)
