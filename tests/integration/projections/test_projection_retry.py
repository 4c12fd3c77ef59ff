"""Parked events are applied again by an operator, in order, beside workers whose shares it takes
meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from uuid import UUID, uuid4

import orjson
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from consumers.worker.retry import RetryFailed, RetryResult, retry
from domain.events.catalogue import CATALOGUE
from domain.events.registry import Registry
from projections.control import operating
from projections.control.failures import ACTS, failures
from projections.control.shares import Shares
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.release.schema import install
from projections.runtime.apply import Applier
from projections.runtime.decode import Category, Decoder
from projections.runtime.replay import fold_all
from tests.support.database import PARTITIONS, Urls, migrated
from tests.support.histories import long_history
from tests.support.read_side import apply_rows, normal, table_rows
from tests.support.store import execute

HISTORY = [row for row in long_history(300, spread=10).rows if row.type.startswith("crm.opportunity.")]
WITHOUT_TEAMS = Registry([t for t in CATALOGUE.types if t.name != "crm.opportunity.team_changed"])


@pytest.fixture
def at(fresh_database: str) -> Urls:
    """A read side with its roles."""
    return migrated(fresh_database, read_side=partial(install, partitions=PARTITIONS))


@pytest.fixture
def reading(at: Urls) -> Iterator[Connection]:
    """A worker's connection to it."""
    with closing(psycopg2.connect(at.worker)) as connection:
        yield connection


def hold_teams(reading: Connection) -> list[StoredRow]:
    """Applies all with a program that does not know `team_changed`; returns the parked events."""
    applier = Applier(PIPELINE_V1, Decoder(WITHOUT_TEAMS))
    assert apply_rows(reading, PIPELINE_V1, HISTORY, [50], applier)
    with reading, reading.cursor() as c:
        c.execute("SELECT position FROM control.held ORDER BY position")
        positions = {position for (position,) in c.fetchall()}
    return [row for row in HISTORY if row.position in positions]


def again(at: Urls, aggregate: UUID | None = None, registry: Registry = CATALOGUE) -> RetryResult:
    """A retry by a program that knows all types."""
    return retry(PIPELINE_V1, owner_url=at.owner, registry=registry, aggregate=aggregate, by="ann")


def shares(at: Urls) -> dict[int, tuple[int, str, str | None]]:
    """Epoch, state and owner of each partition's share."""
    found = execute(
        at.admin,
        "SELECT partition, epoch, state, worker::text FROM control.share WHERE projection = 'pipeline'",
    )
    return {partition: (epoch, state, worker) for partition, epoch, state, worker in found}


def test_everything_is_drained_in_order_and_the_rows_are_as_if_nothing_had_happened(
    at: Urls, reading: Connection
) -> None:
    parked = hold_teams(reading)
    done = again(at)
    assert (done.applied, done.failures) == (len(parked), ())
    assert done.freed == len({row.aggregate_id for row in parked})
    assert execute(at.admin, "SELECT * FROM control.held") == []
    noted = execute(at.admin, "SELECT act, projection, version, principal, details FROM control.operation")
    assert noted == [("retried", "pipeline", 1, "ann", {"applied": len(parked), "aggregate": None})]
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(fold_all(PIPELINE_V1, HISTORY, CATALOGUE))


def test_one_aggregate_is_drained_and_the_others_stay(at: Urls, reading: Connection) -> None:
    parked = hold_teams(reading)
    one = parked[0].aggregate_id
    assert len({row.aggregate_id for row in parked}) > 1
    done = again(at, one)
    assert (done.applied, done.freed) == (sum(row.aggregate_id == one for row in parked), 1)
    left = {UUID(str(id)) for (id,) in execute(at.admin, "SELECT DISTINCT aggregate_id FROM control.held")}
    assert left == {row.aggregate_id for row in parked} - {one}
    applied = [row for row in HISTORY if row not in parked or row.aggregate_id == one]
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(fold_all(PIPELINE_V1, applied, CATALOGUE))


def test_what_still_fails_stays_parked_with_its_error_of_now(at: Urls, reading: Connection) -> None:
    parked = hold_teams(reading)
    bad = parked[0]
    broken = orjson.loads(bad.event) | {"data": {}}
    execute(
        at.admin,
        "UPDATE control.held SET event = %s WHERE position = %s",
        (psycopg2.Binary(orjson.dumps(broken)), bad.position),
    )
    done = again(at)
    stuck = [row for row in parked if row.aggregate_id == bad.aggregate_id]
    assert done.applied == len(parked) - len(stuck)
    (failure,) = done.failures
    assert (failure.position, failure.aggregate_id) == (bad.position, str(bad.aggregate_id))
    assert (failure.category, failure.waiting) == ("apply", len(stuck) - 1)
    assert failure.error.startswith("KeyError")
    assert failure.act == ACTS["apply"].format(name="pipeline", version=1)


