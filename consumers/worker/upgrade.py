"""After an upgrade, a worker applies the parked events whose type it knows now."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from consumers.kafka.topics import partition_of
from projections.control.parked_events import NOBODY, heads
from projections.control.shares import Shares, partition_count
from projections.runtime.apply import Applier

log = logging.getLogger(__name__)

PAGE_AGGREGATES: Final = 100
"""Aggregates that one query reads."""


class Upgrade:
    """Looks, once for each claimed share, for parked events whose type this program knows.

    Events whose type it does not know stay parked. `lease` is in seconds: a transaction takes an eighth of it
    at most, so that shares and heartbeat are renewed in between, however many events are parked.
    """

    def __init__(self, applier: Applier, shares: Shares, lease: float) -> None:
        self._applier, self._shares, self._lease = applier, shares, lease
        self._looked: dict[int, int] = {}

    def run(
        self, connection: Connection, claimed: Mapping[int, int], owned: Mapping[int, int], rate: float
    ) -> None:
        """Applies the events of the shares `claimed`, which are among those `owned` (partition to epoch).

        Call it after `forget`. Raises `SharesLost`; events that were not committed are then not applied.
        """
        new = {p: epoch for p, epoch in claimed.items() if self._looked.get(p) != epoch}
        applied, after = 0, NOBODY if new else None
        while after is not None:
            with connection, connection.cursor() as c:
                # First: with the shares' rows locked nobody else can apply or park events meanwhile.
                self._shares.keep(c, new)
                self._shares.stay(c, owned, rate)
                done, after = self._some(c, new, after)
            applied += done
        self._looked |= new
        if applied:
            log.info("Applied %d events that had waited for this version of the program.", applied)

    def _some(self, c: Cursor, new: Mapping[int, int], after: UUID) -> tuple[int, UUID | None]:
        """Applies the next aggregates. Returns how many events, and the last aggregate, or None at the
        end."""
        until = time.monotonic() + self._lease / 8
        projection = self._applier.projection
        partitions = partition_count(c, projection)
        found = heads(c, projection, "unknown_type", after=after, most=PAGE_AGGREGATES)
        applied = 0
        for head in found:
            assert head.aggregate_id is not None
            after = UUID(head.aggregate_id)
            if partition_of(head.party, partitions) in new and self._applier.knows(head):
                applied += self._applier.drain(c, head.aggregate_id, head.party)[0]
                if time.monotonic() > until:
                    return applied, after
        return applied, after if len(found) == PAGE_AGGREGATES else None
