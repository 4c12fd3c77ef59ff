"""What passes between a relay's two threads: ranges just sealed, how far each is, and how fast."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from commands.store.event_reader import StoredRow
from domain.events.seal import Seal

RATE_SECONDS: Final = 10.0
STALL_SECONDS: Final = 1.0
"""Seconds without anything published after which nobody waits for the publisher any more."""


class SealedRange(NamedTuple):
    """A seal and the rows it covers."""

    seal: Seal
    rows: Sequence[StoredRow]


class SealBuffer:
    """Ranges that were sealed and not yet published, so that their rows need not be read twice.

    Holds at most `capacity` of them; while the broker is away the rest is only in the store. Also counts what
    was published. For two threads.
    """

    def __init__(self, capacity: int = 4) -> None:
        self._capacity = capacity
        self._changed = threading.Condition()
        self._sealed: dict[int, SealedRange] = {}
        self._highest = 0
        self._published: Seal | None = None
        self._connected = False
        self._counts: deque[tuple[float, int]] = deque()
        self._moved = 0.0

    def begins_at(self, last: Seal | None) -> None:
        """The store's last seal is this one, as it was found."""
        with self._changed:
            self._highest = last.sequence if last else 0
            self._changed.notify_all()

    def put(self, sealed: SealedRange) -> None:
        """This range was sealed; it is kept for publishing, unless there are enough already."""
        with self._changed:
            self._highest = sealed.seal.sequence
            if len(self._sealed) < self._capacity:
                self._sealed[sealed.seal.sequence] = sealed
            self._changed.notify_all()

    def take(self, sequence: int) -> SealedRange | None:
        """The range with that number, if it is here; those before it are dropped."""
        with self._changed:
            for old in [number for number in self._sealed if number < sequence]:
                del self._sealed[old]
            return self._sealed.pop(sequence, None)

    def stands_at(self, published: Seal | None) -> None:
        """The topics end with this seal, as they were found."""
        with self._changed:
            self._published, self._connected = published, True
            self._moved = time.monotonic()
            self._changed.notify_all()

    def publish(self, sealed: SealedRange) -> None:
        """This range was published."""
        with self._changed:
            self._published = sealed.seal
            self._moved = time.monotonic()
            self._counts.append((self._moved, len(sealed.rows)))
            self._changed.notify_all()

    def behind(self, sealed: Seal | None) -> bool:
        """Whether the topics are behind this seal, or not known yet."""
        with self._changed:
            if not self._connected:
                return True
            return (sealed.sequence if sealed else 0) > (self._published.sequence if self._published else 0)

    def enough(self) -> bool:
        """Whether all places are taken by ranges that are published one after the other right now.

        One more would have to be read and checked again for publishing. Where nothing moves, or where the
        publisher has yet to come to what is here, there is nothing to wait for.
        """
        with self._changed:
            if len(self._sealed) < self._capacity or time.monotonic() - self._moved > STALL_SECONDS:
                return False
            published = self._published.sequence if self._published else 0
            return min(self._sealed) <= published + 2  # the one in between is under way

    def wait(self, seconds: float) -> None:
        """Waits until something is put or published, at most that long."""
        with self._changed:
            self._changed.wait(seconds)

    @property
    def connected(self) -> bool:
        """Whether the topics' end is known, and store and topics agreed on it."""
        return self._connected

    @property
    def sealed_up_to(self) -> int:
        """The number of the store's last seal; 0 where there is none or it is not known yet."""
        return self._highest

    @property
    def position(self) -> int:
        """The highest position known to be published; 0 if none is."""
        published = self._published
        return published.last if published else 0

    def rate(self) -> float:
        """Events a second, published in the last ten."""
        with self._changed:
            now = time.monotonic()
            while self._counts and now - self._counts[0][0] > RATE_SECONDS:
                self._counts.popleft()
            return sum(count for _, count in self._counts) / RATE_SECONDS
