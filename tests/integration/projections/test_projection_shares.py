"""Shares: one owner at a time, by epoch and lease, on the database's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID, uuid4

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from projections.control.shares import MISMATCH, Checkpoint, Share, Shares, SharesLost
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.release.schema import install

NEXT = Checkpoint(position=10, sequence=1, hash=bytes([7]) * 32, offsets={"crm.opportunity.v1": 4})


@pytest.fixture
def reading(fresh_database: str) -> Iterator[Connection]:
    """A connection to an installed, empty read side."""
    install(fresh_database, partitions=6)
    with closing(psycopg2.connect(fresh_database)) as connection:
        yield connection


def owner(lease: float = 60.0, worker: UUID | None = None) -> Shares:
    """The shares of `pipeline` as one worker sees them."""
    return Shares(PIPELINE_V1, worker or uuid4(), lease=lease, host="host", pid=1)


def claim(
    connection: Connection, shares: Shares, most: int = 6, owned: dict[int, int] | None = None
) -> list[Share]:
    with connection, connection.cursor() as c:
        return sorted(shares.claim(c, owned or {}, most), key=lambda share: share.partition)


def advance(connection: Connection, shares: Shares, claimed: list[Share]) -> None:
    with connection, connection.cursor() as c:
        shares.advance(c, [(share.partition, share.epoch, NEXT, 3) for share in claimed])


def epochs(claimed: list[Share]) -> dict[int, int]:
    return {share.partition: share.epoch for share in claimed}


def test_what_is_claimed_is_nobody_elses_until_the_lease_runs_out(reading: Connection) -> None:
    first, second = owner(lease=0.3), owner()
    mine = claim(reading, first, 4)
    assert [share.partition for share in mine] == [0, 1, 2, 3]
    assert [share.partition for share in claim(reading, second)] == [4, 5]
    assert claim(reading, second, owned={4: 1, 5: 1}) == []
    time.sleep(0.35)
    assert [share.partition for share in claim(reading, second, owned={4: 1, 5: 1})] == [0, 1, 2, 3]
    with pytest.raises(SharesLost, match="4 of 4 shares"):
        advance(reading, first, mine)


def test_a_heartbeat_keeps_the_lease_and_tells_what_was_lost(reading: Connection) -> None:
    first, second = owner(lease=0.4), owner()
    mine = claim(reading, first, 2)
    for _ in range(3):
        time.sleep(0.2)
        with reading, reading.cursor() as c:
            assert first.tend(c, epochs(mine), 1.0) == ({0, 1}, 6)
    assert [share.partition for share in claim(reading, second, 2)] == [2, 3]
    with reading, reading.cursor() as c:
        c.execute("UPDATE control.share SET state = 'paused', epoch = epoch + 1 WHERE partition = 1")
    with reading, reading.cursor() as c:
        assert first.tend(c, epochs(mine), 1.0)[0] == {0}


def test_a_new_session_of_the_same_worker_fences_the_old_one(reading: Connection) -> None:
    """The session broke while a write was under way: nobody knows whether that one still commits."""
    worker = uuid4()
    before, after = owner(worker=worker), owner(worker=worker)
    old = claim(reading, before)
    new = claim(reading, after)
    assert [share.epoch for share in new] == [share.epoch + 1 for share in old]
    with pytest.raises(SharesLost):
        advance(reading, before, old)
    advance(reading, after, new)


def test_one_share_lost_means_that_none_moves(reading: Connection) -> None:
    """The rows of all of them are in one transaction."""
    mine = owner()
    claimed = claim(reading, mine)
    with reading, reading.cursor() as c:
        c.execute("UPDATE control.share SET epoch = epoch + 1 WHERE partition = 5")
    with pytest.raises(SharesLost, match="1 of 6 shares"):
        advance(reading, mine, claimed)
    with reading, reading.cursor() as c:
        c.execute("SELECT max(position), sum(received) FROM control.share")
        assert c.fetchone() == (0, 0)


def test_the_next_owner_finds_the_place_where_the_last_one_stood(reading: Connection) -> None:
    first, second = owner(), owner()
    mine = claim(reading, first)
    with reading, reading.cursor() as c:
        first.report(c, epochs(mine), MISMATCH, "somewhere")
    assert claim(reading, second) == [], "owned, whatever its state"
    advance(reading, first, mine[:1])
    with reading, reading.cursor() as c:
        first.let_go(c, epochs(mine))
    found = claim(reading, second)
    assert (found[0].checkpoint, found[0].state) == (NEXT, "running"), "what moved is sound again"
    assert (found[1].checkpoint, found[1].state) == (Checkpoint(), MISMATCH)


def test_a_share_that_is_being_committed_is_passed_over_not_waited_for(
    reading: Connection, fresh_database: str
) -> None:
    first, second = owner(lease=0.0), owner()
    mine = claim(reading, first)
    with closing(psycopg2.connect(fresh_database)) as other, other.cursor() as committing:
        first.advance(committing, [(share.partition, share.epoch, NEXT, 3) for share in mine[:2]])
        with reading, reading.cursor() as c:
            c.execute("SET LOCAL lock_timeout = '2s'")
            assert sorted(share.partition for share in second.claim(c, {}, 6)) == [2, 3, 4, 5]
        other.rollback()
