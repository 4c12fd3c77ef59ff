"""A moment to look back to: what had happened in the business by then, and what had been recorded by then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

from domain.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """`as_of` cuts by business time, `known_at` by recorded time, both included; None cuts nothing."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """It cuts nothing."""
        return self.as_of is None and self.known_at is None

    def covers(self, time: datetime, recorded: datetime) -> bool:
        """Whether an event that happened at `time` and was recorded at `recorded` is before the cut."""
        return (self.as_of is None or time <= self.as_of) and (
            self.known_at is None or recorded <= self.known_at
        )

    def of(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events of one aggregate, in order, up to the cut: neither of its times ever goes back, so what
        is before the cut is a prefix."""
        return takewhile(lambda event: self.covers(event.time, event.recorded), events)


NOW: Final = AsOf()
"""Everything."""
