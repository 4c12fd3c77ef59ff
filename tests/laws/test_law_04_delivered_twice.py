"""Law 4: delivering any prefix twice changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.kafka.topics import partition_of
from domain.events.catalogue import CATALOGUE
from projections.projection import Projection
from projections.registry import PROJECTIONS
from projections.replay import fold_all
from tests.support.histories import STEPS, Step, history_of, opened
from tests.support.memory_model import MemoryModel
from tests.support.topics_in_memory import MemoryTopics

every_projection = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.schema)
sizes = st.lists(st.integers(1, 12), min_size=1, max_size=12)


@every_projection
@given(steps=STEPS, sizes=sizes, published=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_reading_everything_again_from_the_first_record_changes_nothing(
    projection: Projection, steps: list[Step], sizes: list[int], published: int
) -> None:
    """A prefix is applied; then every topic comes once more from the start, with what is new behind it."""
    rows = history_of(steps).rows
    topics = MemoryTopics()
    model = MemoryModel(projection)
    topics.publish_all(rows[:published], sizes)
    model.catch_up(topics)
    topics.publish_all(rows[published:], sizes)
    again = model.gatherer(reread=range(6), seals_from_start=True)
    assert set(again.places().values()) == {0}, "nothing was read again"
    model.catch_up(topics, again)
    assert model.rows == fold_all(projection, rows, CATALOGUE, opened)
    assert model.positions == [r.position for r in rows if r.type.split(".")[1] in projection.families]


@every_projection
@given(steps=STEPS, sizes=sizes, behind=st.sets(st.integers(0, 5)), published=st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_shares_at_different_places_each_take_what_they_lack(
    projection: Projection, steps: list[Step], sizes: list[int], behind: set[int], published: int
) -> None:
    """Some shares have a prefix, others nothing, as after a worker with some of them was away."""
    rows = history_of(steps).rows
    topics = MemoryTopics()
    ahead, model = MemoryModel(projection), MemoryModel(projection)
    topics.publish_all(rows[:published], sizes)
    ahead.catch_up(topics)
    topics.publish_all(rows[published:], sizes)
    # The same prefix in `model`, but only in the shares that are not behind.
    model.standings |= {p: s for p, s in ahead.standings.items() if p not in behind}
    for name, table in ahead.rows.items():
        model.rows[name] = {
            key: row
            for key, row in table.items()
            if partition_of(row["party"] if "party" in row else row["id"], 6) not in behind
        }
    begun = dict(model.standings)
    model.catch_up(topics)
    expected = [
        record_position
        for (topic, partition), records in topics.lanes.items()
        if topic.split(".")[1] in projection.families
        for record in records
        if (record_position := int.from_bytes(record.headers[0][1], "big")) > begun[partition].position
    ]
    assert sorted(model.positions) == sorted(expected)
    assert model.rows == fold_all(projection, rows, CATALOGUE, opened)
    assert len({(s.position, s.sequence, s.hash) for s in model.standings.values()}) == 1
