"""Publishing: one seal's events and its record in one transaction, at most one producer at a time."""

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
    "retry_backoff_ms": 20,  # a transaction that begins while the one before is still being closed waits this
    "metrics_enabled": False,
}
"""How the client gathers records (the bench sends its reference the same way)."""
OPEN_TRANSACTION_SECONDS: Final = 3.0
"""Seconds that a broker gets to end the transaction before, when it has fenced its producer."""
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
# In an envelope the key stands before everything that a client can write, so its first occurrence is it.
RECORDED: Final = b'"recordedtime":"'


class EventRow(Protocol):
    """What of a stored event is published (as `commands.store.event_reader.StoredRow` has it)."""

    @property
    def position(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def party(self) -> UUID: ...
    @property
    def event(self) -> bytes: ...


def recorded_ms(event: bytes) -> int:
    """The `recordedtime` of an encoded event as milliseconds since 1970, rounded down."""
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

    `init()` fences every earlier producer with that id: what it had open is aborted, and whatever it tries
    afterwards is refused. After any error the producer is of no use; close it and make another.

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
        """Fences the producers before this one. Raises `BrokerFailure`."""
        with self._failures():
            self._producer.init_transactions()

    def end_open_transactions(self, topics: Iterable[str]) -> None:
        """Sees, after `init`, that no transaction is open in these topics any more.

        What lies open in a partition is committed with whatever comes next under this id. A broker that was
        killed can leave such records behind: it still ends their transaction, which is waited for, or does
        not know any more that the partition takes part in it; then they are aborted here. Raises
        `BrokerFailure` where somebody else's transaction is open.
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

        Without a record the rows alone: lost topics are restored so, whose seals are still there. Without
        rows the seal alone.

        `failpoint` is told "in the transaction" after half of the rows and "before the commit". Raises
        `BrokerFailure`; then nothing is known, and the last committed seal tells.
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
        """Publishes seals' records alone, in order, in one transaction: a lost topic of seals is restored so.

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
        """Lets go at once, whatever is under way. A transaction left open is aborted by the next `init`."""
        # `close` waits for what cannot be sent any more and then gives up before it ends the sender's
        # thread; so the thread is told first, and what it says about its cut-off work is of no use.
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
            # Brokers know a batch that comes twice, but one that was killed in between has to have its memory
            # from its log: nothing here depends on that. Begun anew, these records are aborted.
            raise BrokerFailure(f"records of {again} had to be sent again", verdict=Verdict.RETRY)

    def _commit(self) -> None:
        """As `commit_transaction`, which would wait for ever for a broker that is gone."""
        self._acknowledged(self._producer._transaction_manager.begin_commit(), "commit")

    def _abort(self, places: Iterable[tuple[str, int]]) -> None:
        """Aborts what is open under this id in these partitions: by a transaction without records."""
        transactions = self._producer._transaction_manager
        parts = [TopicPartition(*place) for place in places]
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
        """The failure of an error. After the first one the client answers every call with a general error;
        the transaction manager keeps the first, which is the cause."""
        first = self._producer._transaction_manager.last_error
        cause = first if first is not None and type(error) is KafkaError else error
        return BrokerFailure(describe(cause), verdict=verdict(cause), position=position)
