"""Law 5: stopping at any point and starting again changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.store.follower import StoredRow
from domain.events.catalogue import CATALOGUE
from projections.projection import Projection
from projections.registry import PROJECTIONS
from projections.replay import fold_all
from tests.support.histories import STEPS, Step, history_of, opened
from tests.support.memory_model import MemoryModel
from tests.support.topics_in_memory import MemoryTopics

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)

# A turn of a worker's life: how many records come from one place, how many events a batch takes, and whether
# it dies after that (what was not committed is gone).
turns = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 20), st.integers(1, 30), st.booleans()),
    min_size=1,
    max_size=60,
)


@every_projection
@given(
    steps=STEPS,
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    turns=turns,
)
@settings(max_examples=40, deadline=None)
def test_a_worker_that_dies_anywhere_goes_on_where_it_had_committed(
    projection: Projection,
    steps: list[Step],
    sizes: list[int],
    turns: list[tuple[int, int, int, bool]],
) -> None:
    rows = history_of(steps).rows
    topics = MemoryTopics()
    topics.publish_all(rows, sizes)
    model = MemoryModel(projection)
    gatherer = model.gatherer()
    read = gatherer.places()
    for where, count, most, dies in turns:
        place = sorted(read)[where % len(read)]
        records = topics.read({place: read[place]})[place][:count]
        if records:
            gatherer.feed(place, records)
            read[place] = records[-1].offset + 1
        batch = gatherer.take(most)
        if batch is not None and not dies:
            model.commit(batch)
        if dies:
            gatherer = model.gatherer()
            read = gatherer.places()
        # Whatever has been committed is complete: exactly the events up to each share's position.
        assert model.rows == fold_all(projection, until(rows, model), CATALOGUE, opened)
    model.catch_up(topics)
    assert model.rows == fold_all(projection, rows, CATALOGUE, opened)
    assert sorted(model.positions) == [
        r.position for r in rows if r.type.split(".")[1] in projection.families
    ]
    assert {s.position for s in model.standings.values()} == {rows[-1].position}


def until(rows: list[StoredRow], model: MemoryModel) -> list[StoredRow]:
    """The events at or before the standing of their partition's share."""
    positions = {s.position for s in model.standings.values()}
    assert len(positions) == 1, "one worker holds all shares: they move together"
    return [row for row in rows if row.position <= min(positions)]
