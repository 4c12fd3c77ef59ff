"""Shared by a relay's two threads: sealed ranges that are not published yet, and how far each thread is."""

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
"""If nothing is published for so many seconds, the sealer no longer waits for the publisher."""


class SealedRange(NamedTuple):
    """A seal and the rows it covers."""

    seal: Seal
    rows: Sequence[StoredRow]


class SealBuffer:
    """Keeps ranges that are sealed and not published yet, so that nobody reads their rows twice.

    It keeps at most `capacity` of them; while the broker is away the others are only in the store. It also
    counts published events. Two threads may use it.
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
        """Sets the store's last seal, as the sealer found it."""
        with self._changed:
            self._highest = last.sequence if last else 0
            self._changed.notify_all()

    def put(self, sealed: SealedRange) -> None:
        """Adds a range that was just sealed. It keeps the range for publishing if it has room."""
        with self._changed:
            self._highest = sealed.seal.sequence
            if len(self._sealed) < self._capacity:
                self._sealed[sealed.seal.sequence] = sealed
            self._changed.notify_all()

    def take(self, sequence: int) -> SealedRange | None:
        """Returns the range with that number, if it has it, and drops those before it."""
        with self._changed:
            for old in [number for number in self._sealed if number < sequence]:
                del self._sealed[old]
            return self._sealed.pop(sequence, None)

    def stands_at(self, published: Seal | None) -> None:
        """Sets the topics' last seal, as the publisher found it."""
        with self._changed:
            self._published, self._connected = published, True
            self._moved = time.monotonic()
            self._changed.notify_all()

    def publish(self, sealed: SealedRange) -> None:
        """Records that a range was published."""
        with self._changed:
            self._published = sealed.seal
            self._moved = time.monotonic()
            self._counts.append((self._moved, len(sealed.rows)))
            self._changed.notify_all()

    def behind(self, sealed: Seal | None) -> bool:
        """Whether the topics are behind this seal, or their end is not known yet."""
        with self._changed:
            if not self._connected:
                return True
            return (sealed.sequence if sealed else 0) > (self._published.sequence if self._published else 0)

    def enough(self) -> bool:
        """Whether the buffer is full, and its ranges are being published one after the other right now.

        The publisher would have to read one more range from the store again. If nothing is published, or the
        publisher has not come to these ranges yet, the sealer need not wait.
        """
        with self._changed:
            if len(self._sealed) < self._capacity or time.monotonic() - self._moved > STALL_SECONDS:
                return False
            published = self._published.sequence if self._published else 0
            return min(self._sealed) <= published + 2  # the one in between is under way

    def wait(self, seconds: float) -> None:
        """Waits until a range is put or published, at most `seconds`."""
        with self._changed:
            self._changed.wait(seconds)

    @property
    def connected(self) -> bool:
        """Whether the topics' end is known, and store and topics agree."""
        return self._connected

    @property
    def sealed_up_to(self) -> int:
        """The number of the store's last seal; 0 if it has none, or it is not known yet."""
        return self._highest

    @property
    def position(self) -> int:
        """The highest position known to be published; 0 if none is."""
        published = self._published
        return published.last if published else 0

    def rate(self) -> float:
        """Published events a second, over the last ten seconds."""
        with self._changed:
            now = time.monotonic()
            while self._counts and now - self._counts[0][0] > RATE_SECONDS:
                self._counts.popleft()
            return sum(count for _, count in self._counts) / RATE_SECONDS
