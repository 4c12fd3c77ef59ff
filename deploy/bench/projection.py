"""One live worker of a read model, from the topics to committed rows: against a consumer that parses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka import KafkaConsumer, TopicPartition

from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import FileKek, PostgresKeyStore
from commands.store.pool import connect
from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import topic
from consumers.worker.worker import Worker
from deploy.bench import relay
from deploy.bench.alone import BenchFailed, alone
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import people_events, stored_events
from deploy.bench.services import Databases, Services
from domain.events.catalogue import CATALOGUE
from projections.registry import named

EVENTS: Final = 100_000
"""Events by default: five to ten seconds a round."""
GOALS: Final[Mapping[str, float]] = {"pipeline": 0.4, "customer_360": 0.25}
TIMEOUT_SECONDS: Final = 600.0
SEED: Final = 5_000_000
KEK: Final = "6b" * 32
"""Wraps the keys of persons that exist in the bench alone."""


def measure(bench: Bench) -> Iterator[Measurement]:
    """`pipeline` over opportunities; then, with as many events of persons, `customer_360` over all of them
    and `service_history` over their cases. What is missing in the published store is appended first."""
    services, store, events = bench.services, bench.services.published, bench.events or EVENTS
    missing = events - _recorded(store.relay, ("opportunity",))[0]
    if missing > 0:
        bench.say(f"projection: {missing:,} events are appended and published first")
        relay.fill(store.app, stored_events(missing, SEED))
        _publish(services, store, missing)
    yield _measured("pipeline", bench)
    bench.say(f"projection: {events:,} events of persons are appended and published")
    relay.fill(store.app, people_events(events, SEED + 1, _cipher(store.app)))
    _publish(services, store, events)
    for name in ("customer_360", "service_history"):
        yield _measured(name, bench)


def _measured(name: str, bench: Bench) -> Measurement:
    services, store, model = bench.services, bench.services.published, named(name)
    count, head = _recorded(store.relay, model.families)
    public = services.seal_key.public_key().public_bytes_raw()
    private = ", private values opened" if model.private else ""
    return interleaved(
        "projection" if name == "pipeline" else f"projection {name}",
        unit="events/s",
        what=f"live projection {name}, one worker, {count:,} events from topics to committed rows{private}",
        reference="kafka-python consumer and orjson.loads of the same records, one process, nothing kept",
        ours=lambda: (
            count
            / alone(
                worker_seconds, name, services.read_side().worker, store.app, services.kafka, public, head
            )
        ),
        theirs=lambda: count / alone(raw_seconds, name, services.kafka, count),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOALS.get(name),
    )


def _publish(services: Services, store: Databases, events: int) -> None:
    key = services.seal_key.private_bytes_raw()
    alone(relay.relay_rate, store.relay, services.kafka, key, events)


def _cipher(keys_url: str) -> AesGcmCipher:
    return AesGcmCipher(PostgresKeyStore(keys_url, FileKek(bytes.fromhex(KEK))))


def worker_seconds(
    name: str, worker_url: str, keys_url: str, kafka: KafkaAddress, public: bytes, head: int
) -> float:
    """Seconds from the worker's start until its read model stands at `head`."""
    model = named(name)
    worker = Worker(
        model,
        read_url=worker_url,
        address=kafka,
        registry=CATALOGUE,
        public_key=Ed25519PublicKey.from_public_bytes(public),
        cipher=_cipher(keys_url) if model.private else None,
    )
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    watching = connect(worker_url)
    begun = time.monotonic()
    thread.start()
    try:
        while _position(watching, name) < head:
            if not thread.is_alive():
                raise BenchFailed("The worker ended by itself.")
            if time.monotonic() - begun > TIMEOUT_SECONDS:
                raise BenchFailed(f"The worker did not reach {head} in {TIMEOUT_SECONDS:.0f} seconds.")
            time.sleep(0.02)
        took = time.monotonic() - begun
        _none_parked(watching, name)
        return took
    finally:
        stop.set()
        thread.join(timeout=15)
        watching.close()


def raw_seconds(name: str, kafka: KafkaAddress, count: int) -> float:
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
        TopicPartition(each, number)
        for each in map(topic, named(name).families)
        for number in sorted(consumer.partitions_for_topic(each) or ())
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


def _recorded(relay_url: str, families: tuple[str, ...]) -> tuple[int, int]:
    """How many events of these families the store holds, and the highest position of all."""
    connection = connect(relay_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE split_part(type, '.', 2) = ANY (%s)), "
                "coalesce(max(position), 0) FROM store.event",
                (list(families),),
            )
            count, head = cursor.fetchall()[0]
            return int(count), int(head)
    finally:
        connection.close()


def _position(connection: Any, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(position) FROM control.share WHERE projection = %s", (name,))
        return int(cursor.fetchall()[0][0] or 0)


def _none_parked(connection: Any, name: str) -> None:
    """Parked events cost nothing, so a rate over them would be meaningless."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(error) FROM control.held WHERE projection = %s", (name,))
        parked, error = cursor.fetchall()[0]
    if parked:
        raise BenchFailed(f"{parked} events are parked: {error}")
