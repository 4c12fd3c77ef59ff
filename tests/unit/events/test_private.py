"""Private parts of events: whose they are, how they stand in the data, what is left when a key is gone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from uuid import UUID

import orjson
import pytest

from domain.events.envelope import decode, encode
from domain.events.private import PrivateParts, Unreadable, free_text, personal
from domain.events.registry import EventType, Registry
from tests.support.memory import OpenCipher
from tests.support.payloads import example_event

ADA, BEN, CYD = UUID(int=1), UUID(int=2), UUID(int=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """`crm.meeting.held`, with all there is: own and others' data, texts of some and of nobody."""

    subject: str | Unreadable | None = personal()
    guest_id: UUID
    guest: str | Unreadable | None = personal(of="guest_id")
    attendee_ids: tuple[UUID, ...]
    minutes: str | Unreadable | None = free_text("meeting", participants="attendee_ids")
    room: str


REGISTRY = Registry([EventType("crm.meeting.held", Met)])
MET = Met(subject="Ada", guest_id=BEN, guest="Ben", attendee_ids=(ADA, CYD), minutes="They met.", room="5")
EVENT = example_event(MET)


def test_private_values_are_grouped_by_whose_they_are() -> None:
    data, parts = REGISTRY.split(EVENT)
    assert data == {"guest_id": str(BEN), "attendee_ids": [str(ADA), str(CYD)], "room": "5"}
    assert parts == PrivateParts(
        persons={EVENT.originator_id: {"subject": "Ada"}, BEN: {"guest": "Ben"}},
        texts={"minutes": "They met."},
        participants=(ADA, CYD),
        kind="meeting",
    )


def test_a_text_that_names_nobody_is_the_partys() -> None:
    nobody = dataclasses.replace(EVENT, payload=dataclasses.replace(MET, attendee_ids=()))
    assert REGISTRY.split(nobody)[1].participants == (EVENT.party,)


def test_what_was_not_given_is_not_there() -> None:
    bare = example_event(Met(guest_id=BEN, attendee_ids=(), room="5"))
    assert not REGISTRY.split(bare)[1]
    assert b'"private"' not in encode(bare, REGISTRY, OpenCipher())
    assert decode(encode(bare, REGISTRY, OpenCipher()), REGISTRY, OpenCipher()) == bare


def test_the_private_part_has_the_shape_that_is_published() -> None:
    private = orjson.loads(encode(EVENT, REGISTRY, OpenCipher()))["data"]["private"]
    assert list(private["persons"]) == [str(EVENT.originator_id), str(BEN)]
    assert private["persons"][str(BEN)]["guest"].startswith("a1.")
    assert private["text"]["participants"] == [str(ADA), str(CYD)]
    assert private["text"]["retention"] == "meeting/2026-03"
    assert private["text"]["fields"]["minutes"].startswith("t1.")


@pytest.mark.parametrize(
    ("destroyed", "read"),
    [
        (BEN, {"guest": Unreadable("erased")}),
        (CYD, {"minutes": Unreadable("erased")}),
        (ADA, {"minutes": Unreadable("erased")}),
        (EVENT.originator_id, {"subject": Unreadable("erased")}),
    ],
)
def test_after_an_erasure_only_what_was_that_persons_is_closed(
    destroyed: UUID, read: dict[str, Unreadable]
) -> None:
    cipher = OpenCipher()
    encoded = encode(EVENT, REGISTRY, cipher)
    cipher.destroyed.add(destroyed)
    assert decode(encoded, REGISTRY, cipher).payload == dataclasses.replace(MET, **read)  # type: ignore[arg-type]


def test_a_private_value_is_in_no_repr() -> None:
    """Payloads, events and their parts may end in a log or a traceback."""
    parts = REGISTRY.split(EVENT)[1]
    for shown in (repr(MET), repr(EVENT), repr(parts)):
        assert "Ada" not in shown
        assert "Ben" not in shown
        assert "They met." not in shown
