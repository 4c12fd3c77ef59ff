"""Whole seals, proven: each kind of tampering is found, and sound seals before it are not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.worker.partition_buffer import SEAL_PLACE, Place
from consumers.worker.seals import Mismatch, SealAssembler
from domain.events.seal import parse, sign
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


def moved(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    headers = [("position", (VICTIM.position - 1).to_bytes(8, "big"))]
    topics.records[place][at] = replace(topics.records[place][at], headers=headers)
    return place


def removed(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    del topics.records[place][at]
    return place


def doubled(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    topics.records[place].insert(at, topics.records[place][at])
    return place


def swapped_between_partitions(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    record = topics.records[place].pop(at)
    other = (place[0], (place[1] + 1) % 6)
    there = topics.records[other]
    number = next((n for n, r in enumerate(there) if r.headers[0][1] > record.headers[0][1]), len(there))
    there.insert(number, record)
    return min(place, other, key=lambda p: p[1])


def without_position(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    topics.records[place][at] = replace(topics.records[place][at], headers=[])
    return place


def strange_at_the_end(topics: MemoryTopics) -> Place:
    topics.put((OPPORTUNITY, 3), b"k", b"{}", [("position", (1).to_bytes(8, "big"))])
    return OPPORTUNITY, 3


def ahead_of_all(topics: MemoryTopics) -> Place:
    """A stranger's record with a position far ahead hides what comes behind it."""
    topics.records[OPPORTUNITY, 4].insert(
        1, replace(topics.records[OPPORTUNITY, 4][0], headers=[("position", (10**9).to_bytes(8, "big"))])
    )
    return OPPORTUNITY, 4


def seal_without(topics: MemoryTopics) -> Place:
    del topics.records[SEAL_PLACE][2]
    return SEAL_PLACE


def seal_changed(topics: MemoryTopics) -> Place:
    record = topics.records[SEAL_PLACE][2]
    assert record.value is not None
    topics.records[SEAL_PLACE][2] = replace(record, value=record.value.replace(b'"count":20', b'"count":21'))
    return SEAL_PLACE


def seal_by_another_key(topics: MemoryTopics) -> Place:
    forged = MemoryTopics()
    for at in range(0, 2 * SIZE, SIZE):
        forged.publish(ROWS[at : at + SIZE])
    forged.publish(ROWS[2 * SIZE : 3 * SIZE], Ed25519PrivateKey.from_private_bytes(bytes(32)))
    topics.records[SEAL_PLACE][2] = forged.records[SEAL_PLACE][2]
    return SEAL_PLACE


