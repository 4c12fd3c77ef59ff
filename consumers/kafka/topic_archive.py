"""Reads the topics as a copy of the store's history, for audits: the events of one seal, and the seals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from kafka.errors import KafkaError

from commands.audit.chain import CopyAway
from commands.privacy.topic_check import Record
from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import Place
from consumers.kafka.slices import PublishedRecord, TopicSlices
from consumers.kafka.tail import last_committed_seal
from consumers.kafka.topics import partition_of
from domain.events.seal import TOPIC as SEALS
from domain.events.seal import Seal, parse
from domain.kernel.errors import Undecodable

NEAR: Final = 64
"""A range of at most so many offsets is read through and not halved again."""


class BisectedSlices(TopicSlices):
    """Slices whose start is found by bisection: any offset of a long topic takes about twenty requests."""

    def from_the_first(self, passed: Callable[[PublishedRecord], bool]) -> dict[Place, int]:
        """Returns for each partition an offset shortly before its first record for which `passed` is false.
        `passed` is true up to some record of a partition and false from there on."""
        low, high = dict(self.begins), dict(self.ends)
        while wide := {place: (low[place] + high[place]) // 2 for place in low if _wide(low, high, place)}:
            firsts = self._firsts(wide)
            for place, middle in wide.items():
                found = firsts.get(place)
                if found is not None and passed(found):
                    low[place] = min(found.offset + 1, high[place])
                else:
                    high[place] = middle
        return low


def _wide(low: Mapping[Place, int], high: Mapping[Place, int], place: Place) -> bool:
    return high[place] - low[place] > NEAR


class TopicsCopy:
    """The topics as an audit reads them (`commands.audit.chain.Copy`), and the certificate of an erasure
    (`commands.privacy.topic_check.Topics`)."""

    def __init__(self, address: KafkaAddress, *, timeout: float = 20.0) -> None:
        self._address, self._timeout = address, timeout

    def head(self) -> Seal | None:
        """Returns the last committed seal."""
        with _away():
            return last_committed_seal(self._address, timeout=self._timeout)

    def seals(self, passed: Callable[[Seal], bool]) -> Iterator[Seal]:
        """Yields the seals from the first one for which `passed` is false."""
        with _away(), BisectedSlices(self._address, [SEALS], timeout=self._timeout) as topic:
            starts = topic.from_the_first(lambda record: passed(parse(record.value)))
            skipping = True
            for record in topic.read(starts):
                seal = parse(record.value)
                skipping = skipping and passed(seal)
                if not skipping:
                    yield seal

    def events(self, seal: Seal) -> Sequence[tuple[int, bytes]]:
        """Returns position and bytes of the records in the seal's range, of the topics that it touched."""
        partitions = {(topic, number) for topic, parts in seal.partitions.items() for number in parts}
        found: list[tuple[int, bytes]] = []
        with _away(), BisectedSlices(self._address, seal.partitions, timeout=self._timeout) as topics:
            left = {
                place: seal.partitions[place[0]][place[1]].count for place in partitions & topics.ends.keys()
            }
            starts = topics.from_the_first(lambda record: (record.position or 0) < seal.first)
            # If a partition has fewer records than were sealed, it is read to its end.
            for record in topics.read({place: at for place, at in starts.items() if place in left}):
                place = (record.topic, record.partition)
                if place not in left or record.position is None or record.position < seal.first:
                    continue
                if record.position <= seal.last:
                    found.append((record.position, record.value))
                    left[place] -= 1
                if record.position > seal.last or not left[place]:
                    del left[place]
                if not left:
                    break
        return sorted(found)

    def keyed(self, keys: Mapping[str, Collection[UUID]], first: int) -> Iterator[Record]:
        """Yields the records of these topics with one of these keys, from the position `first` on. It reads
        the keys' partitions through."""
        wanted = {topic: {str(key).encode(): key for key in theirs} for topic, theirs in keys.items()}
        with _away(), BisectedSlices(self._address, keys, timeout=self._timeout) as topics:
            wide = {topic: sum(place[0] == topic for place in topics.ends) for topic in keys}
            partitions = {
                (topic, partition_of(key, wide[topic]))
                for topic, theirs in keys.items()
                for key in theirs
                if wide[topic]
            }
            starts = topics.from_the_first(
                lambda record: record.position is not None and record.position < first
            )
            for record in topics.read({place: at for place, at in starts.items() if place in partitions}):
                key = wanted[record.topic].get(record.key)
                if key is not None and (record.position is None or record.position >= first):
                    yield Record(key, record.position, record.value)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        words = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        raise CopyAway(f"Kafka can't be asked: {words or type(error).__name__}.") from error
    except Undecodable as error:
        raise CopyAway(f"{SEALS} has a record that is no seal: {error}") from error
