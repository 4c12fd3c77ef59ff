"""A measurement is the ratio of medians of interleaved rounds."""

from __future__ import annotations

from itertools import count

import pytest

from deploy.bench.measure import interleaved
from deploy.bench.samples import stored_events


def test_rounds_take_turns_and_the_one_that_begins_alternates() -> None:
    """What a busy machine does to one, it does to the other."""
    order: list[str] = []
    rates = {"ours": iter([10.0, 100.0, 30.0]), "theirs": iter([10.0, 20.0, 5.0])}

    def take(name: str) -> float:
        order.append(name)
        return next(rates[name])

    said: list[str] = []
    found = interleaved(
        "append",
        unit="events/s",
        what="this",
        reference="that",
        ours=lambda: take("ours"),
        theirs=lambda: take("theirs"),
        rounds=3,
        say=said.append,
    )
    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert (found.ours, found.theirs) == ((10.0, 100.0, 30.0), (10.0, 20.0, 5.0))
    assert found.ratio == 3.0
    assert found.as_json()["ours_median"] == 30.0
    assert said[1] == "append: round 2 of 3: 100 events/s, reference 20"


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_same_seed_gives_the_same_events_another_gives_others(size: int) -> None:
    """Both sides of a measurement get the same bytes, and no round meets the ids of another."""
    first, again, other = stored_events(size, 1), stored_events(size, 1), stored_events(size, 2)
    assert first == again
    assert {event.originator_id for event in first}.isdisjoint(event.originator_id for event in other)
    versions: dict[object, count[int]] = {}
    for event in first:
        assert event.originator_version == next(versions.setdefault(event.originator_id, count(1)))
