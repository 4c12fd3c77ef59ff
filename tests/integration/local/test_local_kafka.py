"""Apache Kafka on this machine: started, stopped, killed, and refused with a sentence."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from deploy.local.errors import LocalServiceError
from deploy.local.kafka import LocalKafka
from deploy.local.process import alive


@pytest.fixture
def broker(kafka: LocalKafka) -> Iterator[LocalKafka]:
    """The shared broker, running again after the test whatever it did to it."""
    yield kafka
    kafka.start()


@pytest.fixture
def topic(kafka: LocalKafka) -> str:
    """A new topic with one partition."""
    name = f"local-{uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    admin.close()
    return name


def committed(kafka: LocalKafka, topic: str) -> list[bytes]:
    """The values a reader of committed records finds in the topic, from its beginning to its end."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, isolation_level="read_committed")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []
    while consumer.position(partition) < end:
        for records in consumer.poll(timeout_ms=200).values():
            values += [record.value for record in records]
    consumer.close()
    return values


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """The addresses that this very process listens on."""
    sockets = process.net_connections("inet")
    return {(str(s.laddr.ip), int(s.laddr.port)) for s in sockets if s.status == psutil.CONN_LISTEN}


def test_the_broker_is_apache_kafka(kafka: LocalKafka) -> None:
    """Given the tests' broker, then it is Java with Apache Kafka 4.3.1 from the checked jars."""
    process = psutil.Process(kafka.pid)
    assert process.name() == "java"
    command = process.cmdline()
    assert "kafka.Kafka" in command
    assert str(kafka.jars / "kafka_2.13-4.3.1.jar") in command[command.index("-cp") + 1].split(os.pathsep)
    assert kafka.port in {port for _, port in listening(process)}
    assert "Kafka version: 4.3.1" in kafka.log.read_text()


def test_it_listens_on_this_machine_alone(kafka: LocalKafka) -> None:
    """Then it has two listening sockets, the clients' and the controller's, both on 127.0.0.1."""
    found = listening(psutil.Process(kafka.pid))
    assert len(found) == 2
    assert {address.removeprefix("::ffff:") for address, _ in found} == {"127.0.0.1"}


def test_killed_and_started_again_it_has_what_was_committed(broker: LocalKafka, topic: str) -> None:
    """Given a committed transaction and an open one, when the broker is killed -9 and started again, then
    it has its old address, the committed records are there, the others never show."""
    address = broker.bootstrap
    producer = KafkaProducer(bootstrap_servers=address, transactional_id=f"local-{uuid4()}", acks="all")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"committed")
    producer.commit_transaction()
    producer.begin_transaction()
    producer.send(topic, b"open").get(timeout=10)
    process = psutil.Process(broker.pid)
    broker.kill()
    assert not alive(process)
    assert not broker.running
    broker.start()
    assert broker.bootstrap == address
    producer.abort_transaction()
    producer.close()
    assert committed(broker, topic) == [b"committed"]


def test_stopped_it_leaves_no_process_and_starts_with_its_data(broker: LocalKafka, topic: str) -> None:
    """Given a record, when the broker is stopped and started, then the record is there, and one process."""
    with_ack = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    with_ack.send(topic, b"kept").get(timeout=10)
    with_ack.close()
    process = psutil.Process(broker.pid)
    broker.stop()
    assert not alive(process)
    broker.start()
    broker.start()
    assert committed(broker, topic) == [b"kept"]


def test_a_topic_is_never_made_by_mistake(kafka: LocalKafka) -> None:
    """When a producer names a topic that is not there, then it gets an error and there is no such topic."""
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, max_block_ms=1500)
    with pytest.raises(KafkaError):
        producer.send("mistyped", b"lost").get(timeout=5)
    producer.close()
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    assert "mistyped" not in admin.list_topics()
    admin.close()


def test_two_on_one_folder_are_refused(kafka: LocalKafka) -> None:
    """Given a running broker, when another is started on its folder, then a sentence names who runs it."""
    with pytest.raises(LocalServiceError, match=f"already run from .* by process {os.getpid()}. Stop that"):
        LocalKafka(kafka.folder, kafka.jars).start()
    assert kafka.running


def test_a_port_in_use_is_named_with_its_holder(kafka: LocalKafka, tmp_path: Path) -> None:
    """Given a port that another program listens on, then the sentence names port, program and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalServiceError) as refused:
            LocalKafka(tmp_path / "kafka", kafka.jars, port).start()
    assert f"Apache Kafka cannot listen on 127.0.0.1:{port}" in str(refused.value)
    assert f"(process {os.getpid()}) listens there already" in str(refused.value)
    assert "name another port" in str(refused.value)


def test_a_broker_that_does_not_come_up_says_why(kafka: LocalKafka, tmp_path: Path) -> None:
    """Given a setting that Kafka refuses at its start, then the sentence quotes the end of its log."""
    bad = {"log.cleaner.threads": "-1"}
    own = LocalKafka(tmp_path / "kafka", kafka.jars, settings=bad)
    own.data.mkdir(parents=True)  # as if it had been formatted, which would refuse it as well
    with pytest.raises(LocalServiceError, match=r"did not come up in .*(?s:.)*log\.cleaner\.threads"):
        own.start()
    assert not own.running


def test_a_folder_that_cannot_be_formatted_says_why(kafka: LocalKafka, tmp_path: Path) -> None:
    """Given a setting that is refused when the data folder is made, then the sentence says what Kafka says,
    and a later start begins anew."""
    own = LocalKafka(tmp_path / "kafka", kafka.jars, settings={"process.roles": "none"})
    with pytest.raises(
        LocalServiceError, match=r"could not be made; its StorageTool says: (?s:.)*process\.roles"
    ):
        own.start()
    assert not own.data.exists()
