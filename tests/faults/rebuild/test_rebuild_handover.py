"""The hand-over from the fill to the topics: nothing is lost or counted twice, whatever commits late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from consumers.rebuild.rebuild import begin, wait_ready
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import verify
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.release import swap as swapping
from tests.support.database import migrated
from tests.support.histories import long_history
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.rebuilding import Rebuilding, rebuilding
from tests.support.store import execute


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """A store with a relay, and `pipeline` version 2 beside version 1 with a worker of each."""
    with rebuilding(migrated(fresh_database), clean_topics, tmp_path) as made:
        made.install(PIPELINE_V1)
        made.install(PIPELINE_V1, PIPELINE_V2)
        made.work(PIPELINE_V1)
        made.work(PIPELINE_V2)
        yield made


def test_what_commits_late_or_during_the_fill_is_in_and_once(world: Rebuilding) -> None:
    """A transaction holds positions before the rebuild begins, and commits when the candidate has caught up.
    Others commit all the time, from before E was noted until after the hand-over."""
    rows = long_history(1_500, spread=60).rows
    early, late, during = rows[:500], rows[500:540], rows[540:]
    world.append(early)
    world.until_sealed()
    with closing(psycopg2.connect(world.urls.app)) as holding, holding.cursor() as c:
        c.execute("SET idle_in_transaction_session_timeout = 0")  # a busy machine may take longer
        world.append(late, c)  # not committed: its positions are drawn, and nothing behind them is sealed
        open_from = int(execute(world.urls.admin, "SELECT last_value FROM store.event_position_seq")[0][0])
        stop = threading.Event()

        def writes() -> None:
            for at in range(0, len(during), 20):
                world.append(during[at : at + 20])
                if stop.wait(0.02):
                    world.append(during[at + 20 :])
                    return

        writer = threading.Thread(target=writes)
        writer.start()
        begin(PIPELINE_V2, world.places, by="tester", events_per_slice=100)
        carry_on(PIPELINE_V2, world.places, workers=1)
        assert wait_ready(PIPELINE_V2, world.places, seconds=60).state == "ready"
        assert world.sealed() < open_from, "a position behind an open transaction was sealed"
        holding.commit()
    stop.set()
    writer.join()
    last = world.until_sealed()
    for version in (PIPELINE_V1, PIPELINE_V2):
        world.until_at(version, last)
        world.check(version)
    assert verify(PIPELINE_V2, world.places, by="tester").passed


def test_records_between_the_noted_ends_and_the_seal_are_dropped(
    world: Rebuilding, caplog: pytest.LogCaptureFixture
) -> None:
    """The relay publishes what it has sealed while the rebuild begins: E lies before S, and the first records
    that the candidate's worker reads are ones it has."""
    world.append(long_history(300, spread=20).rows)
    last = world.until_sealed()
    world.until_at(PIPELINE_V1, last)
    begin(PIPELINE_V2, world.places, by="tester")
    # As if the ends had been noted before the last seals were published.
    execute(world.urls.admin, "UPDATE control.rebuild SET offsets = (SELECT jsonb_object_agg(topic, "
          "(SELECT jsonb_object_agg(partition, 0) FROM jsonb_each(ends) e (partition, o))) "
          "FROM jsonb_each(offsets) t (topic, ends))")  # fmt: skip
    carry_on(PIPELINE_V2, world.places, workers=1)
    world.append(long_history(340, spread=20).rows[len(long_history(300, spread=20).rows) :])
    world.until_at(PIPELINE_V2, world.until_sealed())
    world.check(PIPELINE_V2)
    states = {(share["state"], share["reason"]) for share in world.shares(PIPELINE_V2)}
    assert states == {("running", None)}
    assert "not what was sealed" not in caplog.text, "it read the topics once more from their first record"


def test_a_candidate_is_filled_from_the_topics_alone(world: Rebuilding) -> None:
    """The store is away meanwhile. And, swapped, it is followed by what comes later."""
    rows = long_history(600, spread=30).rows
    world.append(rows[:400])
    sealed = world.until_sealed()
    places = replace(world.places, store_url="postgresql://rapport_app:x@127.0.0.1:1/nowhere")
    begin(PIPELINE_V2, places, by="tester", source="kafka")
    carry_on(PIPELINE_V2, places)
    wait_ready(PIPELINE_V2, places, seconds=60)
    world.until_at(PIPELINE_V2, sealed)
    assert verify(PIPELINE_V2, world.places, by="tester").passed
    swapping.swap(world.urls.owner, PIPELINE_V2, world.known, by="tester", why=None, plan=None)
    world.append(rows[400:])
    last = world.until_sealed()
    for version in (PIPELINE_V1, PIPELINE_V2):
        world.until_at(version, last)
        world.check(version)
    assert execute(world.urls.reader, "SELECT count(*) > 0 FROM read.opportunity WHERE reopened > 0") == [
        (True,)
    ]
