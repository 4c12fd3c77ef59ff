"""After an upgrade: what was parked for want of an event type is applied by a worker that knows the type."""

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
"""Aggregates that are looked at together."""


class Upgrade:
    """Looks, once for each share that was claimed, for parked events whose type this program knows.

    What it does not know either stays as it is. `lease` in seconds: of what one transaction does, it takes an
    eighth at most, so that shares and heartbeat are renewed in between, however much is parked.
    """

    def __init__(self, applier: Applier, shares: Shares, lease: float) -> None:
        self._applier, self._shares, self._lease = applier, shares, lease
        self._looked: dict[int, int] = {}

    def run(
        self, connection: Connection, claimed: Mapping[int, int], owned: Mapping[int, int], rate: float
    ) -> None:
        """Applies what is found of the shares `claimed`, of all that are `owned` (partition to epoch).

        To be called after `forget`. Raises `SharesLost`: then what was not committed yet is not applied.
        """
        new = {p: epoch for p, epoch in claimed.items() if self._looked.get(p) != epoch}
        applied, after = 0, NOBODY if new else None
        while after is not None:
            with connection, connection.cursor() as c:
                # First of all: with the shares' rows locked nobody else can have applied, or parked, since.
                self._shares.keep(c, new)
                self._shares.stay(c, owned, rate)
                done, after = self._some(c, new, after)
            applied += done
        self._looked |= new
        if applied:
            log.info("Applied %d events that had waited for this version of the program.", applied)

    def _some(self, c: Cursor, new: Mapping[int, int], after: UUID) -> tuple[int, UUID | None]:
        """The next aggregates: how many events were applied, and the last one looked at, unless all were."""
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
