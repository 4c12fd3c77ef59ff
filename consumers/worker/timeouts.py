"""How long a worker waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a worker waits, in seconds.

    In this order: a share's lease; until it tries a share again that does not fit its seals; until missing
    records are a mismatch; between two checks whether the broker lives; at most between two tries of a
    service that is away.
    """

    lease: float = 8.0
    mismatch: float = 60.0
    stall: float = 30.0
    broker: float = 5.0
    pause: float = 5.0


class Backoff:
    """Pauses between failed tries: each is twice the one before, up to `longest` seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = FIRST_PAUSE_SECONDS

    def pause(self) -> float:
        """Returns the seconds to wait before the next try."""
        pause = min(self._next, self._longest)
        self._next = pause * 2
        return pause

    def clear(self) -> None:
        """Begins again with the shortest pause, after a try that succeeded."""
        self._next = FIRST_PAUSE_SECONDS
