"""Which group each share of a worker is in: the main one, the quarantine, or none while it rests."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from psycopg2.extensions import connection as Connection

from consumers.kafka.reader import OutOfRange
from consumers.worker.group import Group
from consumers.worker.partition_buffer import SEAL_PLACE, Place
from consumers.worker.seals import Mismatch
from projections.control.shares import MISMATCH, WAITING, Checkpoint, Share, Shares

log = logging.getLogger(__name__)

NEAR_SEALS: Final = 50
"""A share of the quarantine joins the main group when it is at most so many seals behind it."""


class RestingShare(NamedTuple):
    """A share that does not fit its seals, when it is tried again, and what is then read again."""

    share: Share
    until: float
    again: set[Place]


class Groups:
    """The shares that a worker holds.

    `main` has most of them, `quarantine` those whose topics do not fit their seals. A share that does not
    heal in the quarantine rests for `retry_seconds`.
    """

    def __init__(self, main: Group, quarantine: Group, shares: Shares, retry_seconds: float) -> None:
        self.main, self.quarantine = main, quarantine
        self._shares, self._retry_seconds = shares, retry_seconds
        self._resting: dict[int, RestingShare] = {}

    def clear(self) -> None:
        """Removes all shares."""
        self.main.clear()
        self.quarantine.clear()
        self._resting = {}

    def unseat(self) -> None:
        """Drops the assembled records; reading begins again at the checkpoints."""
        self.main.unseat()
        self.quarantine.unseat()

    def close(self) -> None:
        """Closes the connections to the broker."""
        self.main.close()
        self.quarantine.close()

    def owned(self) -> dict[int, int]:
        """Returns partition to epoch of all owned shares, resting ones too."""
        shares = [*self.main.shares.values(), *self.quarantine.shares.values()]
        shares += [resting.share for resting in self._resting.values()]
        return {share.partition: share.epoch for share in shares}

    def add(self, share: Share) -> None:
        """Adds a share that this worker claimed."""
        (self.quarantine if share.state == MISMATCH else self.main).add(share)

    def drop(self, partition: int) -> None:
        """Removes a share that this worker lost or released."""
        if self._resting.pop(partition, None) is None:
            self._group_of(partition).take_out(partition)

    def moved(self, checkpoints: Mapping[int, Checkpoint]) -> None:
        """Moves shares to the checkpoints of a commit: they are sound now."""
        for partition, checkpoint in checkpoints.items():
            group = self._group_of(partition)
            group.advance(partition, checkpoint)
        # Shares of the quarantine that fit again and have caught up go back to the main group.
        least = min((share.checkpoint.sequence for share in self.main.shares.values()), default=0)
        for partition in checkpoints:
            share = self.quarantine.shares.get(partition)
            if share is not None and share.checkpoint.sequence + NEAR_SEALS >= least:
                self.main.add(self.quarantine.take_out(partition))

    def mismatch(self, connection: Connection, group: Group, error: Mismatch | OutOfRange) -> None:
        """Reads the topic again from its first record, in the quarantine. A share that this does not heal
        rests."""
        place = error.place
        log.warning("What was read is not what was sealed: %s.", error)
        concerned = [p for p in group.shares if place in (SEAL_PLACE, (place[0], p))]
        if group is self.main:
            for partition in concerned:
                share = group.take_out(partition)
                # The reported state stays in its row until the quarantine reads it.
                waiting = replace(share, state=WAITING) if group.reporter.broker else share
                self.quarantine.add(waiting, {place, SEAL_PLACE})
            group.unseat()
            return
        if place not in group.again:
            # The seals too: they show which records at applied positions are a stranger's.
            group.read_again({place, SEAL_PLACE})
            return
        until = time.monotonic() + self._retry_seconds
        reason = (
            f"{str(error)[:1000]}. Read again from the first record, it still does not fit. Find who wrote "
            f"into {place[0]}; then delete that topic and run `rapport relay republish`. Nothing of it is "
            "shown until then. This is tried again each minute."
        )
        with connection, connection.cursor() as c:
            self._shares.report(c, {p: group.shares[p].epoch for p in concerned}, MISMATCH, reason)
        for partition in concerned:
            again = {one for one in group.again if one[1] == partition} | {place}
            share = replace(group.take_out(partition), state=MISMATCH)
            self._resting[partition] = RestingShare(share, until, again)
        group.drop_again(place)

    def wake(self, now: float) -> None:
        """Tries resting shares again when their time has come."""
        for partition, resting in list(self._resting.items()):
            if now >= resting.until:
                del self._resting[partition]
                self.quarantine.add(resting.share, {*resting.again, SEAL_PLACE})

    def _group_of(self, partition: int) -> Group:
        return self.quarantine if partition in self.quarantine.shares else self.main
