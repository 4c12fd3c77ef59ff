"""Shares that are read together: one reader, what it has gathered, and what it reads from the start again.

A worker has two such groups. Most shares are in the first. In the second, the quarantine, are those whose
topics do not fit their seals: whatever is tried there, the first group does not wait for it.
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
        timeouts: how long is waited for what.
        reporter: what is made visible of its waiting.
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
        """Has no shares any more; the reader stays."""
        self.shares: dict[int, Share] = {}
        self.again: set[Place] = set()
        """Topics and partitions that are read from their first record once more."""
        self.rests_until = 0.0
        self.pauses = {state: Backoff(self._timeouts.pause) for state in (WAITING, KEYS)}
        """Between the tries of what it waits for, by the state that says so."""
        self._assembler: SealAssembler | None = None
        self._searched: Mapping[Place, int] = {}
        self._stall_detector = StallDetector(self._timeouts.stall)
        self._spoken = time.monotonic()
        self.reporter.clear()

    def add(self, share: Share, again: Iterable[Place] = ()) -> None:
        """Takes in a share; `again`: what of it is to be read from the start."""
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
        """A share stands there now, by a commit: it is sound. What was read of it again fits, the seals
        too."""
        self.shares[partition] = replace(self.shares[partition], checkpoint=checkpoint, state=RUNNING)
        self.again = {place for place in self.again if place[1] != partition} - {SEAL_PLACE}
        self.reporter.clear()
        self.pauses[KEYS].clear()

    def read_again(self, places: Iterable[Place]) -> None:
        """These are read from their first record once more."""
        self.again.update(places)
        self.unseat()

    def drop_again(self, place: Place) -> None:
        """This one is not read from its first record any more: that did not help."""
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
        """What was gathered is dropped; reading begins again at what is committed."""
        self._assembler = None

    def seat(self) -> None:
        """Begins to read. Raises `BrokerAway`, and `OutOfRange` outside the quarantine.

        What is read again is searched first, alone, for where the shares stand in it: nothing else waits in
        memory meanwhile.
        """
        if self.reader is None:
            timeout = max(2.0, self._timeouts.lease / 3)
            self.reader = CommittedReader(self._address, self._name, timeout=timeout)
        assembler = self._new_assembler()
        places = assembler.offsets()
        self.reader.seat(places)
        ends = self.reader.ends(places)
        # All at once: a worker that only met them one after the other would read again what it had found.
        beyond = {place for place, at in places.items() if at > ends[place]}
        if beyond and not self._heals:
            place = min(beyond)
            raise OutOfRange(place, places[place])
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
        """The events of the next whole seals, as `SealAssembler.take`."""
        return None if self._assembler is None or self._searched else self._assembler.take(most)

    def read(self, seconds: float) -> bool:
        """Reads on, waiting up to so long; whether the broker gave a sign of life.

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
            reader.ends([SEAL_PLACE])  # raises where nobody answers: silence alone may be idleness
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
        """Goes on with the rest once a place has been found, or has no more records than were had."""
        ended = reader.passed(self._searched)
        left = {p: end for p, end in self._searched.items() if p not in ended and not assembler.found(p)}
        if len(left) < len(self._searched):
            self._searched = left
            places = assembler.offsets()
            reader.seat({p: at for p, at in places.items() if not left or p in left})

    def shown(self) -> dict[Place, int]:
        """How far the shares are, for lag tools: behind the last record applied, and where nothing else was
        read since, behind its transaction's marker too. Those tools count a marker as a record, and a lag of
        1 for ever would look like work that nobody does."""
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
        """Partition to epoch of the shares whose state is not a mismatch still to be healed."""
        return {p: share.epoch for p, share in self.shares.items() if share.state != MISMATCH}

    def close(self) -> None:
        """Lets go of the broker."""
        reader, self.reader = self.reader, None
        self._assembler = None
        if reader is not None:
            reader.close()
