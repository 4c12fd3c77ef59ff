"""Whatever kills a relay, and wherever: afterwards each event is in the topics once, in order, sealed."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.kafka import TOPICS, read, read_committed
from tests.support.relay_runner import Trap
from tests.support.relaying import Relays, append_events, until

CHECKPOINTS = (
    "before the seal row",
    "after the seal row",
    "in the transaction",
    "before the commit",
    "after the commit",
)


def test_relays_killed_at_every_point_lose_nothing_and_repeat_nothing(relays: Relays) -> None:
    """Given relays that are killed -9 one after the other, each at another point of its second range and each
    going on where the one before died, then whatever is visible is whole and true at every moment, and in the
    end everything is there."""
    for die_at in CHECKPOINTS:
        append_events(relays.urls.app, 2600)  # more than one range
        victim = relays.start("victim", die_at=die_at, die_time=2)
        assert victim.wait(30) == -signal.SIGKILL, die_at
        relays.check_what_is_visible()
    relays.start("heir")
    relays.until_published()
    assert relays.check() > len(CHECKPOINTS)


def test_what_a_killed_relay_left_in_a_transaction_is_never_seen(relays: Relays) -> None:
    """The kill "before the commit" really leaves records in the topics, which only uncommitted readers see;
    else the tests above would prove nothing."""
    append_events(relays.urls.app, 200)
    victim = relays.start("victim", die_at="before the commit")
    assert victim.wait(30) == -signal.SIGKILL
    assert len(read(relays.bootstrap, TOPICS, "read_uncommitted")) == 200
    assert read_committed(relays.bootstrap) == []
    relays.start("heir")
    relays.until_published()
    assert len(read(relays.bootstrap, TOPICS, "read_uncommitted")) == 400
    assert relays.check() == 1


def test_of_two_relays_one_leads_and_the_other_takes_over(relays: Relays) -> None:
    """Given two relays, one leads; when it is killed -9 amid its work, the other goes on behind its last
    commit."""
    first = relays.start("first")
    until(lambda: relays.row().get("leader") == "first", "the first leads")
    second = relays.start("second")
    until(lambda: "stands by" in relays.log("second"), "the second stands by")
    append_events(relays.urls.app, 500)
    relays.until_published()
    for _ in range(5):
        append_events(relays.urls.app, 1000)
    first.kill()
    append_events(relays.urls.app, 50)
    until(lambda: relays.row().get("leader") == "second", "the second leads")
    relays.until_published()
    relays.check()
    assert second.poll() is None


def test_a_leader_that_was_stopped_publishes_nothing_twice(relays: Relays) -> None:
    """Given a leader frozen amid its work (SIGSTOP) whose session the server ends after a while, when another
    has taken over and the frozen one goes on, then it publishes nothing and stands by."""
    frozen = relays.start("frozen", silence=2)
    until(lambda: relays.row().get("leader") == "frozen", "the frozen one led first")
    until(lambda: relays.row().get("state") == "leading", "it leads")
    heir = relays.start("heir", silence=2)
    until(lambda: "stands by" in relays.log("heir"), "the heir stands by")
    for _ in range(4):
        append_events(relays.urls.app, 2000)
    until(lambda: relays.seals() >= 2, "it is amid its work", 10)
    frozen.send_signal(signal.SIGSTOP)
    append_events(relays.urls.app, 100)
    until(lambda: relays.row().get("leader") == "heir", "the heir leads")
    relays.until_published()
    frozen.send_signal(signal.SIGCONT)
    until(lambda: "leads no longer" in relays.log("frozen"), "the frozen one noticed")
    append_events(relays.urls.app, 100)
    relays.until_published()
    until(lambda: "stands by" in relays.log("frozen"), "the frozen one stands by")
    assert relays.row()["leader"] == "heir"
    assert frozen.poll() is None
    assert heir.poll() is None
    relays.check()


@pytest.mark.parametrize("stopped_at", CHECKPOINTS)
def test_a_leader_that_was_stopped_at_any_point_says_that_it_leads_no_longer(
    relays: Relays, stopped_at: str
) -> None:
    """Given a leader frozen at a point of its second range, when another has taken over and the frozen one
    goes on there, then it says that it leads no longer, whichever of its threads notices first, and stands
    by."""
    trap = Trap(at=stopped_at, time=2, pause=0.0, signal="SIGSTOP")
    frozen = relays.start("frozen", silence=2, trap=trap)
    until(lambda: relays.row().get("leader") == "frozen", "the frozen one led first")
    heir = relays.start("heir", silence=2)
    append_events(relays.urls.app, 2600)  # more than one range
    until(lambda: relays.row().get("leader") == "heir", "the heir leads")
    relays.until_published()
    frozen.send_signal(signal.SIGCONT)
    until(lambda: "leads no longer" in relays.log("frozen"), "the frozen one noticed")
    until(lambda: "stands by" in relays.log("frozen"), "the frozen one stands by")
    assert relays.row()["leader"] == "heir"
    assert [frozen.poll(), heir.poll()] == [None, None]
    relays.check()


def test_a_relay_whose_store_is_killed_goes_on(relays: Relays, postgres: LocalPostgres) -> None:
    """Given a leading relay, when PostgreSQL is killed -9 and comes back, then the relay says once that it
    waits, leads again by itself and loses nothing."""
    relay = relays.start()
    append_events(relays.urls.app, 3000)
    until(lambda: relays.seals() >= 1, "it is amid its work")
    postgres.kill()
    try:
        until(lambda: "does not answer" in relays.log(), "the relay says that it waits")
    finally:
        postgres.start()
    append_events(relays.urls.app, 100)
    relays.until_published()
    relays.check()
    assert relay.poll() is None
    assert relays.log().count("The store does not answer") <= 3, "once for each cause, not once a second"


def test_a_quiet_relay_costs_little(relays: Relays) -> None:
    """An idle relay looks at the store often and still takes less than a tenth of a processor."""
    relay = relays.start()
    until(lambda: relays.row().get("state") == "leading", "it leads")
    process = psutil.Process(relay.pid)
    before = process.cpu_times()
    time.sleep(2)
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.2
