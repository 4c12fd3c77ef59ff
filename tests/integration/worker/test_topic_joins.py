"""A topic joins a running version: its events are applied from offset 0, once each, without a rebuild.

`narrow` is the read model in a release that does not read the opportunities; both releases write the same
version's tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from consumers.kafka.topics import topic
from consumers.rebuild.compare import Ground, compare
from consumers.rebuild.rebuild import RebuildRefused, RebuildStopped, begin, wait_ready
from consumers.rebuild.run import carry_on
from consumers.rebuild.source import slices
from consumers.rebuild.verify import verify
from domain.events.catalogue import CATALOGUE
from projections.release.schema import install
from tests.support.database import PARTITIONS, migrated
from tests.support.histories import long_history
from tests.support.read_side import normal, table_rows
from tests.support.rebuilding import Rebuilding, next_of, rebuilding
from tests.support.relay_runner import Trap
from tests.support.relaying import until
from tests.support.shared_row import NARROW_V1, SHARED_ROW_V1
from tests.support.store import execute
from tests.support.working import Publisher, Workers

NAME = SHARED_ROW_V1.name
DEALS = topic("opportunity")
LONG = 60.0
ROWS = long_history(400, spread=20).rows
FIRST, SECOND, THIRD = ROWS[:150], ROWS[150:300], ROWS[300:]


@pytest.fixture
def publisher(workers: Workers) -> Iterator[Publisher]:
    """Publishes to the workers' topics, of a read side with that model."""
    install(workers.urls.owner, [NARROW_V1], partitions=PARTITIONS)
    publisher = Publisher(workers.bootstrap)
    yield publisher
    publisher.close()


def joined(workers: Workers) -> bool:
    """Whether every share has the topic among its offsets."""
    asked = "SELECT bool_and(offsets ? %s) FROM control.share WHERE projection = %s"
    return execute(workers.urls.admin, asked, (DEALS, NAME)) == [(True,)]


def narrow_release(workers: Workers, upto: int) -> None:
    """A worker that does not know the topic brings the shares up to there and ends."""
    process = workers.start("narrow", projection="narrow")
    workers.until_at(upto, NAME, LONG)
    assert workers.stop(process) == 0


@pytest.mark.parametrize("where", ["batch assembled", "rows written", "before the commit"])
def test_a_topic_that_joins_is_applied_once_also_where_the_worker_is_killed(
    workers: Workers, publisher: Publisher, where: str
) -> None:
    """Given events of the topic before and behind the shares' position, when a worker of the next release is
    killed while it takes them in, then its successor goes on and each is applied once."""
    publisher.publish(FIRST, size=20)
    narrow_release(workers, FIRST[-1].position)
    publisher.publish(SECOND, size=20)
    first = workers.start("first", projection=NAME, traps=True)
    workers.set_trap(first, Trap(at=where, time=1, pause=0.0, signal="SIGKILL"))
    until(lambda: first.poll() is not None, f"a worker dead at: {where}", LONG)
    assert not joined(workers)
    workers.start("second", projection=NAME)
    workers.until_at(SECOND[-1].position, NAME, LONG)
    workers.check([*FIRST, *SECOND], [NAME])
    assert joined(workers)
    publisher.publish(THIRD, size=20)
    workers.until_at(ROWS[-1].position, NAME, LONG)
    workers.check(ROWS, [NAME])
    assert "seal_mismatch" not in str(workers.shares(NAME))
    assert "not what was sealed" not in workers.log("second")


def test_a_topic_that_joins_waits_for_no_further_seal(workers: Workers, publisher: Publisher) -> None:
    """Nothing new comes, and yet the rows are there; the shares stand where they stood."""
    publisher.publish(FIRST, size=20)
    narrow_release(workers, FIRST[-1].position)
    before = [(share["position"], share["seal_sequence"]) for share in workers.shares(NAME)]
    workers.start("wide", projection=NAME)
    until(lambda: joined(workers), "the topic with every share", LONG)
    workers.check(FIRST, [NAME])
    assert [(share["position"], share["seal_sequence"]) for share in workers.shares(NAME)] == before


def test_releases_that_take_turns_apply_each_event_once(workers: Workers, publisher: Publisher) -> None:
    """A rolled-back release goes on without the topic; the next one brings what came meanwhile."""
    publisher.publish(FIRST, size=20)
    wide = workers.start("wide", projection=NAME)
    workers.until_at(FIRST[-1].position, NAME, LONG)
    assert workers.stop(wide) == 0
    publisher.publish(SECOND, size=20)
    narrow_release(workers, SECOND[-1].position)
    publisher.publish(THIRD, size=20)
    workers.start("again", projection=NAME)
    workers.until_at(ROWS[-1].position, NAME, LONG)
    workers.check(ROWS, [NAME])


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """A store with a relay."""
    with rebuilding(migrated(fresh_database), clean_topics, tmp_path) as made:
        yield made


