"""The relay, from the store to the last committed seal: against a plain transactional producer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from commands.store.bulk import MAX_BULK_EVENTS
from commands.store.event_reader import EventReader
from commands.store.mapper import StoredCrmEvent
from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.producer import CONTENT_TYPE, SENDING, recorded_ms
from consumers.kafka.topics import SETTINGS
from consumers.relay.relay import Relay
from consumers.relay.seals import MAX_EVENTS
from deploy.bench.alone import BenchFailed, alone
from deploy.bench.benchmarks import Bench
from deploy.bench.measure import Measurement, interleaved
from deploy.bench.samples import parts, stored_events
from deploy.bench.services import PARTITIONS
from domain.events.catalogue import CATALOGUE

EVENTS: Final = 50_000
"""Events per round by default: two or three seconds."""
GOAL: Final = 1.1
WARMING_EVENTS: Final = 1_999_999
RAW_TOPIC: Final = "bench.raw"
TIMEOUT_SECONDS: Final = 300.0


def measure(bench: Bench) -> Iterator[Measurement]:
    """Further events of the published store, as many in each round."""
    store, kafka, key = bench.services.published, bench.services.kafka, bench.services.seal_key
    events = bench.events or EVENTS
    _raw_topic(kafka)
    alone(
        raw_rate, kafka, events, WARMING_EVENTS
    )  # a broker's first seconds are slow, and the first round would pay
    seeds = iter(range(2_000_000, 3_000_000))

    def ours() -> float:
        fill(store.app, stored_events(events, next(seeds)))
        return alone(relay_rate, store.relay, kafka, key.private_bytes_raw(), events)

    yield interleaved(
        "relay",
        unit="events/s",
        what="store to committed seal: read, sealed, published, with explicit partitions",
        reference=f"kafka-python: keyed sends of the same records from memory, {MAX_EVENTS:,} a transaction",
        ours=ours,
        theirs=lambda: alone(raw_rate, kafka, events, next(seeds)),
        rounds=bench.rounds,
        say=bench.say,
        goal=GOAL,
    )


def fill(app_url: str, events: Sequence[StoredCrmEvent]) -> None:
    """Appends the events."""
    pool = Pool(app_url, 1)
    recorder = PostgresApplicationRecorder(pool)
    for part in parts(events, MAX_BULK_EVENTS):
        recorder.insert_bulk(part)
    pool.close()


def relay_rate(relay_url: str, kafka: KafkaAddress, key: bytes, events: int) -> float:
    """Events a second from when the first range was read to the commit of the last.

    Start, lock and fencing come before: a relay does these once.
    """
    begun: list[float] = []
    commits: list[float] = []

    def clock() -> datetime:
        """Called when a range was read and is about to be sealed."""
        if not begun:
            begun.append(time.monotonic())
        return datetime.now(UTC)

    def failpoint(place: str) -> None:
        if place == "after the commit":
            commits.append(time.monotonic())

    seals = Seals(relay_url)
    before = seals.last()
    known = before.sequence if before else 0
    head = EventReader(relay_url).head()

    looked = 0

    def done() -> bool:
        nonlocal looked
        if len(commits) == looked:
            return False
        looked = len(commits)
        last = seals.last()
        return last is not None and last.last == head and len(commits) == last.sequence - known

    relay = Relay(
        store_url=relay_url,
        address=kafka,
        signing_key=Ed25519PrivateKey.from_private_bytes(key),
        families=CATALOGUE.families,
        clock=clock,
        failpoint=failpoint,
    )
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,), daemon=True)
    thread.start()
    try:
        _wait(done, thread)
    finally:
        stop.set()
        thread.join(timeout=10)
    return events / (commits[-1] - begun[0])


def raw_rate(kafka: KafkaAddress, events: int, seed: int) -> float:
    """Events a second of a producer that only sends, from the first send to the last commit."""
    records = [
        (str(event.party).encode(), event.state, [("position", number.to_bytes(8, "big")), CONTENT_TYPE])
        for number, event in enumerate(stored_events(events, seed))
    ]
    producer: Any = KafkaProducer(
        **kafka.options(),
        transactional_id="bench-raw",
        **SENDING,
    )
    producer.init_transactions()
    begun = time.monotonic()
    for part in parts(records, MAX_EVENTS):
        producer.begin_transaction()
        for key, value, headers in part:
            producer.send(RAW_TOPIC, value, key, headers, timestamp_ms=recorded_ms(value))
        producer.commit_transaction()
    took = time.monotonic() - begun
    producer.close()
    return events / took


def _wait(done: Callable[[], bool], thread: threading.Thread) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not done():
        if not thread.is_alive():
            raise BenchFailed("The relay ended by itself.")
        if time.monotonic() > deadline:
            raise BenchFailed(f"The relay did not publish all in {TIMEOUT_SECONDS:.0f} seconds.")
        time.sleep(0.02)


def _raw_topic(kafka: KafkaAddress) -> None:
    admin: Any = KafkaAdminClient(**kafka.options())
    try:
        admin.create_topics({RAW_TOPIC: {"num_partitions": PARTITIONS, "configs": dict(SETTINGS)}})
    finally:
        admin.close()
