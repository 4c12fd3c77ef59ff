"""Shares read together: what is read from the start again is searched alone, and nothing waits meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import OutOfRange
from consumers.worker.group import Group
from consumers.worker.partition_buffer import SEAL_PLACE, Place
from consumers.worker.seals import SealAssembler
from consumers.worker.timeouts import Timeouts
from projections.control.shares import Checkpoint, Share
from tests.support.histories import long_history
from tests.support.topics_in_memory import KEY, MemoryRecord, MemoryTopics

OPPORTUNITY = "crm.opportunity.v1"
TOPICS = ("crm.customer.v1", OPPORTUNITY)
ROWS = long_history(400, spread=20).rows
HAD = 300
"""Events that the shares have."""
SLICE = 3


class SlowReader:
    """Hands out a few records of each place at a time."""

    def __init__(self, topics: MemoryTopics) -> None:
        self.topics = topics
        self.at: dict[Place, int] = {}

    def seat(self, offsets: Mapping[Place, int]) -> None:
        self.at = dict(offsets)

    def poll(self, _seconds: float) -> dict[Place, list[Any]]:
        found = {place: records[:SLICE] for place, records in self.topics.read(self.at).items()}
        for place, records in found.items():
            self.at[place] = records[-1].offset + 1 if records else self.topics.ends.get(place, 0)
        return {place: list(records) for place, records in found.items() if records}

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        return {place: self.topics.ends.get(place, 0) for place in places}

    def passed(self, ends: Mapping[Place, int]) -> set[Place]:
        return {place for place, end in ends.items() if self.at[place] >= end}


def position_of(record: MemoryRecord) -> int:
    """The position in its header."""
    return int.from_bytes(record.headers[0][1], "big")


def checkpoints() -> dict[int, Checkpoint]:
    """Of shares that have the first events, at offsets that the topics do not reach any more."""
    topics = MemoryTopics()
    topics.publish_all(ROWS[:HAD], [20])
    seal = topics.last
    assert seal is not None
    far = dict.fromkeys((*TOPICS, SEAL_PLACE[0]), 1_000_000)
    return dict.fromkeys(range(6), Checkpoint(seal.last, seal.sequence, seal.hash, far))


def group(topics: MemoryTopics, *, heals: bool) -> tuple[Group, SlowReader]:
    """With all shares, not seated yet."""
    reader = SlowReader(topics)
    made = Group(
        KafkaAddress(bootstrap=""),
        "g",
        TOPICS,
        KEY.public_key(),
        Timeouts(),
        cast(Any, SilentReporter()),
        heals=heals,
    )
    made.reader = cast(Any, reader)
    for partition, checkpoint in checkpoints().items():
        made.add(Share(partition, 1, checkpoint))
    return made, reader


class SilentReporter:
    """Reports nothing."""

    def clear(self) -> None:
        """Nothing is forgotten."""


@pytest.fixture
def topics() -> MemoryTopics:
    """All of the history, restored."""
    topics = MemoryTopics()
    topics.publish_all(ROWS, [20])
    return topics


def test_an_offset_behind_the_end_sends_a_share_to_quarantine(topics: MemoryTopics) -> None:
    main, _ = group(topics, heals=False)
    with pytest.raises(OutOfRange, match="was made anew or truncated"):
        main.seat()
    assert not main.seated


def test_what_is_had_is_searched_through_and_then_all_goes_on(topics: MemoryTopics) -> None:
    """While a place is searched nobody else is read; each event behind what was had comes once."""
    quarantine, reader = group(topics, heals=True)
    quarantine.seat()
    places = {*((topic, number) for topic in TOPICS for number in range(6)), SEAL_PLACE}
    assert quarantine.again == places
    positions: list[int] = []
    narrowed = done = False
    for _ in range(1000):
        quarantine.read(0.0)
        if set(reader.at) != places:
            narrowed = True
        elif narrowed and not done:
            done = True
            for place in places - {SEAL_PLACE}:
                had = [r.offset for r in topics.records[place] if position_of(r) <= ROWS[HAD - 1].position]
                assert reader.at[place] > had[-1], "others are read while this one is searched"
        while (batch := quarantine.take(10_000)) is not None:
            positions += [event.position for event in batch.events]
    assert done
    wanted = [row.position for row in ROWS[HAD:] if f"crm.{row.type.split('.')[1]}.v1" in TOPICS]
    assert positions == wanted


def test_a_single_lost_partition_is_searched_alone(topics: MemoryTopics) -> None:
    """Everything else stays where it was committed: nothing of it is read, or kept, meanwhile."""
    lost = (OPPORTUNITY, 2)
    quarantine, reader = group(topics, heals=True)
    assembler = SealAssembler(TOPICS, dict.fromkeys(range(6), Checkpoint()), KEY.public_key())
    before = MemoryTopics()
    before.publish_all(ROWS[:HAD], [20])
    for place, records in before.read(assembler.offsets()).items():
        assembler.feed(place, records)
    batch = assembler.take(HAD)
    assert batch is not None
    for partition, (checkpoint, _) in batch.moved.items():
        far = {OPPORTUNITY: 1_000_000} if partition == lost[1] else {}
        quarantine.add(Share(partition, 1, replace(checkpoint, offsets={**checkpoint.offsets, **far})))
    quarantine.seat()
    assert set(reader.at) == {lost}
    seals = batch.moved[0][0].offsets[SEAL_PLACE[0]]
    positions, searching = [], 0
    for _ in range(1000):
        quarantine.read(0.0)
        if set(reader.at) == {lost}:
            searching += 1
            assert reader.at[lost] <= topics.ends[lost]
        else:
            assert reader.at[SEAL_PLACE] >= seals, "what was had of the seals is not read again"
        while (found := quarantine.take(10_000)) is not None:
            positions += [event.position for event in found.events]
    had = sum(position_of(r) <= ROWS[HAD - 1].position for r in topics.records[lost])
    assert searching <= had // SLICE + 1, "it is read on behind what was searched for"
    wanted = [row.position for row in ROWS[HAD:] if f"crm.{row.type.split('.')[1]}.v1" in TOPICS]
    assert sorted(positions) == wanted


def test_a_lost_partition_without_news_is_searched_to_its_end(topics: MemoryTopics) -> None:
    """Nothing new comes from it, so its end is the end of the search."""
    for place in [p for p in topics.records if p != SEAL_PLACE]:
        had = [r for r in topics.records[place] if position_of(r) <= ROWS[HAD - 1].position]
        topics.records[place] = had
        topics.ends[place] = had[-1].offset + 2
    quarantine, reader = group(topics, heals=True)
    quarantine.seat()
    for _ in range(1000):
        quarantine.read(0.0)
    assert len(reader.at) == 2 * 6 + 1, "all are read on"


def test_a_topic_that_is_being_restored_is_waited_for(topics: MemoryTopics) -> None:
    """Its end comes before what the shares have: what follows is dropped until there."""
    whole = dict(topics.records)
    place = (OPPORTUNITY, 2)
    topics.records[place] = whole[place][:2]
    ends, topics.ends = topics.ends, topics.ends | {place: topics.records[place][-1].offset + 1}
    quarantine, _ = group(topics, heals=True)
    quarantine.seat()
    for _ in range(1000):
        quarantine.read(0.0)
    topics.records, topics.ends = whole, ends
    positions: list[int] = []
    for _ in range(1000):
        quarantine.read(0.0)
        while (batch := quarantine.take(10_000)) is not None:
            positions += [event.position for event in batch.events]
    wanted = [row.position for row in ROWS[HAD:] if f"crm.{row.type.split('.')[1]}.v1" in TOPICS]
    assert sorted(positions) == wanted


def test_what_fits_is_not_read_again(topics: MemoryTopics) -> None:
    quarantine, _ = group(topics, heals=True)
    quarantine.seat()
    for _ in range(1000):
        quarantine.read(0.0)
    assert quarantine.take(10_000) is not None
    quarantine.advance(3, checkpoints()[3])
    assert quarantine.again == {(topic, number) for topic in TOPICS for number in (0, 1, 2, 4, 5)}


def test_a_share_taken_out_takes_along_what_was_to_be_read_again(topics: MemoryTopics) -> None:
    quarantine, _ = group(topics, heals=True)
    quarantine.again = {(OPPORTUNITY, 1), (OPPORTUNITY, 2), SEAL_PLACE}
    quarantine.take_out(2)
    assert quarantine.again == {(OPPORTUNITY, 1), SEAL_PLACE}
    for partition in (0, 1, 3, 4, 5):
        quarantine.take_out(partition)
    assert (quarantine.again, quarantine.shares) == (set(), {})
