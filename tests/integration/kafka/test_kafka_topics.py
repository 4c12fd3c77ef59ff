"""Topics are made to keep everything for ever, and a topic that is not what it must be is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from consumers.kafka.address import KafkaAddress
from consumers.kafka.topics import WrongPartitions, WrongTopics, ensure_topics
from deploy.local.kafka import LocalKafka
from tests.support.kafka import delete_topics


@pytest.fixture
def address(kafka: LocalKafka) -> Iterator[KafkaAddress]:
    """A broker without topics of ours."""
    delete_topics(kafka.bootstrap)
    yield KafkaAddress(bootstrap=kafka.bootstrap)
    delete_topics(kafka.bootstrap)  # others expect another number of partitions


def test_topics_are_made_once_whoever_asks(address: KafkaAddress) -> None:
    """Three at once, as relay, worker and `up` may be: each topic is made by one of them."""
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: ensure_topics(address, ["customer", "product"], 3), range(3)))
    assert sorted(sum(made, ())) == ["crm.customer.v1", "crm.product.v1", "crm.seal.v1"]
    assert ensure_topics(address, ["customer", "product"], 3) == ()


def test_topics_keep_records_for_ever_and_take_any_event(address: KafkaAddress) -> None:
    ensure_topics(address, ["customer"], 3)
    admin = KafkaAdminClient(bootstrap_servers=address.bootstrap)
    try:
        topics = ["crm.customer.v1", "crm.seal.v1"]
        described = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(topics)}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        configs = admin.describe_configs(resources, config_filter="all")["topic"]
    finally:
        admin.close()
    assert described == {"crm.customer.v1": 3, "crm.seal.v1": 1}
    for name in topics:
        values = {key: entry["value"] for key, entry in configs[name].items()}
        assert values["cleanup.policy"] == "delete"
        assert values["retention.ms"] == values["retention.bytes"] == "-1"
        assert values["max.message.bytes"] == "1048576"
        assert values["message.timestamp.type"] == "CreateTime"


def test_another_number_of_partitions_is_refused(address: KafkaAddress) -> None:
    """Else parties would move to other partitions, and their order would be lost."""
    ensure_topics(address, ["customer"], 3)
    with pytest.raises(WrongPartitions, match=r"crm.customer.v1 has 3 partitions, and it must have 4"):
        ensure_topics(address, ["customer"], 4)


def test_a_topic_that_would_forget_is_refused(address: KafkaAddress) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address.bootstrap)
    try:
        admin.create_topics({"crm.customer.v1": {"num_partitions": 3, "configs": {"retention.ms": "1000"}}})
    finally:
        admin.close()
    with pytest.raises(WrongTopics, match=r"crm.customer.v1 has retention.ms=1000: it would lose events"):
        ensure_topics(address, ["customer"], 3)
