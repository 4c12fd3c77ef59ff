"""A topic that joins a version: each of its events is applied once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumers.worker.partition_buffer import APPLIED_TO, HANDED_OVER, SEAL_PLACE, Place
from consumers.worker.seals import Mismatch, SealAssembler
from projections.control.shares import Checkpoint
from tests.support.sealed_topics import (
    OPPORTUNITY,
    ROWS,
    SIZE,
    START,
    TOPICS,
    place_with,
    sealed_topics,
)
from tests.support.topics_in_memory import KEY, MemoryRecord, MemoryTopics

CUSTOMER = TOPICS[:1]
DEALS = {row.position for row in ROWS if row.type.startswith("crm.opportunity.")}


@pytest.fixture
def topics() -> MemoryTopics:
    return sealed_topics()


def follow(
    topics: MemoryTopics, names: tuple[str, ...], shares: dict[int, Checkpoint], most: int = 1_000
) -> tuple[list[int], dict[int, Checkpoint]]:
    """A program that reads these topics to their end: the positions handed out, and its shares afterwards."""
    assembler = SealAssembler(names, shares, KEY.public_key())
    for place, records in topics.read(assembler.offsets()).items():
        assembler.feed(place, records)
    positions, after = [], dict(shares)
    while (batch := assembler.take(most)) is not None:
        positions += [event.position for event in batch.events]
        after |= {partition: checkpoint for partition, (checkpoint, _) in batch.moved.items()}
    return positions, after


@pytest.mark.parametrize("there", [SIZE, 5 * SIZE, len(ROWS)])
def test_a_topic_that_joins_is_applied_from_its_first_record(there: int) -> None:
    """Given shares of a program that did not know the topic, when one that knows it goes on, then each event
    is handed out once, those before the position of the shares too."""
    topics = MemoryTopics()
    topics.publish_all(ROWS[:there], [SIZE])
    before, shares = follow(topics, CUSTOMER, START)
    assert not DEALS & set(before)
    topics.publish_all(ROWS[there:], [SIZE])
    after, joined = follow(topics, TOPICS, shares)
    assert sorted(before + after) == [row.position for row in ROWS]
    assert set(after) >= DEALS
    assert {checkpoint.position for checkpoint in joined.values()} == {ROWS[-1].position}
    assert follow(topics, TOPICS, joined) == ([], joined), "once"


def test_a_topic_that_joins_needs_no_further_seal(topics: MemoryTopics) -> None:
    """Its events are handed out while nothing new comes, and the shares stand where they stood."""
    _, shares = follow(topics, CUSTOMER, START)
    after, joined = follow(topics, TOPICS, shares)
    assert set(after) == DEALS
    assert [(s.position, s.sequence, s.hash) for s in joined.values()] == [
        (s.position, s.sequence, s.hash) for s in shares.values()
    ]


def test_a_topic_without_events_joins_too() -> None:
    rows = [row for row in ROWS if row.position not in DEALS]
    topics = MemoryTopics()
    topics.publish_all(rows, [SIZE])
    _, shares = follow(topics, CUSTOMER, START)
    after, joined = follow(topics, TOPICS, shares)
    assert after == []
    assert {checkpoint.offsets[OPPORTUNITY] for checkpoint in joined.values()} == {0}


def test_shares_at_different_places_join_together(topics: MemoryTopics) -> None:
    """Some have the topic, some stand further on."""
    seen, shares = [], dict(START)
    for partition, names, seals in [(0, TOPICS, 2), (1, CUSTOMER, 1), (2, CUSTOMER, 5), (3, TOPICS, 6)]:
        part = MemoryTopics()
        part.publish_all(ROWS[: seals * SIZE], [SIZE])
        found, after = follow(part, names, {partition: Checkpoint()})
        seen += found
        shares |= after
    found, after = follow(topics, TOPICS, shares)
    assert sorted(seen + found) == [row.position for row in ROWS]


def test_a_program_without_the_topic_in_between_leaves_a_note_of_it(topics: MemoryTopics) -> None:
    """Given two releases that take turns at the shares, then each event is still handed out once."""
    early = MemoryTopics()
    seen: list[int] = []
    shares = dict(START)
    for turn, at in enumerate(range(0, len(ROWS), SIZE)):
        early.publish(ROWS[at : at + SIZE])
        found, shares = follow(early, TOPICS if turn % 3 == 0 else CUSTOMER, shares)
        seen += found
    found, shares = follow(early, TOPICS, shares)
    assert sorted(seen + found) == [row.position for row in ROWS]
    assert not any(name.startswith(APPLIED_TO) for s in shares.values() for name in s.offsets)


def test_a_topic_that_joins_after_a_rebuild_was_handed_over_is_in_nothing_of_it(topics: MemoryTopics) -> None:
    """The fill had the topics of when it began; of those what is at applied positions is dropped."""
    before, filled = follow(topics, CUSTOMER, START)
    handed = {
        p: replace(s, offsets={CUSTOMER[0]: 0, SEAL_PLACE[0]: 0, HANDED_OVER: 1}) for p, s in filled.items()
    }
    after, _ = follow(topics, TOPICS, handed)
    assert sorted(before + after) == [row.position for row in ROWS]


def late_share(topics: MemoryTopics) -> tuple[SealAssembler, Place, list[MemoryRecord]]:
    """A share that a topic joins, everything read but that topic, whose records those are."""
    _, shares = follow(topics, CUSTOMER, START)
    place, _ = place_with(topics, next(row for row in ROWS if row.position in DEALS))
    assembler = SealAssembler(TOPICS, {place[1]: shares[place[1]]}, KEY.public_key())
    everything = topics.read(assembler.offsets())
    records = everything.pop(place)
    for at, found in everything.items():
        assembler.feed(at, found)
    return assembler, place, records


def test_records_of_a_topic_that_joins_are_waited_for_by_name(topics: MemoryTopics) -> None:
    assembler, place, records = late_share(topics)
    assert assembler.take(1) is None
    assert assembler.waits_for() == [place]
    assembler.feed(place, records[:-1])
    assert assembler.take(1) is None, "not before all of them are there"
    assembler.feed(place, records[-1:])
    batch = assembler.take(1)
    assert batch is not None
    assert len(batch.events) == len(records)


def test_nothing_is_handed_out_of_a_topic_that_joins_and_is_not_as_it_was_sealed(
    topics: MemoryTopics,
) -> None:
    assembler, place, records = late_share(topics)
    assert records[0].value is not None
    with pytest.raises(Mismatch, match="in no seal"):
        assembler.feed(place, [replace(records[0], value=b"{}"), *records[1:]])
    assembler, place, records = late_share(topics)
    beyond = replace(records[-1], headers=[("position", (10**9).to_bytes(8, "big"))])
    assembler.feed(place, [*records[:-1], beyond])
    with pytest.raises(Mismatch, match="events are there") as caught:
        assembler.take(1)
    assert caught.value.place == place
