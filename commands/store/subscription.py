"""The library's subscription, below the high-water mark alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import Final

from eventsourcing.persistence import ApplicationRecorder, Notification, Subscription

from commands.store.driver_errors import translated
from commands.store.high_water_mark import HighWaterMarkTimeout, high_water_mark, last_drawn
from commands.store.pool import Pool

_POLL_SECONDS: Final = 0.05
_PAGE: Final = 1000


class SettledSubscription(Subscription[ApplicationRecorder]):
    """Yields notifications behind `gt` as the high-water mark passes them, until it is stopped."""

    def __init__(
        self, recorder: ApplicationRecorder, pool: Pool, gt: int | None, topics: Sequence[str]
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._pool = pool
        self._position = gt or 0
        self._upto = 0
        self._ready: deque[Notification] = deque()
        self._ended = Event()

    def stop(self) -> None:
        """Ends the iteration, from any thread."""
        super().stop()
        self._ended.set()

    def __next__(self) -> Notification:
        while not self._ended.is_set():
            if self._ready:
                return self._ready.popleft()
            if not self._fetch():
                self._ended.wait(_POLL_SECONDS)
        raise StopIteration

    def _fetch(self) -> bool:
        """Gets the next page; whether there was one."""
        if self._position >= self._upto:
            with translated(), self._pool.connection() as opened, opened.cursor() as reader:
                try:
                    self._upto = high_water_mark(reader, last_drawn(reader), given_up=self._ended)
                except HighWaterMarkTimeout:  # it was stopped, while a writer held on
                    return False
        page = self._recorder.select_notifications(
            self._position, _PAGE, self._upto, self._topics, inclusive_of_start=False
        )
        self._ready.extend(page)
        # A page that is not full holds all there is of these topics up to the high-water mark.
        self._position = page[-1].id if len(page) == _PAGE else max(self._position, self._upto)
        return bool(page)
