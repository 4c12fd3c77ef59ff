"""One try to restore lost topics: it checks the records that are there, and publishes the missing ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.store.event_reader import EventReader, StoredRow
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.producer import SealingProducer
from consumers.kafka.read_all import read_whole
from consumers.kafka.topics import topic_of
from consumers.relay.seals import MAX_BYTES, check_range
from consumers.relay.topic_survey import Survey, TopicState, chain, foreign
from domain.events.seal import TOPIC, Digest, Seal, leaf_hash

MAX_SEALS: Final = 500
"""Seals of one transaction."""


class TopicRestore:
    """Publishes the missing records of topics.

    Args:
        producer: has fenced earlier producers.
        seals, event_reader: of the store; used by one thread at a time.
        key: checks the seals.
        check: called before each transaction; raises if this process may not publish any more.
    """

    def __init__(
        self,
        producer: SealingProducer,
        seals: Seals,
        event_reader: EventReader,
        key: Ed25519PublicKey,
        check: Callable[[], None],
    ) -> None:
        self._producer, self._seals, self._event_reader = producer, seals, event_reader
        self._key, self._check = key, check

    def run(
        self, seen: Survey, topics: Sequence[TopicState], failpoint: Callable[[str], None]
    ) -> Iterator[int]:
        """Publishes, and yields after each transaction its number of records. `failpoint` as the relay's.

        Raises `BrokerFailure`, `BrokenSeals`, `ChangedAfterSealing`, and the errors of the store and `check`.
        """
        families = {topic.name: topic.upto for topic in topics if topic.name != TOPIC and topic.lost}
        if families:
            for rows in _ahead(self._ranges(seen.published, families)):
                self._check()
                self._producer.publish(rows, None, failpoint)
                failpoint("after the commit")
                yield len(rows)
        for topic in topics:
            if topic.name == TOPIC and topic.lost:
                yield from self._restore_seals(seen.published, topic.upto, failpoint)

    def _ranges(self, published: Seal | None, families: dict[str, int]) -> Iterator[list[StoredRow]]:
        """Yields the missing events, by seal."""
        for seal in chain(self._seals, published, self._key, after=self._number(min(families.values()))):
            due = {name for name, upto in families.items() if name in seal.partitions and seal.first > upto}
            if due:
                rows = self._event_reader.read(
                    seal.first - 1, seal.last, limit=seal.count + 1, max_bytes=2 * MAX_BYTES
                )
                check_range(rows, seal)
                yield [row for row in rows if topic_of(row.type) in due]

    def _restore_seals(
        self, published: Seal | None, upto: int, failpoint: Callable[[str], None]
    ) -> Iterator[int]:
        due = chain(self._seals, published, self._key, after=self._number(upto))
        while records := [seal.record for seal in islice(due, MAX_SEALS)]:
            self._check()
            self._producer.publish_seals(records)
            failpoint("after the seals")
            yield len(records)

    def _number(self, upto: int) -> int:
        """Returns the number of the seal that ends at that position; 0 for none."""
        seal = self._seals.by_last(upto) if upto else None
        return seal.sequence if seal else 0


def _ahead(ranges: Iterator[list[StoredRow]]) -> Iterator[list[StoredRow]]:
    """Yields the same ranges; it reads each one while the one before is published."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="republish-reading") as reading:
        pending = reading.submit(next, ranges, None)
        while (rows := pending.result()) is not None:
            pending = reading.submit(next, ranges, None)
            yield rows


def check_first_parts(
    address: KafkaAddress, seals: Seals, topics: Sequence[TopicState], key: Ed25519PublicKey
) -> None:
    """Compares the topics' records with the seals. Raises `RepublishRefused` for a topic with other
    records."""
    begun = {topic.name: topic for topic in topics if topic.upto}
    if not begun:
        return
    sums: dict[tuple[str, int], Digest] = {}
    latest: dict[tuple[str, int], int] = {}
    upto = begun[TOPIC].upto if TOPIC in begun else 0
    sealed = chain(seals, seals.by_last(upto), key)
    for name, partition, records in read_whole(address, begun):
        for record in records:
            if name == TOPIC:
                seal = next(sealed, None)
                if seal is None or seal.record != record.value:
                    raise foreign(name, f"the record at offset {record.offset} is not the seal that follows")
                continue
            stamp = dict(record.headers or ()).get("position") or b""
            position = int.from_bytes(stamp, "big")
            if len(stamp) != 8 or position <= latest.get((name, partition), 0):
                raise foreign(name, f"partition {partition} has a strange record at offset {record.offset}")
            latest[name, partition] = position
            hashed = leaf_hash(position, record.value or b"")
            sums.setdefault((name, partition), Digest()).add(hashed)
    if next(sealed, None) is not None:
        raise foreign(TOPIC, "seals are missing between those that are there")
    for name, topic in begun.items():
        expected = {(name, number): digest for number, digest in topic.expected.items()}
        found = {place: digest for place, digest in sums.items() if place[0] == name}
        for place in sorted({place for place in expected | found if expected.get(place) != found.get(place)}):
            raise foreign(
                name,
                f"partition {place[1]} holds {_count(found, place)} events up to position {topic.upto}, and "
                f"{_count(expected, place)} were published, or others",
            )


def _count(digests: dict[tuple[str, int], Digest], place: tuple[str, int]) -> int:
    return digests[place].count if place in digests else 0
