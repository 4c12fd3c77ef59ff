"""How long a worker waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a worker waits, in seconds: a share's lease; before a share that does not fit its seals is
    tried again; before records that do not come are a mismatch; between looks whether a broker lives; at most
    between two tries of what does not answer."""

    lease: float = 8.0
    mismatch: float = 60.0
    stall: float = 30.0
    broker: float = 5.0
    pause: float = 5.0


class Backoff:
    """Pauses between tries that fail one after the other: each twice the one before, up to `longest`
    seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = FIRST_PAUSE_SECONDS

    def pause(self) -> float:
        """Seconds to wait before the next try."""
        pause = min(self._next, self._longest)
        self._next = pause * 2
        return pause

    def clear(self) -> None:
        """The last try went well."""
        self._next = FIRST_PAUSE_SECONDS
