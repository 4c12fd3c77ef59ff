"""One live worker of `pipeline`, from the topics to committed rows: against a plain consumer that parses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaConsumer, TopicPartition

from commands.store.pool import connect
from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import topic
from consumers.worker import Worker
from deploy.bench import relay
from deploy.bench.alone import BenchFailed, alone
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.services import Databases, Services
from domain.events.catalogue import CATALOGUE
from projections.registry import named

EVENTS: Final = 100_000
"""Events where none are named: five to ten seconds a round."""
NAME: Final = "pipeline"
TIMEOUT_SECONDS: Final = 600.0
SEED: Final = 5_000_000


def measure(
    *, services: Services, store: Databases, events: int, rounds: int, say: Callable[[str], None]
) -> Measurement:
    """Over all that `store` holds and the topics too; it is filled up to `events` first."""
    count, head = _standing(store.relay)
    if count < events:
        say(f"projection: {events - count:,} events are appended and published first")
        relay.fill(store.app, events - count, SEED)
        alone(
            relay.relay_rate,
            store.relay,
            services.kafka,
            services.seal_key.private_bytes_raw(),
            events - count,
        )
        count, head = _standing(store.relay)
    public = services.seal_key.public_key().public_bytes_raw()
    return interleaved(
        "projection",
        unit="events/s",
        what=f"live projection {NAME}, one worker, {count:,} events from the topics to committed rows",
        reference="kafka-python consumer and orjson.loads of the same records, one process, nothing kept",
        ours=lambda: count / alone(worker_seconds, services.read_side().worker, services.kafka, public, head),
        theirs=lambda: count / alone(raw_seconds, services.kafka, count),
        rounds=rounds,
        say=say,
    )


def worker_seconds(worker_url: str, kafka: KafkaAddress, public: bytes, head: int) -> float:
    """Seconds from the worker's start until its read model stands at `head`."""
    worker = Worker(
        named(NAME),
        read_url=worker_url,
        address=kafka,
        registry=CATALOGUE,
        public_key=Ed25519PublicKey.from_public_bytes(public),
    )
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    watching = connect(worker_url)
    begun = time.monotonic()
    thread.start()
    try:
        while _position(watching) < head:
            if not thread.is_alive():
                raise BenchFailed("The worker ended by itself.")
            if time.monotonic() - begun > TIMEOUT_SECONDS:
                raise BenchFailed(f"The worker did not reach {head} in {TIMEOUT_SECONDS:.0f} seconds.")
            time.sleep(0.02)
        return time.monotonic() - begun
    finally:
        stop.set()
        thread.join(timeout=15)
        watching.close()


def raw_seconds(kafka: KafkaAddress, count: int) -> float:
    """Seconds from the consumer's start until it has parsed `count` records of the same topics."""
    begun = time.monotonic()
    consumer: Any = KafkaConsumer(
        **kafka.options(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=20_000,
        max_partition_fetch_bytes=8 * 1024 * 1024,
        fetch_max_bytes=64 * 1024 * 1024,
    )
    places = [
        TopicPartition(name, number)
        for name in map(topic, named(NAME).families)
        for number in sorted(consumer.partitions_for_topic(name) or ())
    ]
    consumer.assign(places)
    seen = 0
    while seen < count:
        if time.monotonic() - begun > TIMEOUT_SECONDS:
            raise BenchFailed(f"The consumer saw {seen} of {count} records.")
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                orjson.loads(record.value)
            seen += len(records)
    took = time.monotonic() - begun
    consumer.close()
    return took


def _standing(relay_url: str) -> tuple[int, int]:
    """How many events the store holds, and the highest position."""
    connection = connect(relay_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), coalesce(max(position), 0) FROM store.event")
            count, head = cursor.fetchall()[0]
            return int(count), int(head)
    finally:
        connection.close()


def _position(connection: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(position) FROM control.share WHERE projection = %s", (NAME,))
        return int(cursor.fetchall()[0][0] or 0)
