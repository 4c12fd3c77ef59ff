"""A worker that dies, or stands still while another takes its shares: nothing lost, nothing taken in twice.

`Workers.check` compares the tables with a fold of its own, and what the shares took in with the events.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.histories import long_history
from tests.support.relaying import until
from tests.support.working import Publisher, Workers

CHECKPOINTS = ("batch assembled", "rows written", "before the commit")


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics."""
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


@pytest.mark.parametrize("where", CHECKPOINTS)
def test_killed_at_any_point_of_a_batch_its_successor_goes_on(
    workers: Workers, publisher: Publisher, where: str
) -> None:
    rows = long_history(400).rows
    publisher.publish(rows[:200], size=20)
    first = workers.start("first", halt_at=where)
    until(workers.halted("first").exists, f"a worker at: {where}")
    first.kill()
    first.wait(10)
    publisher.publish(rows[200:], size=20)
    workers.start("second")
    workers.until_at(rows[-1].position)
    workers.check(rows)


@pytest.mark.parametrize("where", CHECKPOINTS)
def test_one_that_stood_still_while_another_took_its_shares_writes_nothing_any_more(
    workers: Workers, publisher: Publisher, where: str
) -> None:
    """The stopped one holds a batch, or even an open transaction with its rows in it, and wakes up late."""
    rows = long_history(400).rows
    publisher.publish(rows[:200], size=20)
    first = workers.start("first", halt_at=where)
    until(workers.halted("first").exists, f"a worker at: {where}")
    os.kill(first.pid, signal.SIGSTOP)
    workers.start("second")
    workers.until_at(rows[199].position)
    publisher.publish(rows[200:], size=20)
    workers.until_at(rows[-1].position)
    before = workers.shares()
    workers.halted("first").unlink()
    os.kill(first.pid, signal.SIGCONT)
    refused = "were taken over" if where == "batch assembled" else "database is away"
    until(lambda: refused in workers.log("first"), "the late one refused")
    workers.check(rows)
    assert [s["received"] for s in workers.shares()] == [s["received"] for s in before]
    # Both live now: each takes its fair part, and what comes next is taken in once.
    until(lambda: len({s["worker"] for s in workers.shares()}) == 2, "both with shares")
    more = long_history(450).rows[len(rows) :]
    publisher.publish(more, size=20)
    workers.until_at(more[-1].position)
    workers.check([*rows, *more])
