"""Whole seals, proven: what each kind of tampering leads to, and that sound seals before it are not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from consumers.worker.seals import APPLIED_TO, HANDED_OVER, SEAL_PLACE, Mismatch, Place, SealAssembler
from consumers.worker.stall_detector import StallDetector
from domain.events.seal import parse, sign
from projections.control.shares import Checkpoint
from tests.support.histories import long_history
from tests.support.topics_in_memory import KEY, MemoryRecord, MemoryTopics

OPPORTUNITY = "crm.opportunity.v1"
TOPICS = ("crm.customer.v1", OPPORTUNITY)
ROWS = long_history(150, spread=20).rows
SIZE = 20
START = {partition: Checkpoint() for partition in range(6)}


@pytest.fixture
def topics() -> MemoryTopics:
    """The history in seals of 20."""
    topics = MemoryTopics()
    topics.publish_all(ROWS, [SIZE])
    return topics


def gather(topics: MemoryTopics, shares: dict[int, Checkpoint] = START) -> SealAssembler:
    """A gatherer that has read everything."""
    gatherer = SealAssembler(TOPICS, shares, KEY.public_key())
    for place, records in topics.read(gatherer.offsets()).items():
        gatherer.feed(place, records)
    return gatherer


def taken(gatherer: SealAssembler, most: int = 1) -> list[int]:
    """The positions of everything that is handed out."""
    positions = []
    while (batch := gatherer.take(most)) is not None:
        positions += [event.position for event in batch.events]
    return positions


def place_with(topics: MemoryTopics, row: StoredRow) -> tuple[Place, int]:
    """Where a row was published, and its index there."""
    place = (f"crm.{row.type.split('.')[1]}.v1", partition_of(row.party, 6))
    records = topics.lanes[place]
    return place, next(n for n, r in enumerate(records) if r.value == row.event)


VICTIM = ROWS[50]  # in the third seal


def changed(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    topics.lanes[place][at] = replace(topics.lanes[place][at], value=VICTIM.event.replace(b'"1.0"', b'"1.1"'))
    return place


def moved(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    headers = [("position", (VICTIM.position - 1).to_bytes(8, "big"))]
    topics.lanes[place][at] = replace(topics.lanes[place][at], headers=headers)
    return place


def removed(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    del topics.lanes[place][at]
    return place


def doubled(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    topics.lanes[place].insert(at, topics.lanes[place][at])
    return place


def swapped_between_partitions(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    record = topics.lanes[place].pop(at)
    other = (place[0], (place[1] + 1) % 6)
    lane = topics.lanes[other]
    number = next((n for n, r in enumerate(lane) if r.headers[0][1] > record.headers[0][1]), len(lane))
    lane.insert(number, record)
    return min(place, other, key=lambda p: p[1])


def without_position(topics: MemoryTopics) -> Place:
    place, at = place_with(topics, VICTIM)
    topics.lanes[place][at] = replace(topics.lanes[place][at], headers=[])
    return place


def strange_at_the_end(topics: MemoryTopics) -> Place:
    topics.put((OPPORTUNITY, 3), b"k", b"{}", [("position", (1).to_bytes(8, "big"))])
    return OPPORTUNITY, 3


def ahead_of_all(topics: MemoryTopics) -> Place:
    """A stranger's record with a position far ahead hides what comes behind it."""
    topics.lanes[OPPORTUNITY, 4].insert(
        1, replace(topics.lanes[OPPORTUNITY, 4][0], headers=[("position", (10**9).to_bytes(8, "big"))])
    )
    return OPPORTUNITY, 4


def seal_without(topics: MemoryTopics) -> Place:
    del topics.lanes[SEAL_PLACE][2]
    return SEAL_PLACE


def seal_changed(topics: MemoryTopics) -> Place:
    record = topics.lanes[SEAL_PLACE][2]
    assert record.value is not None
    topics.lanes[SEAL_PLACE][2] = replace(record, value=record.value.replace(b'"count":20', b'"count":21'))
    return SEAL_PLACE


