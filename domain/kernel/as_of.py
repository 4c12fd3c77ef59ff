"""A moment to look back to: by the time in the business, by the time of recording, or by both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Final

from domain.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """Bounds, both included: `as_of` for the business time, `known_at` for the recorded time. None: no
    bound."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether it has no bound."""
        return self.as_of is None and self.known_at is None

    def covers(self, time: datetime, recorded: datetime) -> bool:
        """Whether an event with these two times is within the bounds."""
        return (self.as_of is None or time <= self.as_of) and (
            self.known_at is None or recorded <= self.known_at
        )

    def of(self, events: Iterable[Event]) -> Iterator[Event]:
        """Returns the events of one aggregate within the bounds. They are a prefix: no time ever goes
        back."""
        return takewhile(lambda event: self.covers(event.time, event.recorded), events)


NOW: Final = AsOf()
"""Everything."""
