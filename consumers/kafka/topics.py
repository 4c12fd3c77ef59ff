"""Topics: their names, the partition of a party, and how they are made and checked on the broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError
from kafka.partitioner.default import murmur2

from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import BrokerFailure, Verdict, describe, verdict
from domain.events.seal import TOPIC as SEALS
from domain.kernel.user_errors import EnvironmentProblem

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Most bytes of a batch that a topic takes; an event is at most half of it."""

UNKNOWN_TOPIC: Final = UnknownTopicOrPartitionError.errno

RENEWALS: Final = 10
"""Tries to make a topic before a reader's request makes it."""

KEPT_FOR_EVER: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
}
SETTINGS: Final[Mapping[str, str]] = {
    **KEPT_FOR_EVER,
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    # The record's time is the event's. By default the broker refuses a time more than an hour ahead of its
    # clock: then an event in the store could never be published.
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "message.timestamp.before.max.ms": str(2**63 - 1),
}


class WrongTopics(EnvironmentProblem):
    """Topics on the broker have wrong settings. Its text is a sentence for an operator."""


class WrongPartitions(WrongTopics):
    """A topic has another number of partitions than the store recorded."""

    def __init__(self, topic: str, *, found: int, expected: int) -> None:
        super().__init__(
            f"The topic {topic} has {found} partitions, and it must have {expected}: a party's events would "
            f"be in another partition than before. Use the broker that has the right topic, or delete "
            f"{topic} if nothing reads it and start again."
        )
        self.topic, self.found, self.expected = topic, found, expected


def topic(family: str) -> str:
    """The topic of a family: `crm.opportunity.v1` for `opportunity`."""
    return f"crm.{family}.v1"


@lru_cache(maxsize=1024)
def topic_of(type: str) -> str:
    """The topic of an event type: `crm.opportunity.v1` for `crm.opportunity.won`."""
    return topic(type.split(".")[1])


@lru_cache(maxsize=1 << 14)
def place(party: UUID | str, partitions: int) -> tuple[bytes, int]:
    """`(key, partition)` of a party: the key is its id in ASCII.

    The partition is that of Kafka's default partitioner, so every other producer that sends with this key
    uses the same one. The result is cached, since Python computes the hash slowly.
    """
    key = str(party).encode("ascii")
    return key, (murmur2(key) & 0x7FFFFFFF) % partitions


def partition_of(party: UUID | str, partitions: int) -> int:
    """The partition of a party's events in every family topic, from 0."""
    return place(party, partitions)[1]


def ensure_topics(
    address: KafkaAddress, families: Iterable[str], partitions: int, *, timeout: float = 10.0
) -> tuple[str, ...]:
    """Makes missing topics, the seals' too, and checks the existing ones.

    Returns the names of those it made; several processes may call it at once. Raises `WrongPartitions`,
    `WrongTopics` for a topic that would forget events, and Kafka's own errors while the broker is away.
    """
    return ensure_named(address, wanted(families, partitions), timeout=timeout)


def wanted(families: Iterable[str], partitions: int) -> dict[str, int]:
    """Returns all topics of an installation, the seals' too, and the partitions that each must have."""
    return {topic(family): partitions for family in sorted(set(families))} | {SEALS: 1}


def ensure_named(
    address: KafkaAddress, topics: Mapping[str, int], *, timeout: float = 10.0
) -> tuple[str, ...]:
    """Does what `ensure_topics` does, for these names and their partitions alone."""
    admin = KafkaAdminClient(**address.options(timeout=timeout))
    try:
        found = _partition_counts(admin, topics)
        missing = {name: count for name, count in topics.items() if name not in found}
        made = tuple(name for name in missing if _create(admin, name, missing[name], timeout))
        if made:
            admin.wait_for_topics(list(made), timeout_ms=int(timeout * 1000))
        if set(missing) - set(made):  # another made them in the meantime
            found = _partition_counts(admin, topics)
        _check(admin, found, topics)
        return made
    finally:
        admin.close()


