"""What a worker makes visible of its waiting: a state and its reason on the shares it works on."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from psycopg2.extensions import connection as Connection

from projections.control.shares import RUNNING, WAITING, Shares

log = logging.getLogger(__name__)


class StateReporter:
    """Reports what is waited for, and the end of waiting for the broker; other waits end with a commit."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._told: str | None = None

    def clear(self) -> None:
        """Forgets what was told: on a new session everything is told again."""
        self._told = None

    @property
    def broker(self) -> bool:
        """Whether the last thing told is that the broker is waited for."""
        return self._told == WAITING

    def waiting(self, connection: Connection, owned: Mapping[int, int], state: str, reason: str) -> None:
        """Shows `state` on the owned shares (partition to epoch); a line in the log for each outage."""
        if self._told != state:
            log.warning("%s", reason)
        with connection, connection.cursor() as c:
            self._shares.report(c, owned, state, reason)
        self._told = state

    def running(self, connection: Connection, owned: Mapping[int, int]) -> None:
        """Takes the state back."""
        with connection, connection.cursor() as c:
            self._shares.report(c, owned, RUNNING, None)
        self._told = None
