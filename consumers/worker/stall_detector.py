"""Distinguishes records that are late from records that will never come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from consumers.worker.partition_buffer import Place
from consumers.worker.seals import Mismatch


class StallDetector:
    """Watches the topics and partitions that the next seal waits for.

    Records are often late for a moment, since partitions arrive one after the other. They are missing for
    good when the partition's committed end has not moved for `seconds` and no record came from it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Place, tuple[float, int | None]] = {}

    def clear(self) -> None:
        """Begins anew."""
        self._since = {}

    def watch(
        self,
        missing: Iterable[Place],
        fed: Iterable[Place],
        ends: Callable[[Iterable[Place]], Mapping[Place, int]],
        now: float,
    ) -> None:
        """Checks after each poll. `missing` are the topics and partitions that the next seal waits for, `fed`
        those that gave records, `now` is in seconds. Raises `Mismatch` for one whose records will not
        come."""
        moving = set(fed)
        self._since = {p: self._since.get(p, (now, None)) for p in missing if p not in moving}
        for place, (since, end) in self._since.items():
            waited = now - since
            # Asks the broker only after a tenth of the time: most waits are over by then.
            if end is None and waited >= self._seconds / 10:
                self._since[place] = (now, ends([place])[place])
            elif end is not None and waited >= self._seconds:
                found = ends([place])[place]
                if found == end:
                    raise Mismatch(place, f"sealed events are missing, and its end has stood at offset {end}")
                self._since[place] = (now, found)
