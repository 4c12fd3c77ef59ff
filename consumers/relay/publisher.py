"""The relay's second half: publishes sealed ranges in order, each in one transaction with its seal."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.store.event_reader import EventReader
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import BrokerFailure, Verdict, describe, verdict
from consumers.kafka.producer import SealingProducer
from consumers.kafka.tail import last_committed_seal, tails
from consumers.kafka.topics import ensure_topics, topic, wanted
from consumers.relay.agreement import StoreSide, TopicSide, agree
from consumers.relay.leader import Leadership, StoreFacts
from consumers.relay.seal_buffer import SealBuffer, SealedRange
from consumers.relay.seals import MAX_BYTES, check_range
from consumers.relay.timeouts import Timeouts
from domain.events.seal import Seal

log = logging.getLogger(__name__)

SLOW_SECONDS: Final = 2.0
"""If a range is not acknowledged within so many seconds, the relay waits for the broker."""
LONGEST_PAUSE_SECONDS: Final = 3.0
"""Seconds between two tries to reach the broker, at most."""


class Publisher:
    """Publishes every seal of the store behind the topics' last committed seal.

    Each try begins the same way, at the start and after any failure: it fences earlier producers, reads the
    last committed seal, checks that topics and store agree, and goes on behind the seal. So it needs to know
    nothing about a transaction that failed.

    Args:
        url: of the store.
        facts: its id, partitions and the published position.
        address: the Kafka cluster.
        families: each has a topic.
        key: the public key that seals are checked with.
        leadership: checked before each range.
        buffer: has the ranges that were just sealed; gets those that were published.
        poll: seconds between two checks for a new seal when nobody announces one.
        timeouts: seconds for the acknowledgement of a range, at first and at most.
        failpoint: gets "in the transaction", "before the commit" and "after the commit".
    """

    def __init__(
        self,
        *,
        url: str,
        facts: StoreFacts,
        address: KafkaAddress,
        families: tuple[str, ...],
        key: Ed25519PublicKey,
        leadership: Leadership,
        buffer: SealBuffer,
        poll: float,
        timeouts: tuple[float, float],
        failpoint: Callable[[str], None],
    ) -> None:
        self._event_reader = EventReader(url)
        self._seals = Seals(url)
        self._facts, self._address, self._families, self._key = facts, address, families, key
        self._leadership, self._buffer = leadership, buffer
        self._poll, self._failpoint = poll, failpoint
        self._producer: SealingProducer | None = None
        self._timeouts = Timeouts(*timeouts)
        self._trouble: str | None = None
        self._busy_since: float | None = None

    @property
    def trouble(self) -> str | None:
        """Returns a sentence that says why nothing is published now; None when all is well."""
        busy = self._busy_since
        if self._trouble is None and busy is not None and time.monotonic() - busy > SLOW_SECONDS:
            return self._waiting(f"it has acknowledged nothing for {time.monotonic() - busy:.0f} s")
        return self._trouble

    def run(self, ended: threading.Event) -> None:
        """Publishes until `ended`. Raises errors that do not pass by themselves; tries again after others."""
        failures = 0
        try:
            while not ended.is_set():
                try:
                    last = self._begin()
                    while not ended.is_set():
                        last = self._publish_next(last)
                        failures = 0
                except Exception as error:
                    wanted = verdict(error)
                    if wanted is Verdict.STOP:
                        raise
                    self._leadership.check()  # a fenced relay has usually lost the lead first
                    self._trouble = self._waiting(describe(error))
                    log.warning("%s", self._trouble)
                finally:
                    self._drop_producer()
                ended.wait(min(LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(failures, 8)))
                failures += 1
        finally:
            self._event_reader.close()
            self._seals.close()

    def _begin(self) -> Seal | None:
        """Fences every earlier producer, checks that topics and store agree, and returns the last committed
        seal."""
        self._busy_since = time.monotonic()
        self._leadership.check()
        self._producer = SealingProducer(
            self._address,
            self._facts.transactional_id,
            partitions=self._facts.partitions,
            timeout=self._timeouts.seconds,
        )
        self._producer.init()
        self._producer.end_open_transactions(wanted(self._families, self._facts.partitions))
        last = last_committed_seal(self._address)
        agree(self._store_side(last), self._topic_side(last), self._key)
        # Not before: with a lost topic made anew, and empty, its readers would believe that all is well.
        ensure_topics(self._address, self._families, self._facts.partitions)
        self._buffer.stands_at(last)
        self._busy_since = self._trouble = None
        log.info("Publishing goes on behind seal %d.", last.sequence if last else 0)
        return last

    def _store_side(self, last: Seal | None) -> StoreSide:
        return StoreSide(
            id=self._facts.id,
            last=self._seals.last(),
            same=self._seals.by_sequence(last.sequence) if last else None,
            noted=max(self._facts.noted, self._buffer.position),
        )

    def _topic_side(self, last: Seal | None) -> TopicSide:
        found = tails(self._address, [topic(family) for family in self._families])
        empty = {topic(family) for family in self._families} - {tail.topic for tail in found}
        return TopicSide(last=last, tails=found, emptied=self._published_once(empty, last))

    def _published_once(self, empty: set[str], last: Seal | None) -> set[str]:
        """Returns the empty or missing topics that had published events."""
        upto = max(self._facts.noted, self._buffer.position, last.last if last else 0)
        return {name for name in empty if self._seals.names(name, upto)} if upto else set()

    def _publish_next(self, last: Seal | None) -> Seal | None:
        sealed = self._next(last)
        if sealed is None:
            self._buffer.wait(self._poll)
            return last
        assert self._producer is not None
        self._leadership.check()
        self._busy_since = time.monotonic()
        try:
            self._producer.publish(sealed.rows, sealed.seal.record, self._failpoint)
        except BrokerFailure:
            self._timeouts.failed()
            raise
        self._timeouts.acknowledged()
        self._failpoint("after the commit")
        self._busy_since = self._trouble = None
        self._buffer.publish(sealed)
        return sealed.seal

    def _next(self, last: Seal | None) -> SealedRange | None:
        """Returns the range behind `last`: from the buffer, or else from the store."""
        sequence = last.sequence + 1 if last else 1
        sealed = self._buffer.take(sequence)
        if sealed is not None:
            return sealed
        if sequence > self._buffer.sealed_up_to:
            return None
        seal = self._seals.since(sequence - 1, limit=1)[0]
        rows = self._event_reader.read(
            seal.first - 1, seal.last, limit=seal.count + 1, max_bytes=2 * MAX_BYTES
        )
        check_range(rows, seal)
        return SealedRange(seal, rows)

    def _drop_producer(self) -> None:
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def _waiting(self, why: str) -> str:
        return (
            f"Kafka at {self._address.bootstrap} does not take events: {why}. Events are kept and sealed in "
            "the store meanwhile. Start the broker, or correct the address; the relay goes on by itself."
        )
