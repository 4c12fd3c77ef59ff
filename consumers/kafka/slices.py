"""Reads the newest part of topics: it searches the start from the end backwards. Committed records only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import Place

FIRST_WINDOW: Final = 64
WIDEN: Final = 16


class PublishedRecord(NamedTuple):
    """A committed record. `position` is from its header; None if it has none."""

    topic: str
    partition: int
    offset: int
    position: int | None
    key: bytes
    value: bytes


class TopicSlices:
    """The committed records of these topics up to where each partition ends now; as a context manager.

    A missing topic has none. Raises `KafkaTimeoutError` when nothing comes for `timeout` seconds, and
    Kafka's own errors while the broker is away.
    """

    def __init__(self, address: KafkaAddress, topics: Iterable[str], *, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._consumer: Any = KafkaConsumer(
            **address.options(timeout=timeout),
            metrics_enabled=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            fetch_max_wait_ms=100,
            max_poll_records=10_000,
        )
        try:
            there = self._consumer.topics()
            parts = [
                TopicPartition(topic, number)
                for topic in sorted(set(topics) & there)
                for number in sorted(self._consumer.partitions_for_topic(topic) or ())
            ]
            self.begins: dict[Place, int] = _by_partition(
                self._consumer.beginning_offsets(parts) if parts else {}
            )
            self.ends: dict[Place, int] = _by_partition(self._consumer.end_offsets(parts) if parts else {})
        except BaseException:
            self.close()
            raise

    def behind(self, passed: Callable[[PublishedRecord], bool]) -> dict[Place, int]:
        """Returns for each partition an offset at or before its first record for which `passed` is false.
        `passed` is true up to some record of a partition and false from there on.

        It searches backwards in windows that grow, so that it does not read the old part of a topic.
        """
        found: dict[Place, int] = {}
        window = FIRST_WINDOW
        looking = {place for place, end in self.ends.items() if end > self.begins[place]}
        while looking:
            starts = {place: max(self.begins[place], self.ends[place] - window) for place in looking}
            firsts = self._firsts({p: at for p, at in starts.items() if at > self.begins[p]})
            for place, start in starts.items():
                first = firsts.get(place)
                if start == self.begins[place] or (first is not None and passed(first)):
                    found[place] = start
            looking -= set(found)
            window *= WIDEN
        return found

    def read(self, starts: Mapping[Place, int]) -> Iterator[PublishedRecord]:
        """Yields the records of each partition from its offset on, each partition in order."""
        for records in self._polled(starts):
            yield from records

    def close(self) -> None:
        """Closes the connections."""
        self._consumer.close(autocommit=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _firsts(self, starts: Mapping[Place, int]) -> dict[Place, PublishedRecord]:
        """Returns the first record of each partition at or behind its offset, if there is one."""
        firsts: dict[Place, PublishedRecord] = {}
        looking = dict(starts)
        while looking:
            for records in self._polled(looking):
                for record in records:
                    firsts.setdefault((record.topic, record.partition), record)
                break  # the rest of these windows is not needed
            looking = {
                place: at
                for place, at in ((place, self._at(place)) for place in looking)
                if place not in firsts and at < self.ends[place]
            }
        return firsts

    def _polled(self, starts: Mapping[Place, int]) -> Iterator[list[PublishedRecord]]:
        parts = {TopicPartition(*place): at for place, at in starts.items() if at < self.ends[place]}
        self._consumer.assign(list(parts))
        for part, at in parts.items():
            self._consumer.seek(part, at)
        left, deadline = set(parts), time.monotonic() + self._timeout
        while left:
            polled = self._consumer.poll(timeout_ms=200)
            # The position moves past control records too, which poll never returns.
            done = {part for part in left if self._consumer.position(part) >= self.ends[tuple(part)]}
            if polled or done:
                deadline = time.monotonic() + self._timeout
            elif time.monotonic() > deadline:
                names = ", ".join(sorted({part.topic for part in left}))
                raise KafkaTimeoutError(f"the end of {names} did not come in {self._timeout:.0f} s")
            left -= done
            records = [_published(record) for batch in polled.values() for record in batch]
            if records:
                yield [r for r in records if r.offset < self.ends[r.topic, r.partition]]

    def _at(self, place: Place) -> int:
        at: int = self._consumer.position(TopicPartition(*place))
        return at


def _by_partition(offsets: Mapping[Any, int]) -> dict[Place, int]:
    return {(part.topic, part.partition): offset for part, offset in offsets.items()}


def _published(record: Any) -> PublishedRecord:
    position = dict(record.headers or ()).get("position")
    return PublishedRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        position=int.from_bytes(position, "big") if position and len(position) == 8 else None,
        key=record.key or b"",
        value=record.value or b"",
    )
