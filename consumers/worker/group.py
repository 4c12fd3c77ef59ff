"""Shares that are read together: one reader, the records it has assembled, and the topics it reads again.

A worker has two such groups. Most shares are in the first. The second, the quarantine, has the shares whose
topics do not fit their seals. The first group never waits for the quarantine.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2.extensions import connection as Connection

from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import CommittedReader, OutOfRange
from consumers.worker.partition_buffer import SEAL_PLACE, Place
from consumers.worker.seals import Batch, SealAssembler
from consumers.worker.stall_detector import StallDetector
from consumers.worker.state_reporter import StateReporter
from consumers.worker.timeouts import Backoff, Timeouts
from projections.control.shares import KEYS, MISMATCH, RUNNING, WAITING, Checkpoint, Share


class Group:
    """Some shares of one worker.

    Args:
        address: the Kafka cluster.
        name: the consumer group that lag tools see.
        topics: the topics whose partitions the shares stand for.
        key: the public key that seals are signed with.
        timeouts: how long the group waits for what.
        reporter: shows on the shares what the group waits for.
        heals: whether this is the quarantine.
    """

    def __init__(
        self,
        address: KafkaAddress,
        name: str,
        topics: Sequence[str],
        key: Ed25519PublicKey,
        timeouts: Timeouts,
        reporter: StateReporter,
        *,
        heals: bool = False,
    ) -> None:
        self._address, self._name, self._topics, self._key = address, name, topics, key
        self._timeouts, self._heals = timeouts, heals
        self.reporter = reporter
        self.reader: CommittedReader | None = None
        self.clear()

    def clear(self) -> None:
        """Removes all shares; the reader stays."""
        self.shares: dict[int, Share] = {}
        self.again: set[Place] = set()
        """Topics and partitions that are read again from their first record."""
        self.rests_until = 0.0
        self.pauses = {state: Backoff(self._timeouts.pause) for state in (WAITING, KEYS)}
        """By state: the pauses between two tries."""
        self._assembler: SealAssembler | None = None
        self._searched: Mapping[Place, int] = {}
        self._stall_detector = StallDetector(self._timeouts.stall)
        self._spoken = time.monotonic()
        self.reporter.clear()

    def add(self, share: Share, again: Iterable[Place] = ()) -> None:
        """Takes in a share. `again`: its topics and partitions that are read from their first record."""
        self.shares[share.partition] = share
        self.again.update(again)
        self._assembler = None

    def take_out(self, partition: int) -> Share:
        """Lets a share go."""
        self.again = {place for place in self.again if place[1] != partition or place == SEAL_PLACE}
        if len(self.shares) == 1:
            self.again.clear()
        self._assembler = None
        return self.shares.pop(partition)

    def advance(self, partition: int, checkpoint: Checkpoint) -> None:
        """Moves a share to the checkpoint of a commit. The share is sound then: what was read of it again
        fits its seals."""
        self.shares[partition] = replace(self.shares[partition], checkpoint=checkpoint, state=RUNNING)
        self.again = {place for place in self.again if place[1] != partition} - {SEAL_PLACE}
        self.reporter.clear()
        self.pauses[KEYS].clear()

    def read_again(self, partitions: Iterable[Place]) -> None:
        """Reads these topics and partitions again from their first record."""
        self.again.update(partitions)
        self.unseat()

    def drop_again(self, place: Place) -> None:
        """Stops reading this one from its first record: that did not help."""
        self.again.discard(place)
        self.unseat()

    def due(self, now: float) -> bool:
        """Whether it has shares, and does not wait for the next try."""
        return bool(self.shares) and self.rests_until <= now

    def wait(self, connection: Connection, state: str, reason: str) -> None:
        """Shows the state and its reason on the shares, and rests until the next try."""
        self.reporter.waiting(connection, self.working(), state, reason)
        self.rests_until = time.monotonic() + self.pauses[state].pause()

    def shows_waiting(self) -> bool:
        """Whether its shares say that they wait for the broker."""
        return self.reporter.broker or any(share.state == WAITING for share in self.shares.values())

    def resume(self, connection: Connection) -> None:
        """Shows that the shares work again."""
        self.reporter.running(connection, self.working())
        self.shares = {
            p: s if s.state == MISMATCH else replace(s, state=RUNNING) for p, s in self.shares.items()
        }

    @property
    def seated(self) -> bool:
        """Whether reading is under way."""
        return self._assembler is not None

    def unseat(self) -> None:
        """Drops the assembled records; reading begins again at the checkpoints."""
        self._assembler = None

    def seat(self) -> None:
        """Begins to read. Raises `BrokerAway`, and `OutOfRange` outside the quarantine.

        Topics that are read again come first, alone, until their shares' checkpoints are found in them: so
        nothing else waits in memory meanwhile.
        """
        if self.reader is None:
            timeout = max(2.0, self._timeouts.lease / 3)
            self.reader = CommittedReader(self._address, self._name, timeout=timeout)
        assembler = self._new_assembler()
        offsets = assembler.offsets()
        self.reader.seat(offsets)
        ends = self.reader.ends(offsets)
        # All at once: met one after the other, each would make the worker read again what it had found.
        beyond = {place for place, at in offsets.items() if at > ends[place]}
        if beyond and not self._heals:
            place = min(beyond)
            raise OutOfRange(place, offsets[place])
        if beyond:
            self.again |= beyond
            assembler = self._new_assembler()
        self._searched = {place: ends[place] for place in assembler.anew}
        if self._searched:
            self.reader.seat(dict.fromkeys(self._searched, 0))
        self._stall_detector.clear()
        self._assembler = assembler

    def _new_assembler(self) -> SealAssembler:
        checkpoints = {partition: share.checkpoint for partition, share in self.shares.items()}
        return SealAssembler(self._topics, checkpoints, self._key, again=self.again)

    def take(self, most: int) -> Batch | None:
        """Returns the events of the next whole seals, as `SealAssembler.take` does."""
        return None if self._assembler is None or self._searched else self._assembler.take(most)

    def read(self, seconds: float) -> bool:
        """Reads on and waits up to `seconds`. Returns whether the broker gave a sign of life.

        Raises `Mismatch`, `OutOfRange` and `BrokerAway`.
        """
        reader, assembler = self.reader, self._assembler
        assert reader is not None
        assert assembler is not None
        fed: set[Place] = set()
        for place, records in reader.poll(seconds).items():
            here = (place[0], place[1])
            assembler.feed(here, records)
            fed.add(here)
        now = time.monotonic()
        heard = bool(fed)
        if not heard and now - self._spoken > self._timeouts.broker:
            reader.ends([SEAL_PLACE])  # raises if the broker is away: silence alone may be idleness
            heard = True
        if heard:
            self._spoken = now
            self.pauses[WAITING].clear()
        if self._searched:
            self._search(reader, assembler)
        else:
            self._stall_detector.watch(assembler.waits_for(), fed, reader.ends, now)
        return heard

    def _search(self, reader: CommittedReader, assembler: SealAssembler) -> None:
        """Reads on with the rest once a partition's checkpoint is found, or the partition ends before it."""
        ended = reader.passed(self._searched)
        left = {p: end for p, end in self._searched.items() if p not in ended and not assembler.found(p)}
        if len(left) < len(self._searched):
            self._searched = left
            offsets = assembler.offsets()
            reader.seat({p: at for p, at in offsets.items() if not left or p in left})

    def shown(self) -> dict[Place, int]:
        """Returns the offsets for lag tools: behind the last record applied. If nothing was read since, they
        are behind its transaction's marker too: lag tools count a marker as a record, and would show a lag of
        1 for ever."""
        shown = {
            (topic, partition): share.checkpoint.offsets.get(topic, 0)
            for partition, share in self.shares.items()
            for topic in self._topics
        }
        if self.reader is not None and self._assembler is not None and not self._searched:
            drained = [place for place in shown if not self._assembler.found(place)]
            for place, offset in self.reader.read_to(drained).items():
                shown[place] = max(shown[place], offset)
        return shown

    def working(self) -> Mapping[int, int]:
        """Returns partition to epoch of the shares that have no mismatch."""
        return {p: share.epoch for p, share in self.shares.items() if share.state != MISMATCH}

    def close(self) -> None:
        """Closes the connection to the broker."""
        reader, self.reader = self.reader, None
        self._assembler = None
        if reader is not None:
            reader.close()
