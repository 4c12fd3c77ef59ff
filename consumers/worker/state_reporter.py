"""Shows what a worker waits for: a state and its reason on the shares it works on."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from psycopg2.extensions import connection as Connection

from projections.control.shares import RUNNING, WAITING, Shares

log = logging.getLogger(__name__)


class StateReporter:
    """Reports a wait, and the end of a wait for the broker; other waits end with a commit."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._told: str | None = None

    def clear(self) -> None:
        """Forgets the reported state: a new session reports it again."""
        self._told = None

    @property
    def broker(self) -> bool:
        """Whether the reported state is that the shares wait for the broker."""
        return self._told == WAITING

    def waiting(self, connection: Connection, owned: Mapping[int, int], state: str, reason: str) -> None:
        """Shows `state` on the owned shares (partition to epoch) and logs one line for each outage."""
        if self._told != state:
            log.warning("%s", reason)
        with connection, connection.cursor() as c:
            self._shares.report(c, owned, state, reason)
        self._told = state

    def running(self, connection: Connection, owned: Mapping[int, int]) -> None:
        """Shows that the shares run again."""
        with connection, connection.cursor() as c:
            self._shares.report(c, owned, RUNNING, None)
        self._told = None