def live_without_the_topic(world: Rebuilding) -> None:
    """Half of the history, shown by a release that does not read it all."""
    world.append(ROWS[:200])
    world.install(NARROW_V1)
    stop = world.work(NARROW_V1)
    world.until_at(NARROW_V1, world.until_sealed())
    stop.set()
    world.running[-1][1].join(LONG)


def test_the_rows_are_those_of_a_rebuild_and_the_comparison_says_so(
    world: Rebuilding, tmp_path: Path
) -> None:
    live_without_the_topic(world)
    rebuilt = next_of(SHARED_ROW_V1, tmp_path)
    world.append(ROWS[200:])
    world.install(SHARED_ROW_V1, rebuilt)
    world.work(SHARED_ROW_V1)
    world.until_at(SHARED_ROW_V1, world.until_sealed())
    world.check(SHARED_ROW_V1)
    positions = {share["partition"]: share["position"] for share in world.shares(SHARED_ROW_V1)}
    ground = Ground(
        projection=SHARED_ROW_V1, registry=CATALOGUE, owner_url=world.urls.owner, store_url=world.urls.store,
        positions=positions, parked=frozenset(), cipher=None,
    )  # fmt: skip
    seen = compare(ground, slices(4))
    assert seen.differences == []
    assert seen.rows["party"] > 0

    begin(rebuilt, world.places, by="tester")
    carry_on(rebuilt, world.places, workers=1)
    world.work(rebuilt)
    wait_ready(rebuilt, world.places, seconds=LONG)
    assert verify(rebuilt, world.places, by="tester").passed
    with closing(psycopg2.connect(world.urls.admin)) as connection:
        assert normal(table_rows(connection, SHARED_ROW_V1)) == normal(table_rows(connection, rebuilt))


def test_a_value_that_is_refused_on_the_way_parks_its_event_and_ends_no_joining(
    workers: Workers, publisher: Publisher
) -> None:
    """The shares stand where they stood meanwhile, and yet the event to blame is looked for."""
    publisher.publish(FIRST, size=20)
    narrow_release(workers, FIRST[-1].position)
    execute(workers.urls.admin, "ALTER TABLE shared_row_v1.party ADD CHECK (deals < 3)")
    workers.start("wide", projection=NAME)
    until(lambda: joined(workers), "the topic with every share", LONG)
    found = execute(workers.urls.admin, "SELECT max(deals), sum(deals) FROM shared_row_v1.party")
    held = execute(workers.urls.admin, "SELECT count(*) FROM control.held WHERE projection = %s", (NAME,))
    deals = sum(row.type.startswith("crm.opportunity.") for row in FIRST)
    assert found == [(2, deals - held[0][0])]
    assert held[0][0] > 0


def test_a_topic_joins_a_candidate_behind_its_fill_and_never_in_the_middle_of_it(
    world: Rebuilding, tmp_path: Path
) -> None:
    """What is filled lacks the topic: all of it is brought by the workers, or nothing of it goes on."""
    live_without_the_topic(world)
    wide = next_of(SHARED_ROW_V1, tmp_path)
    narrow = replace(wide, families=NARROW_V1.families)
    world.install(NARROW_V1, narrow)
    begin(narrow, world.places, by="tester")
    with pytest.raises(RebuildRefused, match=f"began without the topics {DEALS}, .* Abort it"):
        carry_on(wide, world.places, workers=1)
    carry_on(narrow, world.places, workers=1)
    world.append(ROWS[200:])
    stop = world.work(narrow)
    world.until_at(narrow, world.until_sealed())
    stop.set()
    world.running[-1][1].join(LONG)
    with pytest.raises(RebuildStopped, match="did not come, with all topics"):
        verify(wide, world.places, by="tester", seconds=0.5)
    world.work(wide)
    found = verify(wide, world.places, by="tester")
    assert found.passed, found.differences
    world.check(wide)


def test_a_topic_joins_a_candidate_that_was_only_just_handed_over(world: Rebuilding, tmp_path: Path) -> None:
    live_without_the_topic(world)
    wide = next_of(SHARED_ROW_V1, tmp_path)
    narrow = replace(wide, families=NARROW_V1.families)
    world.install(NARROW_V1, narrow)
    begin(narrow, world.places, by="tester")
    carry_on(narrow, world.places, workers=1)
    world.append(ROWS[200:])
    world.until_sealed()
    world.work(wide)
    wait_ready(wide, world.places, seconds=LONG)
    found = verify(wide, world.places, by="tester")
    assert found.passed, found.differences
    world.check(wide)
