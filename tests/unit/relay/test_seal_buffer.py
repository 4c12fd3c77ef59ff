"""The shelf between sealing and publishing: who waits for whom, and who does not."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from consumers.relay.seal_buffer import STALL_SECONDS, SealBuffer, SealedRange
from domain.events.seal import Seal


def seal(sequence: int) -> Seal:
    return cast(Seal, SimpleNamespace(sequence=sequence, last=sequence * 10))


def sealed(sequence: int) -> SealedRange:
    return SealedRange(seal(sequence), cast(Any, [object()]))


@pytest.fixture
def shelf() -> SealBuffer:
    """Topics that end with seal 4, and all places taken by what comes next."""
    made = SealBuffer(capacity=2)
    made.stands_at(seal(4))
    made.put(sealed(5))
    assert not made.enough()
    made.put(sealed(6))
    return made


def test_sealing_waits_while_what_is_there_is_being_published(shelf: SealBuffer) -> None:
    """One more range would be read and checked again for publishing."""
    assert shelf.enough()
    taken = shelf.take(5)
    assert taken is not None
    assert not shelf.enough()
    shelf.put(sealed(7))
    assert shelf.enough()  # 5 is under way
    shelf.publish(taken)
    assert shelf.enough()  # 6 is next


def test_sealing_goes_on_while_nothing_is_published(
    shelf: SealBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker is away: events are sealed all the same, and read again later."""
    late = time.monotonic() + STALL_SECONDS + 0.1
    monkeypatch.setattr(time, "monotonic", lambda: late)
    assert not shelf.enough()


def test_sealing_goes_on_while_the_publisher_is_far_behind() -> None:
    """It publishes from the store then, and comes to what is on the shelf much later."""
    shelf = SealBuffer(capacity=2)
    shelf.stands_at(seal(4))
    for sequence in (50, 51):
        shelf.put(sealed(sequence))
    assert not shelf.enough()
