"""Lost topics restored in tests: in this process, or in one of its own that dies at a failpoint."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from consumers.kafka.address import KafkaAddress
from consumers.relay.republish import Republisher, RepublishResult
from tests.support.kafka import FAMILIES, Record, read_committed
from tests.support.nursery import nursery
from tests.support.relay_runner import Trap
from tests.support.relaying import Relays, until

Content = tuple[str, int, bytes, bytes, int, dict[str, bytes]]
"""A record without its offset: topic, partition, key, value, timestamp, headers."""


def contents(records: Iterable[Record]) -> list[Content]:
    """What of the records must be the same again."""
    return [(r.topic, r.partition, r.key, r.value, r.timestamp, r.headers) for r in records]


def contents_now(relays: Relays) -> list[Content]:
    """What committed readers of all topics see."""
    return contents(read_committed(relays.bootstrap))


def lose(bootstrap: str, topics: Iterable[str]) -> None:
    """Deletes topics, and returns when the broker no longer knows them."""
    names = set(topics)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_topics(sorted(names))
        until(lambda: not names & set(admin.list_topics()), "the topics are gone", 60)
    finally:
        admin.close()


def topics_there(bootstrap: str) -> set[str]:
    """The names of the topics that the broker knows."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


def write(bootstrap: str, records: Iterable[Content]) -> None:
    """Writes records past the relay."""
    producer: Any = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        for topic, partition, key, value, timestamp, headers in records:
            sent = producer.send(
                topic,
                value,
                key,
                headers=list(headers.items()),
                partition=partition,
                timestamp_ms=timestamp,
            )
            sent.get(30)
    finally:
        producer.close()


def republisher(relays: Relays, *, wait: float = 12.0) -> Republisher:
    """What restores, in this process."""
    return Republisher(
        store_url=relays.urls.relay,
        address=KafkaAddress(bootstrap=relays.bootstrap),
        key=relays.key.public_key(),
        families=FAMILIES,
        name="republisher",
        wait=wait,
    )


def republish(relays: Relays, names: Sequence[str] = (), *, wait: float = 12.0) -> RepublishResult:
    """One run, to its end."""
    with republisher(relays, wait=wait) as it:
        return it.run(names)


def republish_killed(relays: Relays, die_at: str, die_time: int) -> None:
    """A run in a process of its own, which kills itself -9 there."""
    told = {
        "store": relays.urls.relay,
        "bootstrap": relays.bootstrap,
        "key": relays.key.public_key().public_bytes_raw().hex(),
        "trap": Trap(at=die_at, time=die_time, pause=0.0, signal="SIGKILL"),
    }
    with (relays.logs / "republish.log").open("ab") as log:
        process = nursery().bear("republish", told, log)
    try:
        assert process.wait(120) == -signal.SIGKILL, "it was to die"
    finally:
        process.kill()