def missing_topics(
    address: KafkaAddress, families: Iterable[str], partitions: int, *, timeout: float = 10.0
) -> tuple[str, ...]:
    """Returns the missing topics and makes none. It checks the existing ones as `ensure_topics` does."""
    topics = wanted(families, partitions)
    admin = KafkaAdminClient(**address.options(timeout=timeout))
    try:
        found = _partition_counts(admin, topics)
        _check(admin, found, topics)
        return tuple(name for name in topics if name not in found)
    finally:
        admin.close()


def topic_ids(address: KafkaAddress, topics: Iterable[str], *, timeout: float = 10.0) -> dict[str, UUID]:
    """Returns the topics' ids, which differ if a topic is made anew under its name; without missing topics.

    Raises Kafka's own errors while the broker is away.
    """
    admin = KafkaAdminClient(**address.options(timeout=timeout))
    try:
        described = admin.describe_topics(sorted(topics))
    finally:
        admin.close()
    return {t["name"]: UUID(str(t["topic_id"])) for t in described if t["error_code"] != UNKNOWN_TOPIC}


def renew_topics(
    address: KafkaAddress, families: Iterable[str], partitions: int, *, timeout: float = 10.0
) -> None:
    """Removes the families' topics and the seals', with all records, and makes them anew.

    Only for a broker that does not keep its records anyway. Raises `BrokerFailure`.
    """
    names = [*map(topic, families), SEALS]
    for attempt in range(1, RENEWALS + 1):
        try:
            _remove(address, names, timeout)
            ensure_topics(address, families, partitions, timeout=timeout)
            return
        except WrongTopics as error:
            # The demo's stand-in makes a topic when a reader requests it, with its own number of partitions.
            if attempt == RENEWALS:
                raise BrokerFailure(str(error), verdict=Verdict.RETRY) from error
        except (KafkaError, OSError) as error:
            raise BrokerFailure(describe(error), verdict=verdict(error)) from error


def _remove(address: KafkaAddress, names: Iterable[str], timeout: float) -> None:
    admin = KafkaAdminClient(**address.options(timeout=timeout))
    try:
        found = _partition_counts(admin, names)
        if found:
            admin.delete_topics(sorted(found), timeout_ms=int(timeout * 1000))
    finally:
        admin.close()


def _check(admin: Any, found: Mapping[str, int], wanted: Mapping[str, int]) -> None:
    for name, count in found.items():
        if count != wanted[name]:
            raise WrongPartitions(name, found=count, expected=wanted[name])
    _check_kept(admin, found)


def _partition_counts(admin: Any, wanted: Iterable[str]) -> dict[str, int]:
    described = admin.describe_topics(sorted(wanted))
    return {t["name"]: len(t["partitions"]) for t in described if t["error_code"] == 0}


def _create(admin: Any, name: str, partitions: int, timeout: float) -> bool:
    """Makes the topic. Returns whether this call made it."""
    try:
        admin.create_topics(
            {name: {"num_partitions": partitions, "configs": dict(SETTINGS)}}, timeout_ms=int(timeout * 1000)
        )
    except TopicAlreadyExistsError:
        return False
    return True


def _check_kept(admin: Any, topics: Iterable[str]) -> None:
    """Refuses topics, made by hand, that would drop records one day."""
    # Requests all settings: the demo's stand-in for Kafka does not understand a request for a few.
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(topics)]
    described = admin.describe_configs(resources, config_filter="all") if resources else {}
    for name, configs in described.get("topic", {}).items():
        for key, wanted in KEPT_FOR_EVER.items():
            found = configs[key]["value"]
            if found != wanted:
                raise WrongTopics(
                    f"The topic {name} has {key}={found}: it would lose events, which are kept for ever. "
                    f"Set it to {wanted} with kafka-configs, then start again."
                )
