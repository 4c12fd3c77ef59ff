"""Apache Kafka on this machine: started, stopped, killed, and refused with a sentence."""

import psutil

from deploy.local.kafka import LocalKafka


def test_the_broker_is_apache_kafka(kafka: LocalKafka) -> None:
    """Given the tests' broker, then it is Java running Apache Kafka 4.3.1 from the checked jars."""
    assert kafka.pid is not None
    process = psutil.Process(kafka.pid)
    assert process.name() == "java"
    command = process.cmdline()
    assert "kafka.Kafka" in command
    assert "kafka_2.13-4.3.1.jar" in command[command.index("-cp") + 1]
    assert listens_on(process, kafka.port)
    assert "Kafka version: 4.3.1" in kafka.log.read_text()


def listens_on(process: psutil.Process, port: int) -> bool:
    """Whether this very process is the one that listens on the port."""
    return any(
        connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        for connection in process.net_connections("tcp")
    )
