"""`rapport relay republish`: lost topics restored from the store, each into an empty topic.

    each seal of the store -> the lost topics' events of its range, in one transaction -> the seals, last

It takes the leader's lock, so that no relay leads meanwhile. It uses the relays' transactional id, which
fences what a relay has left open. A run that was killed leaves no state: the topics show the last range.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.store.event_reader import EventReader
from commands.store.incarnation import RecoveryNeeded, check, found_behind
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import Verdict, describe, verdict
from consumers.kafka.producer import SealingProducer
from consumers.kafka.topics import ensure_named, wanted
from consumers.relay.leader import REPUBLISHING, Leadership, LeadershipLost, StoreFacts, relay_name
from consumers.relay.restore import TopicRestore, check_first_parts
from consumers.relay.topic_survey import RepublishRefused, Survey, TopicState, chosen, survey

__all__ = ["RepublishRefused", "RepublishResult", "Republisher"]

log = logging.getLogger(__name__)

LIFE_SECONDS: Final = 1.0
"""Seconds between two reports for `relay status`; the server ends a session that reports nothing for long."""
DONE: Final = "`rapport relay republish` has restored what was lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class RepublishResult:
    """What a run did, or with a dry run would do.

    `topics` are the topics to restore, as they were found; `position` is the last published one; `records`
    is how many events and seals were put back (or are to be).
    """

    topics: Sequence[TopicState]
    position: int
    records: int


Report = Callable[[int, int], None]
"""Gets the number of records put back, and the number of all."""


class Republisher:
    """Restores topics of one store.

    Args:
        store_url: PostgreSQL of the store, as role `rapport_relay`, directly and not through a pooler.
        address: the Kafka cluster.
        key: checks the seals.
        families: the event families, each of which has a topic.
        name: what `relay status` calls this process.
        wait: seconds to wait for the leader's lock.
        timeout_seconds: seconds without progress after which it gives up a broker that does not respond.
        failpoint: gets its step, for tests, as the relay's.
    """

    def __init__(
        self,
        *,
        store_url: str,
        address: KafkaAddress,
        key: Ed25519PublicKey,
        families: tuple[str, ...],
        name: str | None = None,
        wait: float = 12.0,
        timeout_seconds: float = 60.0,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._url, self._address, self._key, self._families = store_url, address, key, families
        self._name, self._wait, self._timeout_seconds = name or relay_name(), wait, timeout_seconds
        self._failpoint = failpoint
        self._seals, self._event_reader = Seals(store_url), EventReader(store_url)
        self._done = self._total = 0
        self._first: RepublishResult | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seals.close()
        self._event_reader.close()

    @property
    def all_topics(self) -> tuple[str, ...]:
        """Returns the names of all topics, the seals' too."""
        return tuple(wanted(self._families, 1))

    def plan(self, names: Sequence[str] = ()) -> RepublishResult:
        """Returns what `run` would do. It changes nothing, and a relay may lead meanwhile."""
        leadership = Leadership(self._url, self._name)
        try:
            leadership.open()
            facts = leadership.facts()
        finally:
            leadership.close()
        seen, topics = self._survey(facts, names)
        check_first_parts(self._address, self._seals, topics, self._key)
        return _restored(seen, topics)

    def run(self, names: Sequence[str] = (), report: Report = lambda _done, _total: None) -> RepublishResult:
        """Restores the topics of these names, or without names all that have lost records.

        It waits for a broker that goes away. Raises `RepublishRefused` (`BrokenSeals` is one), `Disagreement`
        (also if the store is behind the topics), `RecoveryNeeded`, `WrongTopics`, `BrokerFailure`,
        `ChangedAfterSealing`, and the store's errors.
        """
        leadership = Leadership(self._url, self._name)
        try:
            facts = self._lead(leadership)
            with self._reporting(leadership):
                found = self._persist(leadership, facts, names, report)
            leadership.report("stopped", DONE, found.position, 0.0)
            return found
        except LeadershipLost as error:
            raise RepublishRefused(
                f"The store ended this session, and with it the lock that keeps relays away: {error}. "
                "Run this again; it goes on behind the last range that was committed."
            ) from error
        finally:
            leadership.close()

    def _lead(self, leadership: Leadership) -> StoreFacts:
        deadline = time.monotonic() + self._wait
        while not leadership.acquire():
            if time.monotonic() > deadline:
                raise RepublishRefused(
                    f"A relay leads ({leadership.leader() or 'it does not say which'}), and would publish at "
                    "the same time. Stop all relays, then run this again."
                )
            time.sleep(0.2)
        behind = found_behind(self._url)
        if behind is not None:  # this run's reports would overwrite it
            raise RecoveryNeeded(behind)
        check(self._url)
        return leadership.facts()

    @contextmanager
    def _reporting(self, leadership: Leadership) -> Iterator[None]:
        """Reports for `relay status` how far it is, which also keeps the session alive."""
        ended, began = threading.Event(), time.monotonic()

        def tell() -> None:
            while not ended.is_set():
                rate = self._done / max(time.monotonic() - began, 0.1)
                said = f"Lost topics are restored: {self._done:,} of {self._total:,} records are back."
                try:
                    leadership.report(REPUBLISHING, said, 0, rate)
                except LeadershipLost as error:
                    log.warning("The store ended the session: %s", error)
                    return  # the publishing thread notices before the next range
                ended.wait(LIFE_SECONDS)

        thread = threading.Thread(target=tell, name="republish-report", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(5.0)

    def _persist(
        self, leadership: Leadership, facts: StoreFacts, names: Sequence[str], report: Report
    ) -> RepublishResult:
        """Tries until all is restored; each try finds out anew how far the topics are."""
        self._done = self._total = 0
        self._first = None
        moved, at = time.monotonic(), 0
        while True:
            try:
                return self._attempt(leadership, facts, names, report)
            except Exception as error:
                asked = verdict(error)
                if asked is Verdict.FENCED:
                    raise RepublishRefused(
                        "A relay has taken over at the broker. Stop all relays, then run this again; it goes "
                        "on behind the last range that was committed."
                    ) from error
                if self._done > at:
                    moved, at = time.monotonic(), self._done
                if asked is Verdict.STOP or time.monotonic() - moved > self._timeout_seconds:
                    raise
                log.warning("Kafka does not take events: %s. The run tries again.", describe(error))
            leadership.check()
            time.sleep(1.0)

    def _attempt(
        self, leadership: Leadership, facts: StoreFacts, names: Sequence[str], report: Report
    ) -> RepublishResult:
        producer = SealingProducer(
            self._address, facts.transactional_id, partitions=facts.partitions, timeout=30.0
        )
        try:
            producer.init()
            producer.end_open_transactions(wanted(self._families, facts.partitions))
            seen, topics = self._survey(facts, names)
            if self._first is None:
                # Once: after that nobody else writes.
                check_first_parts(self._address, self._seals, topics, self._key)
                self._first = _restored(seen, topics)
                self._total = self._first.records
            sizes = wanted(self._families, facts.partitions)
            # Topics that never had an event too: readers wait for every topic.
            unused = [topic for topic in seen.topics.values() if topic.state == "missing" and not topic.lost]
            lost = [topic for topic in topics if topic.lost]
            ensure_named(self._address, {topic.name: sizes[topic.name] for topic in (*lost, *unused)})
            self._tell(report, self._total - sum(topic.due for topic in topics))
            restoring = TopicRestore(producer, self._seals, self._event_reader, self._key, leadership.check)
            for count in restoring.run(seen, topics, self._failpoint):
                self._tell(report, self._done + count)
            return self._first
        finally:
            producer.close()

    def _tell(self, report: Report, done: int) -> None:
        self._done = done
        report(done, self._total)

    def _survey(self, facts: StoreFacts, names: Sequence[str]) -> tuple[Survey, list[TopicState]]:
        seen = survey(self._address, self._seals, self._event_reader, facts, self._families, self._key)
        return seen, chosen(seen, names)


def _restored(seen: Survey, topics: Sequence[TopicState]) -> RepublishResult:
    return RepublishResult(
        topics=topics,
        position=seen.published.last if seen.published else 0,
        records=sum(topic.due for topic in topics),
    )