def test_an_unreadable_event_is_drained_with_all_that_its_party_waits_for(
    at: Urls, reading: Connection
) -> None:
    """Nobody can say whose aggregate it is, so the party's events are drained together, in order."""
    number = next(n for n, row in enumerate(HISTORY) if row.version == 2 and row.party != row.aggregate_id)
    bad = HISTORY[number]
    apply_rows(
        reading,
        PIPELINE_V1,
        [*HISTORY[:number], bad._replace(event=b"no json"), *HISTORY[number + 1 :]],
        [50],
    )
    with reading, reading.cursor() as c:
        found = failures(c, "pipeline", 1)
        mine = failures(c, "pipeline", 1, aggregate=bad.aggregate_id)
    assert (found[0].position, found[0].aggregate_id, found[0].party) == (
        bad.position, None, str(bad.party),
    )  # fmt: skip
    assert None in {failure.aggregate_id for failure in mine}, "it says what the aggregate waits for"
    execute(
        at.admin,
        "UPDATE control.held SET event = %s WHERE position = %s",
        (psycopg2.Binary(bad.event), bad.position),
    )
    assert again(at).failures == ()
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(fold_all(PIPELINE_V1, HISTORY, CATALOGUE))


def test_the_worker_loses_its_share_for_as_long_as_the_retry_takes(at: Urls, reading: Connection) -> None:
    parked = hold_teams(reading)
    wanted = {partition_of(str(row.party), PARTITIONS) for row in parked}
    worker = Shares(PIPELINE_V1, uuid4(), lease=60.0, host="h", pid=1)
    with reading, reading.cursor() as c:
        epochs = {share.partition: share.epoch for share in worker.claim(c, {}, PARTITIONS)}
    before = shares(at)
    again(at)
    after = shares(at)
    assert {p for p in after if after[p][0] > before[p][0]} == wanted
    assert {after[p] for p in wanted} == {(2, "running", None)}
    with reading, reading.cursor() as c:
        kept, _ = worker.tend(c, epochs, 0.0)
        assert kept == set(epochs) - wanted
        assert {share.partition for share in worker.claim(c, {p: epochs[p] for p in kept}, 9)} == wanted


def test_shares_of_a_retry_that_was_killed_are_free_after_its_lease(at: Urls, reading: Connection) -> None:
    taken = operating.TakenShares(PIPELINE_V1, uuid4(), lease=0.0)
    with reading, reading.cursor() as c:
        assert taken.take(c, [0, 1])
    assert [shares(at)[p][1] for p in (0, 1)] == ["retrying", "retrying"]
    worker = Shares(PIPELINE_V1, uuid4(), lease=60.0, host="h", pid=1)
    with reading, reading.cursor() as c:
        assert {(share.partition, share.state) for share in worker.claim(c, {}, 2)} == {
            (0, "running"),
            (1, "running"),
        }
        assert not taken.keep(c), "it may write no more"


def test_a_paused_read_model_is_retried_and_stays_paused(at: Urls, reading: Connection) -> None:
    parked = hold_teams(reading)
    with reading, reading.cursor() as c:
        assert operating.pause(c, "pipeline", 1, "a fix is on its way.", "ann") == PARTITIONS
        assert operating.pause(c, "pipeline", 1, "again", "bob") == 0
    assert again(at).applied == len(parked)
    assert {state for _, state, _ in shares(at).values()} == {"paused"}
    worker = Shares(PIPELINE_V1, uuid4(), lease=60.0, host="h", pid=1)
    with reading, reading.cursor() as c:
        assert worker.claim(c, {}, 9) == []
        assert operating.resume(c, "pipeline", 1) == PARTITIONS
        assert len(worker.claim(c, {}, 9)) == PARTITIONS
    reasons = execute(at.admin, "SELECT DISTINCT reason FROM control.share WHERE projection = 'pipeline'")
    assert reasons == [(None,)]


def test_a_version_that_is_being_built_is_not_retried(at: Urls, reading: Connection) -> None:
    hold_teams(reading)
    execute(at.admin, "UPDATE control.share SET state = 'verifying' WHERE projection = 'pipeline'")
    before = shares(at)
    with pytest.raises(RetryFailed, match="being built or verified"):
        again(at)
    assert shares(at) == before


def test_nothing_parked_is_nothing_to_do(at: Urls) -> None:
    before = shares(at)
    assert again(at) == RetryResult(applied=0, freed=0, failures=())
    assert shares(at) == before, "no worker is disturbed for nothing"


@pytest.mark.parametrize("category", ["apply", "decode", "unknown_type", "key_missing"])
def test_every_category_has_one_act_with_its_command(category: Category) -> None:
    act = ACTS[category].format(name="pipeline", version=2)
    assert act.endswith(("retry pipeline --version 2 --all`.", "by themselves."))