def seal_by_another_key(topics: MemoryTopics) -> Place:
    forged = MemoryTopics()
    for at in range(0, 2 * SIZE, SIZE):
        forged.publish(ROWS[at : at + SIZE])
    forged.publish(ROWS[2 * SIZE : 3 * SIZE], Ed25519PrivateKey.from_private_bytes(bytes(32)))
    topics.lanes[SEAL_PLACE][2] = forged.lanes[SEAL_PLACE][2]
    return SEAL_PLACE


def seal_with_another_signature(topics: MemoryTopics) -> Place:
    """The last seal, so that no later one betrays it: its words are right, who signed it is not."""
    record = topics.lanes[SEAL_PLACE][-1]
    assert record.value is not None
    forged = sign(parse(record.value), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    topics.lanes[SEAL_PLACE][-1] = replace(record, value=forged)
    return SEAL_PLACE


def strange_in_a_burnt_position(topics: MemoryTopics) -> Place:
    """Behind all of its partition's events in the last seal, and within the seal's range."""
    sealed = topics.last
    assert sealed is not None
    place, records = max(
        ((p, r) for p, r in topics.lanes.items() if p != SEAL_PLACE and p[0] in TOPICS),
        key=lambda lane: -int.from_bytes(lane[1][-1].headers[0][1], "big"),
    )
    records.append(replace(records[-1], headers=[("position", sealed.last.to_bytes(8, "big"))]))
    return place


def no_seal(topics: MemoryTopics) -> Place:
    topics.lanes[SEAL_PLACE][2] = replace(topics.lanes[SEAL_PLACE][2], value=b"{}")
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
        taken(gather(topics))
    assert caught.value.place == place
    assert str(caught.value).startswith(f"{place[0]} partition {place[1]}: ")


def test_sound_seals_before_a_bad_one_are_handed_out_first(topics: MemoryTopics) -> None:
    changed(topics)
    gatherer = gather(topics)
    batch = gatherer.take(10_000)
    assert batch is not None
    assert [event.position for event in batch.events] == [row.position for row in ROWS[: 2 * SIZE]]
    with pytest.raises(Mismatch):
        gatherer.take(10_000)


def test_a_seal_is_handed_out_whole_or_not_at_all(topics: MemoryTopics) -> None:
    gatherer = SealAssembler(TOPICS, START, KEY.public_key())
    feeds = [
        (place, record) for place, records in topics.read(gatherer.offsets()).items() for record in records
    ]
    last, seen = 0, 0
    for place, record in sorted(feeds, key=lambda f: (f[1].offset, f[0])):
        gatherer.feed(place, [record])
        while (batch := gatherer.take(1)) is not None:
            seen += len(batch.events)
            last = batch.moved[0][0].position
            assert len(batch.moved) == 6
            assert seen == sum(row.position <= last for row in ROWS)
    assert last == ROWS[-1].position


def test_idle_partitions_move_on_too(topics: MemoryTopics) -> None:
    """A position means the same everywhere, also where the seal had nothing for a partition."""
    batch = gather(topics).take(10_000)
    assert batch is not None
    assert {standing.position for standing, _ in batch.moved.values()} == {ROWS[-1].position}
    assert sum(count for _, count in batch.moved.values()) == len(ROWS) == len(batch.events)


def test_reading_goes_on_behind_what_was_applied(topics: MemoryTopics) -> None:
    """The offsets lead to the first record behind the position: nothing is read again, nothing left out."""
    gatherer = gather(topics)
    first = gatherer.take(45)
    assert first is not None
    shares = {partition: standing for partition, (standing, _) in first.moved.items()}
    later = SealAssembler(TOPICS, shares, KEY.public_key())
    for place, records in topics.read(later.offsets()).items():
        assert later.feed(place, records) == len(records)
    assert [e.position for e in first.events] + taken(later) == [row.position for row in ROWS]


def test_a_record_at_a_position_already_applied_is_a_strangers(topics: MemoryTopics) -> None:
    """Behind the offsets of what is applied nothing older can be; only a reading from the start drops."""
    first = gather(topics).take(10_000)
    assert first is not None
    topics.put((OPPORTUNITY, 3), b"k", b"{}", [("position", (1).to_bytes(8, "big"))])
    shares = {partition: standing for partition, (standing, _) in first.moved.items()}
    with pytest.raises(Mismatch, match="position 1 behind"):
        gather(topics, shares)


def test_a_strangers_record_shows_before_the_next_seal_comes(topics: MemoryTopics) -> None:
    """Behind all others of its partition, at a position that was applied since reading began."""
    gatherer = gather(topics)
    assert gatherer.take(10_000) is not None
    place = min(place for place in topics.lanes if place[0] == OPPORTUNITY and ends_early(topics, place))
    record = topics.lanes[place][-1]
    strange = replace(record, headers=[("position", ROWS[-1].position.to_bytes(8, "big"))])
    with pytest.raises(Mismatch, match="it is a stranger's"):
        gatherer.feed(place, [strange])


def test_records_that_are_late_are_waited_for_by_name(topics: MemoryTopics) -> None:
    gatherer = SealAssembler(TOPICS, START, KEY.public_key())
    assert gatherer.waits_for() == []
    everything = topics.read(gatherer.offsets())
    gatherer.feed(SEAL_PLACE, everything.pop(SEAL_PLACE))
    late = (OPPORTUNITY, 2)
    for place, records in everything.items():
        if place != late:
            gatherer.feed(place, records)
    while gatherer.take(1) is not None:
        pass
    assert gatherer.waits_for() == [late]
    gatherer.feed(late, everything[late])
    assert gatherer.waits_for() == []


def test_what_does_not_come_is_a_mismatch_only_when_nothing_moves() -> None:
    place = (OPPORTUNITY, 1)
    end, asked = 7, []

    def ends(places: object) -> dict[Place, int]:
        asked.append(places)
        return {place: end}

    watch = StallDetector(30.0)
    watch.watch([place], [], ends, 0.0)
    watch.watch([place], [], ends, 2.9)
    assert asked == [], "late for a moment: the broker is not asked"
    watch.watch([place], [], ends, 3.0)
    end = 9
    watch.watch([place], [], ends, 33.0)
    watch.watch([place], [place], ends, 50.0)
    watch.watch([place], [], ends, 60.0)
    watch.watch([place], [], ends, 63.0)
    watch.watch([place], [], ends, 92.9)
    with pytest.raises(Mismatch, match="has stood at offset 9"):
        watch.watch([place], [], ends, 93.0)


def again(topics: MemoryTopics, place: Place, *, seals: bool = True, had: int = 1000) -> SealAssembler:
    """A gatherer whose shares have so many events, and that has read a place again."""
    first = gather(topics_of_all(), START)
    batch = first.take(had)
    assert batch is not None
    shares = {partition: standing for partition, (standing, _) in batch.moved.items()}
    found = SealAssembler(TOPICS, shares, KEY.public_key(), again={place, SEAL_PLACE} if seals else {place})
    for at, records in topics.read(found.offsets()).items():
        found.feed(at, records)
    return found


def topics_of_all() -> MemoryTopics:
    made = MemoryTopics()
    made.publish_all(ROWS, [SIZE])
    return made


def with_another_at_the_end(topics: MemoryTopics) -> Place:
    """At a position that no event of this place has, and that is applied."""
    place = min(place for place in topics.lanes if place[0] == OPPORTUNITY and ends_early(topics, place))
    topics.put(place, b"k", b"{}", [("position", ROWS[-1].position.to_bytes(8, "big"))])
    return place


def ends_early(topics: MemoryTopics, place: Place) -> bool:
    return int.from_bytes(topics.lanes[place][-1].headers[0][1], "big") < ROWS[-1].position


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
    whole = topics.lanes[place]
    assert again(topics, place).take(1000) is None
    for there in range(len(whole)):
        topics.lanes[place] = whole[:there]
        gatherer = again(topics, place)
        gatherer.feed(place, whole[there : there + 1])
        gatherer.feed(place, whole[there + 1 :])
    topics.lanes[place] = whole
    stranger = replace(whole[-1], headers=[("position", ROWS[-1].position.to_bytes(8, "big"))])
    with pytest.raises(Mismatch):
        gatherer.feed(place, [stranger])


def test_a_seal_that_was_applied_and_comes_again_is_a_strangers(topics: MemoryTopics) -> None:
    """Whether it follows what is applied, or is met where the seals are read from the first on; only after a
    rebuild's hand-over may such seals follow."""
    first = gather(topics, START).take(45)
    assert first is not None
    shares = {partition: standing for partition, (standing, _) in first.moved.items()}
    topics.lanes[SEAL_PLACE].append(replace(topics.lanes[SEAL_PLACE][1], offset=topics.ends[SEAL_PLACE]))
    with pytest.raises(Mismatch, match=r"the seal 2 at offset .* does not follow"):
        gather(topics, shares)
    with pytest.raises(Mismatch, match=r"the seal 2 at offset .* does not follow"):
        again(topics, SEAL_PLACE)
    handed = {p: replace(s, offsets={**s.offsets, HANDED_OVER: 1}) for p, s in shares.items()}
    assert taken(gather(topics, handed)) == [row.position for row in ROWS[len(first.events) :]]


def test_seals_of_another_store_are_not_those_that_were_applied(topics: MemoryTopics) -> None:
    """Sound among themselves, and as many."""
    other = MemoryTopics()
    other.publish_all(ROWS, [SIZE + 1])
    topics.lanes[SEAL_PLACE] = other.lanes[SEAL_PLACE]
    with pytest.raises(Mismatch, match=r"the seal 8 at offset .* is not what was applied"):
        again(topics, SEAL_PLACE)


CUSTOMER = TOPICS[:1]
DEALS = {row.position for row in ROWS if row.type.startswith("crm.opportunity.")}


def follow(
    topics: MemoryTopics, names: tuple[str, ...], shares: dict[int, Checkpoint], most: int = 1_000
) -> tuple[list[int], dict[int, Checkpoint]]:
    """A program that reads these topics to their end: the positions handed out, and its shares afterwards."""
    gatherer = SealAssembler(names, shares, KEY.public_key())
    for place, records in topics.read(gatherer.offsets()).items():
        gatherer.feed(place, records)
    positions, after = [], dict(shares)
    while (batch := gatherer.take(most)) is not None:
        positions += [event.position for event in batch.events]
        after |= {partition: standing for partition, (standing, _) in batch.moved.items()}
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
    assert {standing.position for standing in joined.values()} == {ROWS[-1].position}
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
    assert {standing.offsets[OPPORTUNITY] for standing in joined.values()} == {0}


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
    gatherer = SealAssembler(TOPICS, {place[1]: shares[place[1]]}, KEY.public_key())
    everything = topics.read(gatherer.offsets())
    records = everything.pop(place)
    for at, found in everything.items():
        gatherer.feed(at, found)
    return gatherer, place, records


def test_records_of_a_topic_that_joins_are_waited_for_by_name(topics: MemoryTopics) -> None:
    gatherer, place, records = late_share(topics)
    assert gatherer.take(1) is None
    assert gatherer.waits_for() == [place]
    gatherer.feed(place, records[:-1])
    assert gatherer.take(1) is None, "not before all of them are there"
    gatherer.feed(place, records[-1:])
    batch = gatherer.take(1)
    assert batch is not None
    assert len(batch.events) == len(records)


def test_nothing_is_handed_out_of_a_topic_that_joins_and_is_not_as_it_was_sealed(
    topics: MemoryTopics,
) -> None:
    gatherer, place, records = late_share(topics)
    assert records[0].value is not None
    with pytest.raises(Mismatch, match="in no seal"):
        gatherer.feed(place, [replace(records[0], value=b"{}"), *records[1:]])
    gatherer, place, records = late_share(topics)
    beyond = replace(records[-1], headers=[("position", (10**9).to_bytes(8, "big"))])
    gatherer.feed(place, [*records[:-1], beyond])
    with pytest.raises(Mismatch, match="events are there") as caught:
        gatherer.take(1)
    assert caught.value.place == place
