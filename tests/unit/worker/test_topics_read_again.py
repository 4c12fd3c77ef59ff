"""A topic that is read again from its first record: what is a stranger's, and what is ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from consumers.worker.partition_buffer import HANDED_OVER, SEAL_PLACE, Place
from consumers.worker.seals import Mismatch, SealAssembler
from tests.support.sealed_topics import (
    OPPORTUNITY,
    ROWS,
    SIZE,
    START,
    TOPICS,
    VICTIM,
    assembled,
    changed,
    ends_early,
    place_with,
    sealed_topics,
    taken,
)
from tests.support.topics_in_memory import KEY, MemoryTopics


@pytest.fixture
def topics() -> MemoryTopics:
    return sealed_topics()


def again(topics: MemoryTopics, place: Place, *, seals: bool = True, had: int = 1000) -> SealAssembler:
    """An assembler whose shares have so many events, and that has read a place again."""
    first = assembled(sealed_topics(), START)
    batch = first.take(had)
    assert batch is not None
    shares = {partition: checkpoint for partition, (checkpoint, _) in batch.moved.items()}
    found = SealAssembler(TOPICS, shares, KEY.public_key(), again={place, SEAL_PLACE} if seals else {place})
    for at, records in topics.read(found.offsets()).items():
        found.feed(at, records)
    return found


def with_another_at_the_end(topics: MemoryTopics) -> Place:
    """At a position that no event of this place has, and that is applied."""
    place = min(place for place in topics.records if place[0] == OPPORTUNITY and ends_early(topics, place))
    topics.put(place, b"k", b"{}", [("position", ROWS[-1].position.to_bytes(8, "big"))])
    return place


@pytest.mark.parametrize("tamper", [with_another_at_the_end, changed])
def test_a_strangers_record_at_an_applied_position_shows_where_its_topic_is_read_again(
    topics: MemoryTopics, tamper: Callable[[MemoryTopics], Place]
) -> None:
    """What was applied is dropped there: only the seals, read again too, tell that it is not what was."""
    place = tamper(topics)
    with pytest.raises(Mismatch, match=r"1 of the records up to position .* are in no seal") as caught:
        again(topics, place)
    assert caught.value.place == place
    assert again(topics, place, seals=False).take(1000) is None, "without the seals nothing is claimed"


def test_of_what_is_not_applied_yet_the_next_seals_tell(topics: MemoryTopics) -> None:
    """Seals beyond where the share stands say nothing of what it has."""
    place, _ = place_with(topics, VICTIM)
    assert taken(again(topics, place, had=60)) == [row.position for row in ROWS[60:]]
    changed(topics)
    with pytest.raises(Mismatch, match="in no seal"):
        again(topics, place, had=60)


def test_a_topic_that_is_sound_or_is_being_published_again_is_no_strangers(topics: MemoryTopics) -> None:
    """Less than was sealed is there as long as it is restored: each further record is ours."""
    place, _ = place_with(topics, VICTIM)
    whole = topics.records[place]
    assert again(topics, place).take(1000) is None
    for there in range(len(whole)):
        topics.records[place] = whole[:there]
        assembler = again(topics, place)
        assembler.feed(place, whole[there : there + 1])
        assembler.feed(place, whole[there + 1 :])
    topics.records[place] = whole
    stranger = replace(whole[-1], headers=[("position", ROWS[-1].position.to_bytes(8, "big"))])
    with pytest.raises(Mismatch):
        assembler.feed(place, [stranger])


def test_a_seal_that_was_applied_and_comes_again_is_a_strangers(topics: MemoryTopics) -> None:
    """Whether it follows what is applied, or is met where the seals are read from the first on; only after a
    rebuild's hand-over may such seals follow."""
    first = assembled(topics, START).take(45)
    assert first is not None
    shares = {partition: checkpoint for partition, (checkpoint, _) in first.moved.items()}
    topics.records[SEAL_PLACE].append(replace(topics.records[SEAL_PLACE][1], offset=topics.ends[SEAL_PLACE]))
    with pytest.raises(Mismatch, match=r"the seal 2 at offset .* does not follow"):
        assembled(topics, shares)
    with pytest.raises(Mismatch, match=r"the seal 2 at offset .* does not follow"):
        again(topics, SEAL_PLACE)
    handed = {p: replace(s, offsets={**s.offsets, HANDED_OVER: 1}) for p, s in shares.items()}
    assert taken(assembled(topics, handed)) == [row.position for row in ROWS[len(first.events) :]]


def test_seals_of_another_store_are_not_those_that_were_applied(topics: MemoryTopics) -> None:
    """Sound among themselves, and as many."""
    other = MemoryTopics()
    other.publish_all(ROWS, [SIZE + 1])
    topics.records[SEAL_PLACE] = other.records[SEAL_PLACE]
    with pytest.raises(Mismatch, match=r"the seal 8 at offset .* is not what was applied"):
        again(topics, SEAL_PLACE)
