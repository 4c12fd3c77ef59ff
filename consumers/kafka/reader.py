"""Reads committed records from given offsets on, of partitions that the caller owns.

No group coordinator assigns the partitions. The shares in the database do, since the rows' transaction has to
fence anyway. The reader commits offsets to a group only for lag tools.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from consumers.kafka.address import KafkaAddress
from domain.kernel.user_errors import EnvironmentProblem

log = logging.getLogger(__name__)

Place = tuple[str, int]
"""Topic and partition."""

FETCH_BYTES: Final = 256 * 1024
"""Bytes of a partition per fetch. `poll` returns one partition after the other in whole fetches. With larger
ones a partition runs far ahead of the others, and all its records wait in memory until their seal is
whole."""


class BrokerAway(EnvironmentProblem):
    """The broker does not respond, or misses a topic. Its text is a sentence for an operator."""


def _silent(address: KafkaAddress, error: BaseException) -> BrokerAway:
    return BrokerAway(
        f"Kafka at {address.bootstrap} does not answer ({type(error).__name__}). "
        "It is tried again until it does; check that the broker runs."
    )


class OutOfRange(Exception):
    """A partition has no record at the offset where reading should go on: it was made anew, or truncated.

    `offset` is None if the broker only says that records that were read are gone.
    """

    def __init__(self, place: Place, offset: int | None) -> None:
        lacks = "lost records that were read already" if offset is None else f"has no offset {offset}"
        super().__init__(f"{place[0]} partition {place[1]} {lacks}: it was made anew or truncated")
        self.place = place


class CommittedReader:
    """Reads committed records. Make it, `seat` it, then `poll`; to read elsewhere, `seat` it again."""

    def __init__(self, address: KafkaAddress, group: str, *, timeout: float = 5.0) -> None:
        self._address = address
        self._timeout_ms = int(timeout * 1000)
        self._told = False
        try:
            self._consumer: Any = KafkaConsumer(
                **address.options(timeout=timeout),
                metrics_enabled=False,
                group_id=group,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="none",  # a gap must be seen, not skipped
                # A request for the end offsets waits behind the fetch under way.
                fetch_max_wait_ms=200,
                max_poll_records=20_000,
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_bytes=16 * 1024 * 1024,
                allow_auto_create_topics=False,
            )
        except KafkaError as error:
            raise _silent(address, error) from error

    def seat(self, offsets: Mapping[Place, int]) -> None:
        """Reads from now on exactly these partitions, each from its offset, and drops fetches under way.

        Raises `BrokerAway`, also for a missing topic: a read would wait for ever.
        """
        try:
            missing = sorted({topic for topic, _ in offsets} - self._consumer.topics())
        except KafkaError as error:
            raise _silent(self._address, error) from error
        if missing:
            raise BrokerAway(
                f"Kafka at {self._address.bootstrap} has no topic {', '.join(missing)} yet. "
                "It is looked for again until it is there; `rapport migrate` makes it, and `rapport relay "
                "republish` restores one that was lost."
            )
        self._consumer.assign([TopicPartition(*place) for place in offsets])
        for place, offset in offsets.items():
            self._consumer.seek(TopicPartition(*place), offset)

    def poll(self, seconds: float) -> Mapping[Place, list[Any]]:
        """Waits up to `seconds` and returns the new records by topic and partition; none while no broker
        responds.

        A record has `offset`, `key`, `value` and `headers`. Raises `OutOfRange`, and `BrokerAway` for an
        error that the broker itself gives.
        """
        try:
            polled: Mapping[Place, list[Any]] = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except OffsetOutOfRangeError as error:
            place, offset = next(iter(error.args[0].items()))
            raise OutOfRange((place.topic, place.partition), getattr(offset, "offset", offset)) from error
        except LogTruncationError as error:
            # Raised instead of the error above if a topic is made anew under a reader that keeps its session.
            gone = sorted(self._consumer.assignment().intersection(error.divergent_offsets))
            if not gone:  # found for what was read before
                return {}
            raise OutOfRange((gone[0].topic, gone[0].partition), None) from error
        except KafkaError as error:
            raise _silent(self._address, error) from error
        return polled

    def ends(self, partitions: Iterable[Place]) -> dict[Place, int]:
        """Returns the offset behind the last committed record, or marker, of each. Raises `BrokerAway`."""
        try:
            found = self._consumer.end_offsets(
                [TopicPartition(*place) for place in partitions], timeout_ms=self._timeout_ms
            )
        except KafkaError as error:
            raise _silent(self._address, error) from error
        return {(place.topic, place.partition): end for place, end in found.items()}

    def passed(self, ends: Mapping[Place, int]) -> set[Place]:
        """Returns which of these partitions have been read up to that offset, markers included."""
        try:
            return {p for p, end in ends.items() if (self._consumer.position(TopicPartition(*p)) or 0) >= end}
        except KafkaError as error:
            raise _silent(self._address, error) from error

    def read_to(self, partitions: Iterable[Place]) -> dict[Place, int]:
        """Returns the next offset to read of each of these partitions, behind markers; none while the broker
        is away."""
        try:
            found = {place: self._consumer.position(TopicPartition(*place)) for place in partitions}
        except KafkaError:
            return {}
        return {place: offset for place, offset in found.items() if offset is not None}

    def show(self, offsets: Mapping[Place, int]) -> None:
        """Commits offsets for lag tools, without waiting. Nothing here ever reads them back."""
        self._consumer.commit_async(
            {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()},
            callback=self._shown,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._consumer.close(autocommit=False, timeout_ms=1000)

    def _shown(self, _: object, answer: object) -> None:
        if isinstance(answer, BaseException) and not self._told:
            self._told = True  # once: a broker that is away would fill the log
            log.warning("Offsets for lag tools could not be committed (%s); reading goes on.", answer)
