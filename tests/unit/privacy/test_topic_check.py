"""What the topics hold of an erased person, beside what the store has: each way in which it can differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from commands.privacy.certificate import CheckedPlace
from commands.privacy.topic_check import NotPublishedYet, Record, TopicCheck
from domain.events.seal import Seal

MINE, OTHER = UUID(int=1), UUID(int=2)
STORED: Sequence[tuple[int, str, UUID, bytes]] = (
    (3, "crm.customer.registered", MINE, b"a"),
    (5, "crm.interaction.recorded", OTHER, b"b"),
    (9, "crm.customer.erased", MINE, b"c"),
)
HEAD: Any = Seal(
    store=UUID(int=7), sequence=1, first=1, last=9, count=3, root=b"", partitions={}, previous=b"",
    sealed="", key="",
)  # fmt: skip


@dataclass
class Kept:
    """Topics that hold these records."""

    records: Sequence[Record]
    last: int = 9

    def head(self) -> Seal | None:
        return replace(HEAD, last=self.last) if self.last else None

    def keyed(self, keys: Mapping[str, Collection[UUID]], first: int) -> Iterator[Record]:
        assert keys == {"crm.customer.v1": {MINE}, "crm.interaction.v1": {OTHER}}
        assert first == 3
        yield from self.records


WHOLE = tuple(Record(party, position, event) for position, _, party, event in STORED)


def compared(*records: Record, last: int = 9, meanwhile: Collection[int] = ()) -> CheckedPlace:
    """The certificate's place; `meanwhile` are positions that the store has got since it was read."""
    published = TopicCheck(own={MINE})
    for event in STORED:
        published.add(*event)
    return published.compare(Kept(records, last), lambda positions: set(meanwhile) & set(positions))


def test_topics_that_hold_what_the_store_has_are_clean() -> None:
    place = compared(*WHOLE)
    assert (place.place, place.clean) == ("topics", True)
    assert place.found == "3 of 3 the same, 0 others, 0 missing, 0 that the store does not have"
    assert "crm.customer.v1, crm.interaction.v1" in place.checked


def test_another_event_at_one_of_their_positions_is_told() -> None:
    place = compared(WHOLE[0]._replace(event=b"x"), *WHOLE[1:])
    assert (place.clean, place.found[:24]) == (False, "2 of 3 the same, 1 others"[:24])


@pytest.mark.parametrize("position", [4, None])
def test_a_record_of_the_person_that_the_store_does_not_have_is_told(position: int | None) -> None:
    """As a stranger writes one, with a position or without."""
    place = compared(*WHOLE, Record(MINE, position, b"x"))
    assert (place.clean, "1 that the store does not have" in place.found) == (False, True)


def test_records_of_others_and_those_recorded_meanwhile_accuse_nobody() -> None:
    assert compared(*WHOLE, Record(OTHER, 6, b"x"), Record(MINE, 12, b"x"), meanwhile=[12]).clean


def test_what_the_topics_have_lost_is_told_and_what_they_have_not_got_yet_waited_for() -> None:
    assert "1 missing" in compared(*WHOLE[:2]).found
    assert not compared(*WHOLE[:2]).clean
    for last in (8, 0):
        with pytest.raises(NotPublishedYet, match="position 9"):
            compared(*WHOLE[:2], last=last)
