"""The relay's first half: seals the store up to its high-water mark, range by range, also without Kafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import EventReader, HighWaterMarkTimeout
from commands.store.seals import Seals
from consumers.relay.leader import Leadership
from consumers.relay.seal_buffer import SealBuffer, SealedRange
from consumers.relay.seals import MAX_BYTES, MAX_EVENTS, seal_range
from domain.events.envelope import LIMIT
from domain.events.seal import Seal

FULL_RANGE_SECONDS: Final = 1.0
"""Seconds that events wait for a full range while the range before them is being published."""


class Sealer:
    """Appends a seal for each range behind the last seal, up to the high-water mark.

    A range has all events that came since the one before was published: one when it is quiet, 2,500 when it
    is not. So small transactions never pile up before the broker.

    Args:
        url: of the store.
        store: its id.
        partitions: of every family topic.
        key: signs the seals.
        leadership: checked before each seal.
        buffer: gets the sealed ranges.
        clock: the time of sealing, UTC.
        poll: seconds between two reads of the store when nothing came.
        failpoint: gets "before the seal row" and "after the seal row".
    """

    def __init__(
        self,
        *,
        url: str,
        store: UUID,
        partitions: int,
        key: Ed25519PrivateKey,
        leadership: Leadership,
        buffer: SealBuffer,
        clock: Callable[[], datetime],
        poll: float,
        failpoint: Callable[[str], None],
    ) -> None:
        self._event_reader = EventReader(url)
        self._seals = Seals(url)
        self._store, self._partitions, self._key = store, partitions, key
        self._leadership, self._buffer = leadership, buffer
        self._clock, self._poll, self._failpoint = clock, poll, failpoint
        self._upto = 0

    def run(self, ended: threading.Event) -> None:
        """Seals until `ended`. Raises the store's errors, `LeadershipLost` and `SealConflict`."""
        try:
            self._upto = 0
            last = self._seals.last()
            self._buffer.begins_at(last)
            sealed_at = time.monotonic()
            while not ended.is_set():
                upto = self._high_water_mark(last.last if last else 0)
                if upto <= (last.last if last else 0):
                    ended.wait(self._poll)
                elif self._buffer.enough() or (
                    self._may_grow(last, upto) and time.monotonic() - sealed_at < FULL_RANGE_SECONDS
                ):
                    self._buffer.wait(self._poll)
                else:
                    last = self._seal(last, upto)
                    sealed_at = time.monotonic()
        finally:
            self._event_reader.close()
            self._seals.close()

    def _high_water_mark(self, after: int) -> int:
        """Returns the known high-water mark. It reads the store's only if less than a full range behind
        `after` is known.

        The high-water mark never goes back: events below it are sealed even while a writer keeps a later
        transaction open.
        """
        if self._upto - after < MAX_EVENTS:
            with suppress(HighWaterMarkTimeout):
                self._upto = max(self._upto, self._event_reader.high_water_mark(timeout=1.0))
        return self._upto

    def _may_grow(self, last: Seal | None, upto: int) -> bool:
        """Whether the next range is not full, and the publisher does not wait for it."""
        return upto - (last.last if last else 0) < MAX_EVENTS and self._buffer.behind(last)

    def _seal(self, last: Seal | None, upto: int) -> Seal | None:
        after = last.last if last else 0
        rows = self._event_reader.read(after, upto, limit=MAX_EVENTS, max_bytes=MAX_BYTES - LIMIT)
        if not rows:
            return last
        seal = seal_range(
            rows, last, store=self._store, partitions=self._partitions, key=self._key, now=self._clock()
        )
        self._leadership.check()
        self._failpoint("before the seal row")
        self._seals.append(seal.record)
        self._failpoint("after the seal row")
        self._buffer.put(SealedRange(seal, rows))
        return seal
