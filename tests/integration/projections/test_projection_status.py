"""The status of read models is true, also where nothing ever ran, no worker runs, or the store is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from deploy.health.projection_health import judged
from deploy.metrics import read_models
from projections.control.shares import Shares
from projections.control.status import Status, positions, projection_status
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.release.schema import install

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed read side that nobody has worked on."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def pipeline(connection: Connection, head: int | None = 100, **options: Any) -> Status:
    """The status of `pipeline`."""
    with connection:
        statuses = projection_status(connection, head, **options)
    assert [s.projection for s in statuses] == sorted(p.name for p in PROJECTIONS)
    return next(s for s in statuses if s.projection == "pipeline")


def run(connection: Connection, statement: str) -> None:
    with connection, connection.cursor() as c:
        c.execute(statement)


def at_work(connection: Connection, position: int, heard: str = "0 seconds") -> None:
    """All shares at a position, held by a worker that was heard of so long ago."""
    run(
        connection,
        "INSERT INTO control.worker VALUES (gen_random_uuid(), 'pipeline', 1, 'host', 1, now(), "
        f"now() - interval '{heard}', 12.5);"
        f"UPDATE control.share SET epoch = 1, position = {position}, received = 5, "
        f"lease_until = now() + interval '8 seconds' - interval '{heard}', "
        "worker = (SELECT id FROM control.worker) WHERE projection = 'pipeline'",
    )


def test_rows_are_told_when_a_crash_has_cost_the_server_its_counters(reading: Connection) -> None:
    """PostgreSQL forgets its statistics then; what the last ANALYZE found it keeps."""
    run(
        reading,
        "INSERT INTO identity_v1.link SELECT gen_random_uuid(), 'lead', NULL, now(), 1, n, now() "
        "FROM generate_series(1, 30) n",
    )
    for statement in (
        "ANALYZE identity_v1.link",
        "SELECT pg_stat_force_next_flush()",
        "SELECT pg_stat_reset()",
    ):
        run(reading, statement)
    with reading:
        (status,) = [s for s in projection_status(reading, 0) if s.projection == "identity"]
    assert status.rows == 30


def test_one_that_never_started_says_so_and_is_not_at_lag_0(reading: Connection) -> None:
    status = pipeline(reading, head=0)
    assert (status.state, status.active, status.heartbeat_age) == ("never_started", True, None)
    assert status.reason == "No worker has ever run. Start one: `rapport projection run pipeline`."


def test_one_that_keeps_up_is_live(reading: Connection) -> None:
    at_work(reading, 100)
    status = pipeline(reading)
    assert (status.state, status.reason, status.lag_events, status.lag_seconds) == ("live", None, 0, 0.0)
    assert (status.rate, status.workers, status.received, status.position) == (12.5, 1, 30, 100)


def test_lag_is_measured_against_the_stores_head_and_its_oldest_event(reading: Connection) -> None:
    at_work(reading, 70)
    run(reading, "UPDATE control.share SET position = 60 WHERE partition = 4 AND projection = 'pipeline'")
    asked = []

    def recorded(position: int) -> datetime:
        asked.append(position)
        return NOW - timedelta(seconds=90)

    status = pipeline(reading, recorded_behind=recorded, now=lambda: NOW)
    assert (status.state, status.position, status.lag_events) == ("catching_up", 60, 40)
    assert (status.lag_seconds, 60 in asked) == (90.0, True)


def test_a_mark_that_nobody_moves_shows(reading: Connection) -> None:
    at_work(reading, 70, heard="3 minutes")
    status = pipeline(reading)
    assert (status.state, status.workers, status.rate, status.lag_events) == ("no_worker", 0, 0.0, 30)
    assert status.reason == (
        "No worker was heard of for 180 seconds. Start one: `rapport projection run pipeline`."
    )


def test_without_the_store_the_lag_is_unknown_and_not_0(reading: Connection) -> None:
    at_work(reading, 70)
    status = pipeline(reading, head=None)
    assert (status.head, status.lag_events, status.lag_seconds, status.position) == (None, None, None, 70)


@pytest.mark.parametrize("state", ["seal_mismatch", "waiting_for_broker", "paused"])
def test_the_worst_state_of_a_share_is_the_projections_with_its_reason(
    reading: Connection, state: str
) -> None:
    at_work(reading, 70)
    run(
        reading,
        f"UPDATE control.share SET state = '{state}', reason = 'crm.opportunity.v1 partition 2: so' "
        "WHERE partition = 2 AND projection = 'pipeline'",
    )
    status = pipeline(reading)
    assert (status.state, status.reason) == (state, "crm.opportunity.v1 partition 2: so")


def test_shares_that_nobody_holds_are_told(reading: Connection) -> None:
    at_work(reading, 100)
    run(
        reading,
        "UPDATE control.share SET lease_until = now() - interval '1 second' "
        "WHERE partition < 2 AND projection = 'pipeline'",
    )
    status = pipeline(reading)
    assert (status.state, status.reason) == (
        "catching_up",
        "2 of 6 shares wait for a worker to claim them.",
    )


def test_parked_events_are_counted(reading: Connection) -> None:
    at_work(reading, 100)
    run(
        reading,
        "INSERT INTO control.held SELECT 'pipeline', 1, n, gen_random_uuid(), gen_random_uuid(), 'apply', "
        "'e', '' FROM generate_series(1, 3) n",
    )
    assert pipeline(reading).parked == 3


def test_the_position_for_reading_ones_own_writes_is_the_least_share_of_the_active_version(
    reading: Connection,
) -> None:
    at_work(reading, 70)
    run(reading, "UPDATE control.share SET position = 9 WHERE partition = 5 AND projection = 'pipeline'")
    run(reading, "INSERT INTO control.share (projection, version, partition) VALUES ('pipeline', 2, 0)")
    with reading:
        assert positions(reading, "pipeline") == 9
        assert positions(reading, "nothing") == 0


def marked(connection: Connection, position: int, ago: str) -> None:
    """`pipeline` stood at that position then."""
    run(
        connection,
        f"INSERT INTO control.mark VALUES ('pipeline', 1, {position} % 60, now() - interval '{ago}', "
        f"{position})",
    )


def test_the_trend_compares_with_about_a_minute_ago(reading: Connection) -> None:
    """A minute ago 20 events were behind (of 40), now 60 (of 100): the lag grows by 40 a minute."""
    at_work(reading, 40)
    marked(reading, 20, "60 seconds")
    marked(reading, 5, "300 seconds")
    marked(reading, 40, "2 seconds")
    then = datetime.now(UTC) - timedelta(seconds=70)

    def recorded(position: int) -> datetime | None:
        return then if position < 40 else datetime.now(UTC)

    status = pipeline(reading, recorded_behind=recorded)
    assert status.lag_trend == pytest.approx(40 / 60, rel=0.4)
    assert status.time_left is None, "at this pace it never catches up"


def test_without_a_mark_the_rate_tells_the_time_left(reading: Connection) -> None:
    at_work(reading, 75)
    status = pipeline(reading, recorded_behind=lambda _: NOW, now=lambda: NOW)
    assert (status.lag_trend, status.time_left) == (None, 2.0)


def test_a_worker_leaves_marks_that_are_written_over_and_never_pile_up(reading: Connection) -> None:
    worker = Shares(PIPELINE_V1, uuid4(), lease=8.0, host="h", pid=1)
    with reading, reading.cursor() as c:
        for _ in range(3):
            worker.tend(c, {}, 0.0)
        c.execute("SELECT count(*), min(position) FROM control.mark")
        assert c.fetchone() == (1, 0)
        c.execute("UPDATE control.mark SET at = at - interval '10 minutes'")
        c.execute("UPDATE control.share SET position = 9")
        worker.tend(c, {}, 0.0)
        c.execute("SELECT count(*) FROM control.mark WHERE position = 9 AND at > now() - interval '1 minute'")
        assert c.fetchone() == (1,)


@pytest.mark.parametrize(
    ("share", "rebuild", "state"),
    [
        ("filling", "filling", "filling"),
        ("running", "ready", "ready"),
        ("seal_mismatch", "catching_up", "seal_mismatch"),
    ],
)
def test_a_candidate_says_how_far_its_rebuild_is_unless_its_workers_are_stopped(
    reading: Connection, share: str, rebuild: str, state: str
) -> None:
    at_work(reading, 100)
    run(reading, f"UPDATE control.share SET state = '{share}' WHERE projection = 'pipeline'")
    run(reading, "DELETE FROM control.active WHERE projection = 'pipeline'")
    run(
        reading,
        "INSERT INTO control.rebuild (id, projection, version, state, source, by_whom) "
        f"VALUES (gen_random_uuid(), 'pipeline', 1, '{rebuild}', 'store', 'ann')",
    )
    assert pipeline(reading).state == state


def test_a_version_that_another_has_followed_is_live_as_long_as_it_is_kept_up_to_date(
    reading: Connection,
) -> None:
    """Version 2 was swapped to, and then version 3: nothing is wrong, and rollback needs version 2."""
    at_work(reading, 100)
    for version in (2, 3):
        run(
            reading,
            "INSERT INTO control.share "
            "(projection, version, partition, epoch, lease_until, position, worker) "
            f"SELECT projection, {version}, partition, epoch, lease_until, position, worker "
            "FROM control.share WHERE projection = 'pipeline' AND version = 1;"
            f"INSERT INTO control.worker SELECT gen_random_uuid(), projection, {version}, host, pid, "
            "started, heartbeat, rate FROM control.worker WHERE version = 1;"
            "INSERT INTO control.rebuild (id, projection, version, state, source, by_whom) "
            f"VALUES (gen_random_uuid(), 'pipeline', {version}, 'swapped', 'store', 'ann');"
            f"UPDATE control.active SET previous = version, version = {version} "
            "WHERE projection = 'pipeline'",
        )

    def states() -> list[tuple[int, bool, str]]:
        with reading:
            found = [s for s in projection_status(reading, 100) if s.projection == "pipeline"]
        assert {s.state for s in found} <= set(read_models.STATES), "it has no metric of its own"
        assert [judged(s) for s in found if s.state == "live"] == [[]] * sum(s.state == "live" for s in found)
        return [(s.version, s.active, s.state) for s in found]

    assert states() == [(1, False, "live"), (2, False, "live"), (3, True, "live")]
    run(reading, "UPDATE control.share SET state = 'paused' WHERE version = 2")
    run(reading, "UPDATE control.worker SET heartbeat = now() - interval '1 hour' WHERE version = 1")
    assert states() == [(1, False, "no_worker"), (2, False, "paused"), (3, True, "live")]
