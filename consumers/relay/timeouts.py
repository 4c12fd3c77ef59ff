"""How long the relay waits for the acknowledgement of a range."""

from __future__ import annotations


class Timeouts:
    """Seconds that one producer gets for each of its ranges, from `first` to `most`.

    Short at first: after its broker was restarted, or the network broke, the client may never find it again,
    and a new one does at once. Doubled after each producer that got no range through, so that a slow broker
    gets its ranges through; short again after one that did, or each outage would make the next ones longer.
    """

    def __init__(self, first: float = 6.0, most: float = 60.0) -> None:
        self._first, self._most = first, most
        self._acknowledged = False
        self.seconds = first

    def acknowledged(self) -> None:
        """A range got through."""
        self._acknowledged = True

    def failed(self) -> None:
        """A range did not; there will be another producer."""
        self.seconds = self._first if self._acknowledged else min(2 * self.seconds, self._most)
        self._acknowledged = False
