"""Workers while Kafka or PostgreSQL is away: they say so, wait, and go on by themselves."""

from __future__ import annotations

import threading
from contextlib import closing

import psycopg2
import pytest

from consumers.kafka.address import KafkaAddress
from consumers.worker.worker import Worker, WorkerStopped
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from domain.events.catalogue import CATALOGUE
from projections.registry import named
from projections.runtime.decode import is_away
from tests.support.at_work import at_work
from tests.support.histories import long_history
from tests.support.kafka import delete_topics, make_topics
from tests.support.relaying import until
from tests.support.store import execute
from tests.support.working import KEY, Publisher, Workers


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


def test_a_database_that_takes_no_writes_is_waited_for(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    """As a standby after a failover: whether it was one from the beginning, or became one in mid-session."""
    with closing(psycopg2.connect(workers.urls.worker)) as connection, connection.cursor() as c:
        c.execute("SET TRANSACTION READ ONLY")
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction) as refused:
            c.execute("CREATE TEMPORARY TABLE one (id int)")
        assert is_away(refused.value)
        c.execute("ROLLBACK; SELECT current_database()")
        (name,) = c.fetchone() or ("",)
    execute(workers.urls.admin, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with at_work(workers, named("pipeline")) as (worker,):
        until(lambda: worker.meter.away, "a wait that its metrics show")
        assert "database is away" in caplog.text
        with closing(psycopg2.connect(workers.urls.admin)) as admin, admin, admin.cursor() as c:
            c.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; COMMIT")
            c.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        until(lambda: all(share["worker"] for share in workers.shares()), "its shares")
        assert not worker.meter.away


def test_topics_that_are_not_there_yet_are_waited_for(workers: Workers) -> None:
    rows = long_history(100).rows
    delete_topics(workers.bootstrap)
    workers.start()
    until(lambda: {s["state"] for s in workers.shares()} == {"waiting_for_broker"}, "a visible wait")
    assert "has no topic crm.opportunity.v1, crm.seal.v1 yet" in workers.shares()[0]["reason"]
    make_topics(workers.bootstrap)
    publisher = Publisher(workers.bootstrap)
    publisher.publish(rows)
    workers.until_at(rows[-1].position)
    publisher.close()
    workers.check(rows)


def test_a_read_side_that_was_never_made_stops_the_worker_with_a_sentence(
    workers: Workers, fresh_database: str
) -> None:
    execute(workers.urls.admin, "DROP SCHEMA control CASCADE")
    worker = Worker(
        named("pipeline"),
        read_url=workers.urls.worker,
        address=KafkaAddress(bootstrap=workers.bootstrap),
        registry=CATALOGUE,
        public_key=KEY.public_key(),
    )
    with pytest.raises(WorkerStopped, match=r"not ready for pipeline_v1 .*Run `rapport migrate`"):
        worker.run(threading.Event())
