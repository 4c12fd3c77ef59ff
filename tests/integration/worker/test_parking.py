"""A live worker meets events that it cannot apply: they are parked, all others are shown, and it lives on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import orjson
import psycopg2
import pytest

from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import named
from projections.runtime.projection import EventMap, Projection, Row
from projections.runtime.replay import fold_all
from tests.support.at_work import at_work
from tests.support.histories import long_history, opened
from tests.support.read_side import normal, table_rows
from tests.support.relaying import until
from tests.support.store import execute
from tests.support.working import Publisher, Workers


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics."""
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


def seconds_of(rows: Sequence[StoredRow], family: str) -> list[StoredRow]:
    """The second event of each aggregate of the family whose party has no other record of it."""
    return [
        row for row in rows if row.version == 2 and row.type.startswith(f"crm.{family}.") and alone(rows, row)
    ]


def alone(rows: Sequence[StoredRow], row: StoredRow) -> bool:
    """Whether the aggregate is all that its party has in that topic, so that parked by party is no more."""
    family = row.type.split(".")[1]
    mine = {r.aggregate_id for r in rows if r.party == row.party and r.type.split(".")[1] == family}
    return mine == {row.aggregate_id}


def edited(row: StoredRow, **members: Any) -> StoredRow:
    """The event with other members in its envelope."""
    return row._replace(event=orjson.dumps(orjson.loads(row.event) | members))


def without(rows: Sequence[StoredRow], bad: Sequence[StoredRow]) -> list[StoredRow]:
    """What is applied when these are parked: all but them and what comes later of their aggregates."""
    first = {row.aggregate_id: row.position for row in bad}
    return [row for row in rows if row.position < first.get(row.aggregate_id, row.position + 1)]


def spoiling(position: int) -> Projection:
    """`pipeline` with a fold that makes a value there which is not JSON, as no row can have."""
    table = PIPELINE_V1.tables[0]

    def fold(row: Row | None, event: EventMap) -> Row:
        after = table.fold(row, event)
        return {**after, "competitor": object()} if event["position"] == position else after

    return replace(PIPELINE_V1, tables=(replace(table, fold=fold), *PIPELINE_V1.tables[1:]))


def parked_rows(workers: Workers, projection: str) -> dict[int, str]:
    """Position to category of what is parked for its own sake."""
    found = execute(
        workers.urls.admin,
        "SELECT position, category FROM control.held"
        " WHERE projection = %s AND error NOT LIKE 'Waits behind%%'",
        (projection,),
    )
    return {int(position): str(category) for position, category in found}


def test_a_worker_holds_each_kind_of_bad_event_and_shows_all_others(
    workers: Workers, publisher: Publisher
) -> None:
    """Refused by the database, a malformed id, a row that cannot be spelled, data that is not an object: in
    one batch, as in a catch-up, and one more later."""
    rows = long_history(900, every_family=True, spread=60).rows
    time, subject, spelled, *_, late = seconds_of(rows, "opportunity")
    data = next(row for row in seconds_of(rows, "contact") if row.aggregate_id != row.party)
    bad = {
        time.position: edited(time, time="no time"),
        late.position: edited(late, time="no time"),
        subject.position: edited(subject, subject="no-id"),
        data.position: edited(data, data=None),
    }
    published = [bad.get(row.position, row) for row in rows]
    half = late.position - 1
    publisher.publish([row for row in published if row.position <= half], size=30)
    pipeline, customers = spoiling(spelled.position), named("customer_360")
    with at_work(workers, pipeline, customers):
        workers.until_at(half, "pipeline")
        publisher.publish([row for row in published if row.position > half], size=30)
        workers.until_at(rows[-1].position, "pipeline")
        workers.until_at(rows[-1].position, "customer_360")
    assert parked_rows(workers, "pipeline") == {
        time.position: "apply", spelled.position: "apply", late.position: "apply", subject.position: "decode",
    }  # fmt: skip
    with closing(psycopg2.connect(workers.urls.admin)) as connection:
        found = table_rows(connection, PIPELINE_V1)
    spared = without(rows, [time, subject, spelled, late])
    assert normal(found) == normal(fold_all(PIPELINE_V1, spared, CATALOGUE))
    assert parked_rows(workers, "customer_360")[data.position] == "decode"
    received = sum(int(share["received"]) for share in workers.shares())
    assert received == sum(row.type.startswith("crm.opportunity.") for row in rows), "parked ones count"


SLOW = """
CREATE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.008); RETURN NEW; END';
CREATE TRIGGER slowly BEFORE INSERT ON pipeline_v1.opportunity_version
    FOR EACH ROW EXECUTE FUNCTION public.slowly();
"""


def test_a_refused_value_in_a_full_batch_costs_nobody_its_shares(
    workers: Workers, publisher: Publisher
) -> None:
    """Given two workers, a database that takes far longer than the lease for one seal, and a value in it that
    is refused, then each works its way through, under the leases that it had."""
    rows = [row for row in long_history(900, spread=60).rows if row.type.startswith("crm.opportunity.")]
    bad = seconds_of(rows, "opportunity")[0]
    published = [edited(row, time="no time") if row is bad else row for row in rows]
    execute(workers.urls.admin, SLOW)
    workers.timeouts |= {"lease": 0.8}

    def owners() -> list[tuple[str, int]]:
        return [(str(share["worker"]), share["epoch"]) for share in workers.shares()]

    with at_work(workers, PIPELINE_V1, PIPELINE_V1):
        until(lambda: len({worker for worker, _ in owners()} - {"None"}) == 2, "two workers with shares")
        until(lambda: "None" not in dict(owners()), "no share without a worker")
        before = owners()
        publisher.publish(published, size=10_000)
        workers.until_at(rows[-1].position)
        assert owners() == before, "nobody lost a share over it"
    assert parked_rows(workers, "pipeline") == {bad.position: "apply"}
    with closing(psycopg2.connect(workers.urls.admin)) as connection:
        found = table_rows(connection, PIPELINE_V1)
    assert normal(found) == normal(fold_all(PIPELINE_V1, without(rows, [bad]), CATALOGUE, opened))
