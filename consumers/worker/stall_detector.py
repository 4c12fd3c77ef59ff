"""Tells records that are late from records that will never come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from consumers.worker.partition_buffer import Place
from consumers.worker.seals import Mismatch


class StallDetector:
    """Watches the places that the next seal waits for.

    Records are late for a moment all the time, since partitions arrive one after the other. They are missing
    for good when the partition's committed end has not moved for `seconds` and nothing came from it either.
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
        """To be called after each poll, with the places waited for, those that gave records, and the time in
        seconds. Raises `Mismatch` for a place whose records will not come."""
        moving = set(fed)
        self._since = {p: self._since.get(p, (now, None)) for p in missing if p not in moving}
        for place, (since, end) in self._since.items():
            waited = now - since
            # The broker is asked only after a tenth of the time: nearly all are over by then.
            if end is None and waited >= self._seconds / 10:
                self._since[place] = (now, ends([place])[place])
            elif end is not None and waited >= self._seconds:
                found = ends([place])[place]
                if found == end:
                    raise Mismatch(place, f"sealed events are missing, and its end has stood at offset {end}")
                self._since[place] = (now, found)
