"""After an upgrade a worker applies what an older program parked: under its shares' locks, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from unittest.mock import patch
from uuid import uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from consumers.worker.upgrade import Upgrade
from domain.events.catalogue import CATALOGUE
from domain.events.registry import Registry
from projections.control import parked_events
from projections.control.shares import Shares, SharesLost
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.release.schema import install
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder
from projections.runtime.replay import fold_all
from tests.support.histories import long_history
from tests.support.read_side import apply_rows, normal, table_rows

HISTORY = [row for row in long_history(300, spread=10).rows if row.type.startswith("crm.opportunity.")]
ALL = dict.fromkeys(range(6), 1)


def knowing(*, unknown: tuple[str, ...]) -> Registry:
    """The event types of a program that does not know these."""
    return Registry([t for t in CATALOGUE.types if t.name.removeprefix("crm.opportunity.") not in unknown])


OLD = knowing(unknown=("team_changed", "amount_changed"))
NEWER = knowing(unknown=("amount_changed",))


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A read side with what an old program made of the history."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        assert apply_rows(connection, PIPELINE_V1, HISTORY, [50], Applier(PIPELINE_V1, Decoder(OLD)))
        yield connection


def upgraded(reading: Connection, registry: Registry, lease: float = 60.0) -> tuple[Upgrade, Shares]:
    """A program that knows these types, with all shares."""
    applier = Applier(PIPELINE_V1, Decoder(registry))
    shares = Shares(PIPELINE_V1, uuid4(), lease=lease, host="h", pid=1)
    with reading, reading.cursor() as c:
        applier.prepare(c)
        applier.forget(c)
        assert {share.partition: share.epoch for share in shares.claim(c, {}, 6)} == ALL
    return Upgrade(applier, shares, lease), shares


def parked_rows(reading: Connection) -> dict[int, tuple[object, ...]]:
    """What is parked, whole, by position."""
    with reading, reading.cursor() as c:
        c.execute(
            "SELECT position, category, aggregate_id::text, error, held_at"
            " FROM control.held ORDER BY position"
        )
        return {row[0]: row[1:] for row in c.fetchall()}


def test_a_worker_that_lost_a_share_touches_nothing_of_what_is_parked(reading: Connection) -> None:
    """Its lease ran out and another works on: applied by both, an event would be applied and parked."""
    upgrade, _ = upgraded(reading, CATALOGUE)
    before, rows = parked_rows(reading), table_rows(reading, PIPELINE_V1)
    with reading, reading.cursor() as c:
        c.execute("UPDATE control.share SET epoch = epoch + 1 WHERE partition = 3")
    with pytest.raises(SharesLost, match="1 of 6 shares"):
        upgrade.run(reading, ALL, ALL, 0.0)
    assert parked_rows(reading) == before
    assert table_rows(reading, PIPELINE_V1) == rows


def test_what_is_still_unknown_stays_as_it_is(reading: Connection) -> None:
    """Parked since when it was, and not parked again at each start."""
    before = parked_rows(reading)
    upgrade, _ = upgraded(reading, NEWER)
    upgrade.run(reading, ALL, ALL, 0.0)
    after = parked_rows(reading)
    first: dict[object, object] = {}
    for _, aggregate, error, _ in before.values():
        first.setdefault(aggregate, error)
    unknown = {aggregate for aggregate, error in first.items() if "amount_changed" in str(error)}
    kept = {position: one for position, one in before.items() if one[1] in unknown}
    assert kept
    assert {position: after.get(position) for position in kept} == kept
    assert len(after) < len(before), "the others are applied, up to what is unknown in them too"


def test_much_is_applied_a_little_at_a_time_and_shares_are_renewed_in_between(reading: Connection) -> None:
    """Given a lease that is over at once, each aggregate has a transaction of its own; and who waits is not
    asked again for each, which would take hours."""
    aggregates = {aggregate for _, aggregate, _, _ in parked_rows(reading).values()}
    upgrade, shares = upgraded(reading, CATALOGUE, lease=0.0)
    with (
        patch.object(shares, "keep", wraps=shares.keep) as renewed,
        patch.object(shares, "stay", wraps=shares.stay) as beaten,
        patch.object(parked_events, "load", side_effect=AssertionError("all that is parked was read again")),
    ):
        upgrade.run(reading, ALL, ALL, 0.0)
        assert len(aggregates) > 1
        assert renewed.call_count == beaten.call_count == len(aggregates) + 1
        upgrade.run(reading, ALL, ALL, 0.0)
        assert renewed.call_count == len(aggregates) + 1, "once for each claim of a share"
    assert parked_rows(reading) == {}
    assert normal(table_rows(reading, PIPELINE_V1)) == normal(fold_all(PIPELINE_V1, HISTORY, CATALOGUE))


def test_a_heartbeat_in_the_middle_of_work_waits_for_no_commit(
    reading: Connection, fresh_database: str
) -> None:
    """The commit has the shares' rows; each could wait for the other."""
    _, shares = upgraded(reading, CATALOGUE)
    with reading.cursor() as c, closing(psycopg2.connect(fresh_database)) as other, other.cursor() as second:
        c.execute("UPDATE control.share SET lease_until = now() - interval '1 hour'")
        reading.commit()
        c.execute("SELECT FROM control.share WHERE partition = 0 FOR UPDATE")
        second.execute("SET lock_timeout = '2s'")
        shares.stay(second, ALL, 1.0)
        other.commit()
        reading.rollback()
        c.execute("SELECT partition FROM control.share WHERE lease_until > now() ORDER BY 1")
        assert [partition for (partition,) in c.fetchall()] == [1, 2, 3, 4, 5]