def seal_with_another_signature(topics: MemoryTopics) -> Place:
    """The last seal, so that no later one betrays it: its words are right, who signed it is not."""
    record = topics.records[SEAL_PLACE][-1]
    assert record.value is not None
    forged = sign(parse(record.value), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    topics.records[SEAL_PLACE][-1] = replace(record, value=forged)
    return SEAL_PLACE


def strange_in_a_burnt_position(topics: MemoryTopics) -> Place:
    """Behind all of its partition's events in the last seal, and within the seal's range."""
    sealed = topics.last
    assert sealed is not None
    place, records = max(
        ((p, r) for p, r in topics.records.items() if p != SEAL_PLACE and p[0] in TOPICS),
        key=lambda found: -int.from_bytes(found[1][-1].headers[0][1], "big"),
    )
    records.append(replace(records[-1], headers=[("position", sealed.last.to_bytes(8, "big"))]))
    return place


def no_seal(topics: MemoryTopics) -> Place:
    topics.records[SEAL_PLACE][2] = replace(topics.records[SEAL_PLACE][2], value=b"{}")
    return SEAL_PLACE


TAMPERING = [
    changed, moved, removed, doubled, swapped_between_partitions, without_position, strange_at_the_end,
    ahead_of_all, seal_without, seal_changed, seal_by_another_key, no_seal,
    seal_with_another_signature, strange_in_a_burnt_position,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda f: f.__name__)
def test_tampering_is_named_by_its_place(
    topics: MemoryTopics, tamper: Callable[[MemoryTopics], Place]
) -> None:
    place = tamper(topics)
    with pytest.raises(Mismatch) as caught:
        taken(assembled(topics))
    assert caught.value.place == place
    assert str(caught.value).startswith(f"{place[0]} partition {place[1]}: ")


def test_sound_seals_before_a_bad_one_are_handed_out_first(topics: MemoryTopics) -> None:
    changed(topics)
    assembler = assembled(topics)
    batch = assembler.take(10_000)
    assert batch is not None
    assert [event.position for event in batch.events] == [row.position for row in ROWS[: 2 * SIZE]]
    with pytest.raises(Mismatch):
        assembler.take(10_000)


def test_a_seal_is_handed_out_whole_or_not_at_all(topics: MemoryTopics) -> None:
    assembler = SealAssembler(TOPICS, START, KEY.public_key())
    feeds = [
        (place, record) for place, records in topics.read(assembler.offsets()).items() for record in records
    ]
    last, seen = 0, 0
    for place, record in sorted(feeds, key=lambda f: (f[1].offset, f[0])):
        assembler.feed(place, [record])
        while (batch := assembler.take(1)) is not None:
            seen += len(batch.events)
            last = batch.moved[0][0].position
            assert len(batch.moved) == 6
            assert seen == sum(row.position <= last for row in ROWS)
    assert last == ROWS[-1].position


def test_idle_partitions_move_on_too(topics: MemoryTopics) -> None:
    """A position means the same everywhere, also where the seal had nothing for a partition."""
    batch = assembled(topics).take(10_000)
    assert batch is not None
    assert {checkpoint.position for checkpoint, _ in batch.moved.values()} == {ROWS[-1].position}
    assert sum(count for _, count in batch.moved.values()) == len(ROWS) == len(batch.events)


def test_reading_goes_on_behind_what_was_applied(topics: MemoryTopics) -> None:
    """The offsets lead to the first record behind the position: nothing is read again, nothing left out."""
    assembler = assembled(topics)
    first = assembler.take(45)
    assert first is not None
    shares = {partition: checkpoint for partition, (checkpoint, _) in first.moved.items()}
    later = SealAssembler(TOPICS, shares, KEY.public_key())
    for place, records in topics.read(later.offsets()).items():
        assert later.feed(place, records) == len(records)
    assert [e.position for e in first.events] + taken(later) == [row.position for row in ROWS]


def test_a_record_at_a_position_already_applied_is_a_strangers(topics: MemoryTopics) -> None:
    """Behind the offsets of what is applied nothing older can be; only a reading from the start drops."""
    first = assembled(topics).take(10_000)
    assert first is not None
    topics.put((OPPORTUNITY, 3), b"k", b"{}", [("position", (1).to_bytes(8, "big"))])
    shares = {partition: checkpoint for partition, (checkpoint, _) in first.moved.items()}
    with pytest.raises(Mismatch, match="position 1 behind"):
        assembled(topics, shares)


def test_a_strangers_record_shows_before_the_next_seal_comes(topics: MemoryTopics) -> None:
    """Behind all others of its partition, at a position that was applied since reading began."""
    assembler = assembled(topics)
    assert assembler.take(10_000) is not None
    place = min(place for place in topics.records if place[0] == OPPORTUNITY and ends_early(topics, place))
    record = topics.records[place][-1]
    strange = replace(record, headers=[("position", ROWS[-1].position.to_bytes(8, "big"))])
    with pytest.raises(Mismatch, match="it is a stranger's"):
        assembler.feed(place, [strange])


def test_records_that_are_late_are_waited_for_by_name(topics: MemoryTopics) -> None:
    assembler = SealAssembler(TOPICS, START, KEY.public_key())
    assert assembler.waits_for() == []
    everything = topics.read(assembler.offsets())
    assembler.feed(SEAL_PLACE, everything.pop(SEAL_PLACE))
    late = (OPPORTUNITY, 2)
    for place, records in everything.items():
        if place != late:
            assembler.feed(place, records)
    while assembler.take(1) is not None:
        pass
    assert assembler.waits_for() == [late]
    assembler.feed(late, everything[late])
    assert assembler.waits_for() == []
