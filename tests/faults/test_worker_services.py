"""Workers while Kafka or PostgreSQL is away: they say so, wait, and go on by themselves."""

from __future__ import annotations

from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from tests.support.histories import long_history
from tests.support.relaying import until
from tests.support.working import Publisher, Workers


def test_a_broker_that_was_killed_and_restarted_is_found_again(workers: Workers, kafka: LocalKafka) -> None:
    rows = long_history(600).rows
    first = Publisher(workers.bootstrap)
    first.publish(rows[:300], size=30)
    workers.start()
    workers.until_at(rows[299].position)
    first.close()
    kafka.kill()
    try:
        until(lambda: {s["state"] for s in workers.shares()} == {"waiting_for_broker"}, "a visible wait")
        assert "does not answer" in workers.shares()[0]["reason"]
    finally:
        kafka.start()
    second = Publisher(workers.bootstrap)
    second.last = first.last
    second.publish(rows[300:], size=30)
    workers.until_at(rows[-1].position)
    second.close()
    assert {(s["state"], s["reason"]) for s in workers.shares()} == {("running", None)}
    workers.check(rows)


def test_a_database_that_was_killed_and_restarted_is_found_again(
    workers: Workers, postgres: LocalPostgres
) -> None:
    rows = long_history(600).rows
    publisher = Publisher(workers.bootstrap)
    publisher.publish(rows[:300], size=10)
    worker = workers.start()
    until(lambda: workers.position() > 0, "a first seal applied")
    postgres.kill()
    try:
        publisher.publish(rows[300:], size=10)
        until(lambda: "database is away" in workers.log(), "a worker that says so")
    finally:
        postgres.start()
    workers.until_at(rows[-1].position)
    publisher.close()
    workers.check(rows)
    assert worker.poll() is None, "it lived through it"
