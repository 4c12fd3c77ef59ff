"""A worker that lost shares in the middle of a batch cannot write, also where two topics meet in one row.

The leases run out here by decree, so that nothing but the epochs can refuse it: no clock, no ended session.
"""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing

import psutil
import psycopg2
import pytest

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from projections.registry import named
from projections.release.schema import install
from tests.support.database import PARTITIONS
from tests.support.histories import long_history
from tests.support.read_side import apply_rows
from tests.support.relay_runner import Trap
from tests.support.relaying import until
from tests.support.shared_row import SHARED_ROW_V1
from tests.support.store import execute
from tests.support.watching import watching
from tests.support.working import Publisher, Workers

NAME = SHARED_ROW_V1.name
LONG = 60.0
ROWS = long_history(700, spread=20).rows
FIRST, SECOND, THIRD = ROWS[:200], ROWS[200:400], ROWS[400:]


def both_topics(rows: Sequence[StoredRow]) -> set[int]:
    """The partitions with a row that events of both topics write."""
    families = defaultdict(set)
    for row in rows:
        families[row.party].add(row.type.split(".")[1])
    return {partition_of(str(party), PARTITIONS) for party, found in families.items() if len(found) == 2}


def test_no_row_is_locked_while_the_database_waits_for_rows_to_be_sent(workers: Workers) -> None:
    """A worker that is stopped while it sends rows is not idle for the server, which waits for it for ever:
    had it locked rows by then, its successor would wait for ever too."""
    model = named("customer_360")
    seen = watching(model.schema)
    with closing(psycopg2.connect(workers.urls.worker, cursor_factory=seen)) as connection:
        assert apply_rows(connection, model, long_history(200, every_family=True, spread=5).rows, [50]) == 0
    assert seen.copies > len(model.tables)
    assert seen.locked == []


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics, of a read side with that model; leases are long."""
    install(workers.urls.owner, [SHARED_ROW_V1], partitions=PARTITIONS)
    workers.timeouts |= {"lease": LONG}
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


def leases_run_out(workers: Workers, *, forgotten: bool) -> None:
    """The shares are free. With `forgotten` their worker does not count as alive either."""
    execute(workers.urls.admin, "UPDATE control.share SET lease_until = '-infinity' WHERE worker IS NOT NULL")
    if forgotten:
        execute(workers.urls.admin, "UPDATE control.worker SET heartbeat = heartbeat - interval '10 minutes'")


@pytest.mark.parametrize("lost", ["half of its shares", "all of its shares"])
@pytest.mark.parametrize("where", ["batch assembled", "rows written"])
def test_one_stopped_in_the_middle_of_a_batch_writes_nothing_of_it_when_shares_are_lost(
    workers: Workers, publisher: Publisher, where: str, lost: str
) -> None:
    """Given a worker stopped with a batch whose events of two topics meet in single rows, before or after it
    wrote them in its open transaction, when another takes its shares and the first goes on, then it is
    refused by the shares alone, each event is in each row once, and both go on."""
    everything = lost == "all of its shares"
    assert both_topics(FIRST) == set(range(PARTITIONS)), "rows of two topics in every share"
    first = workers.start("first", projection=NAME, traps=True)
    workers.set_trap(first, Trap(at=where, time=1, pause=0.0, signal="SIGSTOP"))
    until(lambda: "Holds the shares" in workers.log("first"), "a worker with all shares", LONG)
    publisher.publish(FIRST, size=200)
    standing = psutil.Process(first.pid)
    until(lambda: standing.status() == psutil.STATUS_STOPPED, f"a worker stopped at: {where}", LONG)
    (owner,) = {share["worker"] for share in workers.shares(NAME)}
    leases_run_out(workers, forgotten=everything)
    workers.start("second", projection=NAME)
    taken = PARTITIONS if everything else PARTITIONS // 2

    def others() -> int:
        return sum(share["worker"] not in (None, owner) for share in workers.shares(NAME))

    until(lambda: others() == taken, f"{taken} shares with the other", LONG)
    publisher.publish(SECOND, size=20)
    if where == "batch assembled":  # else its rows are locked by the first until that one is refused
        at = SECOND[-1].position
        until(lambda: sum(s["position"] == at for s in workers.shares(NAME)) == taken, "it goes on", LONG)
    first.send_signal(signal.SIGCONT)
    until(lambda: "were taken over" in workers.log("first"), "the late one refused", LONG)
    assert "database is away" not in workers.log("first")
    publisher.publish(THIRD, size=20)
    workers.until_at(ROWS[-1].position, NAME, LONG)
    workers.check(ROWS, [NAME])
    until(lambda: len({share["worker"] for share in workers.shares(NAME)}) == 2, "both with shares", LONG)
