"""A range and its seal become visible together or never, and one producer at a time can publish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import ProducerFencedError

from commands.store.event_reader import StoredRow
from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import BrokerFailure, Verdict
from consumers.kafka.producer import CONTENT_TYPE, SealingProducer, last_committed_seal
from consumers.kafka.tail import tails
from consumers.relay.seals import seal_range
from domain.events.seal import Seal
from tests.support.kafka import SEALS, read_committed
from tests.support.relaying import sample_event
from tests.support.seals import check_topics

KEY = Ed25519PrivateKey.generate()
STORE = uuid4()
PARTY = UUID(int=5)


class Publishing:
    """Producers under one transactional id, and the chain of what they publish."""

    def __init__(self, bootstrap: str) -> None:
        self.address = KafkaAddress(bootstrap=bootstrap)
        self.last: Seal | None = None
        self.rows: list[StoredRow] = []
        self._open = ExitStack()
        self.id = f"test-{uuid4()}"

    def producer(self) -> SealingProducer:
        """One that has fenced those before it."""
        made = SealingProducer(self.address, self.id, partitions=6)
        self._open.callback(made.close)
        made.init()
        return made

    def range(self, count: int, *, filler: int = 40) -> tuple[list[StoredRow], Seal]:
        """The next events of one party, and their seal."""
        after = self.rows[-1].position if self.rows else 0
        aggregate = uuid4()
        rows = [
            StoredRow(
                after + number,
                aggregate,
                number,
                "crm.customer.registered",
                PARTY,
                sample_event(aggregate, number, PARTY, "customer", filler),
            )
            for number in range(1, count + 1)
        ]
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return rows, seal_range(rows, self.last, store=STORE, partitions=6, key=KEY, now=now)

    def publish(self, producer: SealingProducer, count: int) -> None:
        """Publishes the next events."""
        rows, seal = self.range(count)
        producer.publish(rows, seal.record)
        self.rows += rows
        self.last = seal

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def publishing(clean_topics: str) -> Iterator[Publishing]:
    made = Publishing(clean_topics)
    yield made
    made.close()


class Died(Exception):
    """The process died here."""


def dies_before_the_commit(failpoint: str) -> None:
    if failpoint == "before the commit":
        raise Died


def test_a_published_range_is_what_the_contract_says(publishing: Publishing) -> None:
    """Key, value, header, timestamp, partition and seal, seen by an independent reader."""
    producer = publishing.producer()
    publishing.publish(producer, 3)
    publishing.publish(producer, 2)
    records = read_committed(publishing.address.bootstrap)
    stored = [(row.position, row.event) for row in publishing.rows]
    assert check_topics(records, stored, KEY.public_key()) == 2
    events = [record for record in records if record.topic != SEALS]
    assert {record.timestamp for record in events} == {1767323045678}  # 2026-01-02T03:04:05.678999Z
    assert last_committed_seal(publishing.address) == publishing.last


def test_records_arrive_as_the_clients_own_send_sends_them(publishing: Publishing) -> None:
    """Key, value, headers and timestamp of each record, and the order in each partition, are those that
    `KafkaProducer.send` gives them: we go around it for speed alone."""
    aggregate = uuid4()
    rows = [
        StoredRow(
            n, aggregate, n, "crm.product.registered", party, sample_event(aggregate, n, party, "product")
        )
        for n, party in enumerate((uuid4() for _ in range(500)), start=1)
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    seal = seal_range(rows, None, store=STORE, partitions=6, key=KEY, now=now)
    publishing.producer().publish(rows, seal.record)
    own: Any = KafkaProducer(**publishing.address.options(), compression_type="lz4")
    for row in rows:
        headers = [("position", row.position.to_bytes(8, "big")), CONTENT_TYPE]
        own.send("crm.principal.v1", row.event, str(row.party).encode(), headers, None, 1767323045678)
    own.flush()
    own.close()
    ours = read_committed(publishing.address.bootstrap, ["crm.product.v1"])
    theirs = read_committed(publishing.address.bootstrap, ["crm.principal.v1"])
    assert len(ours) == 500
    assert [(r.partition, *r[3:]) for r in ours] == [(r.partition, *r[3:]) for r in theirs]


def test_a_range_that_died_in_its_transaction_is_never_seen(publishing: Publishing) -> None:
    """Given a producer that dies before the commit, its records and its seal are invisible, and the next
    producer publishes the range once. The first one, were it still alive, is refused."""
    first = publishing.producer()
    publishing.publish(first, 2)
    rows, seal = publishing.range(4)
    with pytest.raises(Died):
        first.publish(rows, seal.record, dies_before_the_commit)
    second = publishing.producer()
    assert last_committed_seal(publishing.address) == publishing.last
    publishing.publish(second, 4)
    with pytest.raises(ProducerFencedError):
        first._commit()
    stored = [(row.position, row.event) for row in publishing.rows]
    assert check_topics(read_committed(publishing.address.bootstrap), stored, KEY.public_key()) == 2


def test_a_fenced_producer_can_begin_nothing(publishing: Publishing) -> None:
    first = publishing.producer()
    publishing.publish(first, 1)
    publishing.producer()
    rows, seal = publishing.range(2)
    with pytest.raises(BrokerFailure) as refused:
        first.publish(rows, seal.record)
    assert refused.value.verdict is Verdict.FENCED


def test_the_last_seal_is_found_behind_many_aborted_ones(publishing: Publishing) -> None:
    """Markers and aborted records take offsets: the search goes back over all of them."""
    publishing.publish(publishing.producer(), 2)
    for _ in range(3):
        rows, seal = publishing.range(30)
        producer = publishing.producer()
        producer._producer.begin_transaction()
        for _ in range(20):
            producer._producer.send(SEALS, seal.record, b"seal", None, 0)
        producer._send(rows)
        producer._producer.flush()
        producer._producer.abort_transaction()
    assert last_committed_seal(publishing.address) == publishing.last
    (tail,) = tails(publishing.address, ["crm.customer.v1"])
    assert (tail.position, tail.offset) == (2, 1)


def test_without_topics_or_records_there_is_no_last_seal(clean_topics: str) -> None:
    address = KafkaAddress(bootstrap=clean_topics)
    assert last_committed_seal(address) is None
    assert tails(address, ["crm.nothing.v1"]) == []


def test_a_range_of_the_largest_events_is_published(publishing: Publishing) -> None:
    """512 KiB each: they fit a record, and their range fits a transaction."""
    rows, seal = publishing.range(8, filler=511 * 1024)
    publishing.producer().publish(rows, seal.record)
    records = read_committed(publishing.address.bootstrap)
    stored = [(row.position, row.event) for row in rows]
    assert check_topics(records, stored, KEY.public_key()) == 1


def test_an_event_that_kafka_refuses_is_named(publishing: Publishing) -> None:
    """What is too large will always be: the relay has to stop and say which event it is."""
    rows, seal = publishing.range(3)
    rows[1] = rows[1]._replace(event=rows[1].event[:-1] + b" " * (1 << 20) + b"}")
    with pytest.raises(BrokerFailure) as refused:
        publishing.producer().publish(rows, seal.record)
    assert (refused.value.verdict, refused.value.position) == (Verdict.STOP, 2)


def test_batches_that_the_broker_finds_too_large_are_sent_in_parts(publishing: Publishing) -> None:
    """Somebody lowered the topic's limit: the client splits batches, and all records arrive, in order."""
    narrow = {"num_partitions": 1, "configs": {"max.message.bytes": "9000"}}
    admin: Any = KafkaAdminClient(**publishing.address.options())
    admin.create_topics({"crm.narrow.v1": narrow})
    admin.close()
    aggregate = uuid4()
    rows = [
        StoredRow(n, aggregate, n, "crm.narrow.registered", PARTY, _incompressible(aggregate, n))
        for n in range(1, 61)
    ]
    made = SealingProducer(publishing.address, f"test-{uuid4()}", partitions=1)
    try:
        made.init()
        made.publish(rows, None)
    finally:
        made.close()
    arrived = read_committed(publishing.address.bootstrap, ["crm.narrow.v1"])
    assert [record.value for record in arrived] == [row.event for row in rows]


def _incompressible(aggregate: UUID, version: int) -> bytes:
    event = sample_event(aggregate, version, PARTY, "narrow")
    return event.replace(b"x" * 40, "".join(uuid4().hex for _ in range(20)).encode())
