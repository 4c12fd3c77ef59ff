"""Publishes one seal's events and its record in one transaction; at most one producer works at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol
from uuid import UUID

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from consumers.kafka.address import KafkaAddress
from consumers.kafka.batches import BatchAccumulator, encoded_headers, encoded_key
from consumers.kafka.failures import BrokerFailure, Verdict, describe, verdict
from consumers.kafka.tail import last_committed_seal, open_transactions
from consumers.kafka.topics import MAX_MESSAGE_BYTES, place, topic_of
from domain.events.seal import TOPIC as SEALS
from domain.events.seal import parse

__all__ = ["SealingProducer", "last_committed_seal", "recorded_ms"]

SENDING: Final[Mapping[str, Any]] = {
    "compression_type": "lz4",
    "batch_size": MAX_MESSAGE_BYTES // 4,
    "linger_ms": 1000,  # a range is flushed whole: until then only full batches are worth a request
    "max_request_size": MAX_MESSAGE_BYTES,
    # the wait of a transaction that begins while the one before is still being closed
    "retry_backoff_ms": 20,
    "metrics_enabled": False,
}
"""How the client collects records (the bench sends its reference the same way)."""
OPEN_TRANSACTION_SECONDS: Final = 3.0
"""Seconds that a broker gets to end the transaction of a producer that it has fenced."""
CONTENT_TYPE: Final = ("content-type", b"application/cloudevents+json")
SEAL_KEY: Final = b"seal"
POSITION: Final = "position"
# What encoded headers begin and end with; between stand the position's eight bytes.
_BEFORE_POSITION, _, _BEHIND_POSITION = encoded_headers(
    [(POSITION, bytes(range(8))), CONTENT_TYPE]
).partition(bytes(range(8)))
_NO_HEADERS: Final = encoded_headers([])
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
# In an envelope this key is before everything that a client can write, so the first occurrence is the right
# one.
RECORDED: Final = b'"recordedtime":"'


class EventRow(Protocol):
    """The part of a stored event that is published (as `commands.store.event_reader.StoredRow` has it)."""

    @property
    def position(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def party(self) -> UUID: ...
    @property
    def event(self) -> bytes: ...


def recorded_ms(event: bytes) -> int:
    """Returns the `recordedtime` of an encoded event as milliseconds since 1970, rounded down."""
    start = event.index(RECORDED) + len(RECORDED)
    instant = event[start : event.index(b'"', start)].decode("ascii")
    since = datetime.fromisoformat(instant) - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


@lru_cache(maxsize=1 << 14)
def _placed(party: UUID, partitions: int) -> tuple[bytes, int]:
    """`(encoded key, partition)`."""
    key, partition = place(party, partitions)
    return encoded_key(key), partition


class SealingProducer:
    """Publishes sealed ranges under one transactional id.

    `init()` fences every earlier producer with that id: the broker aborts its open transaction and refuses
    its later requests. After any error close the producer and make another.

    Args:
        address: the cluster.
        transactional_id: the same for all relays of a store.
        partitions: of every family topic.
        timeout: seconds for the first contact and for the acknowledgement of a range.
    """

    def __init__(
        self,
        address: KafkaAddress,
        transactional_id: str,
        *,
        partitions: int,
        timeout: float = 20.0,
    ) -> None:
        self._address, self._partitions, self._timeout = address, partitions, timeout
        milliseconds = int(timeout * 1000)
        self._producer: Any = KafkaProducer(
            **address.options(timeout=timeout),
            transactional_id=transactional_id,
            transaction_timeout_ms=60_000,
            **SENDING,
            request_timeout_ms=milliseconds // 2,
            delivery_timeout_ms=milliseconds,
            max_block_ms=milliseconds,
            allow_auto_create_topics=False,
        )
        self._accumulator = BatchAccumulator(self._producer, SENDING["batch_size"])

    def init(self) -> None:
        """Fences earlier producers. Raises `BrokerFailure`."""
        with self._failures():
            self._producer.init_transactions()

    def end_open_transactions(self, topics: Iterable[str]) -> None:
        """Makes sure, after `init`, that no transaction is open in these topics.

        Open records in a partition would be committed with the next transaction under this id. A broker that
        was killed can leave such records behind. Either it still ends their transaction, and this waits for
        it; or it has forgotten that the partition takes part, and this aborts them. Raises `BrokerFailure` if
        somebody else's transaction is open.
        """
        names, aborted, deadline = list(topics), False, time.monotonic() + OPEN_TRANSACTION_SECONDS
        with self._failures():
            while left := open_transactions(self._address, names, timeout=self._timeout):
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                elif not aborted:
                    self._abort(left)
                    aborted, deadline = True, time.monotonic() + OPEN_TRANSACTION_SECONDS
                else:
                    (topic, partition), offset = next(iter(left.items()))
                    raise BrokerFailure(
                        f"another producer has a transaction open in {topic} partition {partition}, from "
                        f"offset {offset} on; it has to end first",
                        verdict=Verdict.RETRY,
                    )

    def publish(
        self,
        rows: Sequence[EventRow],
        seal_record: bytes | None,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Publishes the rows and the seal's record in one transaction; all or nothing becomes visible.

        Without a record it publishes the rows alone, to restore lost topics whose seals are still there.
        Without rows it publishes the seal alone.

        `failpoint` gets "in the transaction" after half of the rows, and "before the commit". Raises
        `BrokerFailure`; only the last committed seal then shows whether the records were committed.
        """
        producer = self._producer
        with self._failures():
            producer.begin_transaction()
            self._accumulator.begin()
            self._send(rows[: len(rows) // 2])
            failpoint("in the transaction")
            self._send(rows[len(rows) // 2 :])
            if seal_record is not None:
                self._send_seal(seal_record)
            self._flush()
            failpoint("before the commit")
            self._commit()

    def publish_seals(self, records: Sequence[bytes]) -> None:
        """Publishes seals' records alone, in order, in one transaction, to restore a lost topic of seals.

        Raises `BrokerFailure`.
        """
        with self._failures():
            self._producer.begin_transaction()
            self._accumulator.begin()
            for record in records:
                self._send_seal(record)
            self._flush()
            self._commit()

    def close(self) -> None:
        """Closes at once, whatever is under way. The next `init` aborts a transaction that is left open."""
        # The client's `close` waits for records that can no longer be sent, and then gives up before it ends
        # the sender's thread. So the thread gets the signal first, and its errors do not matter.
        self._producer._sender.force_close()
        with suppress(KafkaError):
            self._producer.close(timeout=1.0)

    def _send_seal(self, record: bytes) -> None:
        sealed = (datetime.fromisoformat(parse(record).sealed) - EPOCH) // MILLISECOND
        self._accumulator.put(SEALS, 0, encoded_key(SEAL_KEY), record, _NO_HEADERS, sealed, 0)

    def _send(self, rows: Sequence[EventRow]) -> None:
        put, partitions = self._accumulator.put, self._partitions
        for row in rows:
            key, partition = _placed(row.party, partitions)
            event, position = row.event, row.position
            headers = _BEFORE_POSITION + position.to_bytes(8, "big") + _BEHIND_POSITION
            try:
                put(
                    topic_of(row.type),
                    partition,
                    key,
                    event,
                    headers,
                    recorded_ms(event),
                    position,
                )
            except (KafkaError, ValueError) as error:
                raise self._failure(error, position) from error

    def _flush(self) -> None:
        """Waits until every record is acknowledged. `KafkaProducer.flush` only logs a record that failed."""
        for outcome in self._accumulator.flush(self._timeout):
            if not outcome.done(0):
                raise KafkaTimeoutError(f"a record was not acknowledged in {self._timeout:.0f} s")
            failed = outcome.failure()
            if failed is not None:
                error, position = failed
                raise self._failure(error, position or None)
        again = self._accumulator.sent_again
        if again is not None:
            # Brokers drop a batch that comes twice, but one that was killed in between must find that in its
            # log. To be safe, the transaction is aborted and begun anew.
            raise BrokerFailure(f"records of {again} had to be sent again", verdict=Verdict.RETRY)

    def _commit(self) -> None:
        """Commits with a timeout: `commit_transaction` would wait for ever for a broker that is gone."""
        self._acknowledged(self._producer._transaction_manager.begin_commit(), "commit")

    def _abort(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Aborts the open records under this id in these partitions, by a transaction without records."""
        transactions = self._producer._transaction_manager
        parts = [TopicPartition(*place) for place in partitions]
        self._producer.begin_transaction()
        for part in parts:
            transactions.maybe_add_partition_to_transaction(part)
        self._producer._sender.wakeup()
        deadline = time.monotonic() + self._timeout
        while not all(map(transactions.is_partition_added, parts)):
            transactions._maybe_fail_with_error()
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"a transaction was not begun in {self._timeout:.0f} s")
            time.sleep(0.01)
        self._acknowledged(transactions.begin_abort(), "abort")

    def _acknowledged(self, result: Any, what: str) -> None:
        self._producer._sender.wakeup()
        if not result.wait(timeout_ms=int(self._timeout * 1000)):
            raise KafkaTimeoutError(f"the {what} was not acknowledged in {self._timeout:.0f} s")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: BaseException, position: int | None = None) -> BrokerFailure:
        """Makes a failure of an error. After the first error every call of the client raises a general one;
        the transaction manager keeps the first, which is the cause."""
        first = self._producer._transaction_manager.last_error
        cause = first if first is not None and type(error) is KafkaError else error
        return BrokerFailure(describe(cause), verdict=verdict(cause), position=position)
