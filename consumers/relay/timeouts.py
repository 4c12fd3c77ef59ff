"""How long the relay waits for the acknowledgement of a range."""

from __future__ import annotations


class Timeouts:
    """Seconds that one producer gets for each of its ranges, from `first` to `most`.

    Short at first: after a restart of the broker or a broken network a client may never find it again, while
    a new client finds it at once. Doubled after each producer that published nothing, so that a slow broker
    gets enough time. Short again after one that published, or each outage would make the next ones longer.
    """

    def __init__(self, first: float = 6.0, most: float = 60.0) -> None:
        self._first, self._most = first, most
        self._acknowledged = False
        self.seconds = first

    def acknowledged(self) -> None:
        """Records that a range was published."""
        self._acknowledged = True

    def failed(self) -> None:
        """Records that a range was not published; the next producer gets more time."""
        self.seconds = self._first if self._acknowledged else min(2 * self.seconds, self._most)
        self._acknowledged = False
