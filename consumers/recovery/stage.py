"""Reads events that only the topics have into temporary tables, and proves them by seals before any change.

Everything here happens in the recovery's own transaction: a rollback undoes all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from consumers.kafka.address import KafkaAddress
from consumers.kafka.slices import PublishedRecord, TopicSlices
from consumers.kafka.topics import partition_of, topic, topic_of
from domain.events import envelope
from domain.events.merkle import root
from domain.events.seal import GENESIS, Seal, key_id, leaf_hash, parse, signed_by
from domain.events.seal import TOPIC as SEALS
from domain.kernel.errors import Undecodable

Progress = Callable[[int, int], None]
PAGE_ROWS: Final = 500

_TABLES: Final = """
    CREATE TEMPORARY TABLE lost_seal (sequence bigint PRIMARY KEY, first bigint, last bigint, record bytea)
        ON COMMIT DROP;
    CREATE TEMPORARY TABLE published (position bigint NOT NULL, aggregate_id uuid NOT NULL,
        version integer NOT NULL, type text NOT NULL, party uuid NOT NULL, event bytea NOT NULL)
        ON COMMIT DROP
"""
_RANGE: Final = "SELECT position, event FROM published WHERE position BETWEEN %s AND %s ORDER BY position"
# The store's events of a range count only where the topics have none.
_MERGED: Final = """
    SELECT position, event FROM published WHERE position BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT position, event FROM store.event e WHERE position BETWEEN %(first)s AND %(last)s
       AND NOT EXISTS (SELECT FROM published p WHERE p.position = e.position)
    ORDER BY position
"""
_KEEP: Final = """
    INSERT INTO published SELECT position, aggregate_id, version, type, party, event FROM store.event e
     WHERE position BETWEEN %(first)s AND %(last)s
       AND NOT EXISTS (SELECT FROM published p WHERE p.position = e.position)
"""
_ONCE: Final = """
    CREATE INDEX ON published (position);
    DELETE FROM published p USING published q
     WHERE p.position = q.position AND p.event = q.event AND p.ctid > q.ctid;
    ANALYZE published
"""


class RecoveryRefused(Exception):
    """Store and topics can't be brought together. Its text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Where store and topics part: the last seal that both have, and the topics' last one; each may be None.

    `seals` is how many the topics have behind `common`.
    """

    common: Seal | None
    head: Seal | None
    seals: int

    @property
    def after(self) -> int:
        """The last position up to which both are equal for sure."""
        return self.common.last if self.common else 0

    @property
    def upto(self) -> int:
        """The last position that the topics have a seal for."""
        return self.head.last if self.head else 0


class Stage:
    """The topics' side of a recovery, in the transaction of `at`.

    Args:
        at: a cursor of the recovery's transaction, which sees the store.
        store: the store's id.
        partitions: of every family topic.
        key: checks the seals.
    """

    def __init__(self, at: cursor, *, store: UUID, partitions: int, key: Ed25519PublicKey) -> None:
        self._at, self._store, self._partitions, self._key = at, store, partitions, key
        at.execute(_TABLES)

    def seals(self, address: KafkaAddress) -> Fork:
        """Reads the seals behind the last one that both have, and checks each against the one before.

        Raises `RecoveryRefused` if they are another store's, or no chain that this key signed.
        """
        with TopicSlices(address, [SEALS]) as topics:
            starts = topics.behind(lambda record: self._has(_seal(record)))
            common: Seal | None = None
            last: Seal | None = None
            count = 0
            for record in topics.read(starts):
                seal = _seal(record)
                if count == 0 and self._has(seal):
                    common = last = seal
                    continue
                self._check(seal, last)
                self._at.execute(
                    "INSERT INTO lost_seal VALUES (%s, %s, %s, %s)",
                    (seal.sequence, seal.first, seal.last, psycopg2.Binary(seal.record)),
                )
                last = seal
                count += 1
        return Fork(common=common, head=last, seals=count)

    def events(
        self,
        address: KafkaAddress,
        families: Iterable[str],
        fork: Fork,
        progress: Progress,
        *,
        still: bool = True,
    ) -> None:
        """Reads the topics' events behind the fork, and proves them by the seals.

        Raises `RecoveryRefused` for a seal whose events are not all there. If nothing publishes any more
        (`still`), raises it for events behind the last seal too: nobody knows whether they are the store's.
        """

        def shared(record: PublishedRecord) -> bool:
            return record.position is not None and record.position <= fork.after

        with TopicSlices(address, [topic(family) for family in families]) as topics:
            starts = topics.behind(shared)
            done, total = 0, sum(topics.ends[place] - at for place, at in starts.items())
            records = topics.read(starts)
            while page := list(islice(records, PAGE_ROWS)):
                done += len(page)
                progress(min(done, total), total)
                rows = [row for record in page if (row := self._row(record, fork)) is not None]
                execute_values(self._at, "INSERT INTO published VALUES %s", rows, page_size=PAGE_ROWS)
        self._at.execute(_ONCE)
        if still:
            self._refuse_unsealed(fork)
        else:
            self._at.execute("DELETE FROM published WHERE position > %s", (fork.upto,))
        for seal in self._lost():
            self._prove(seal)

    def _has(self, seal: Seal) -> bool:
        """Whether the store has exactly this seal, and so the same history up to it."""
        self._at.execute("SELECT record FROM store.seal WHERE sequence = %s", (seal.sequence,))
        row = self._at.fetchone()
        return row is not None and bytes(row[0]) == seal.record

    def _check(self, seal: Seal, last: Seal | None) -> None:
        if seal.store != self._store:
            raise RecoveryRefused(
                f"The topics hold the events of another store ({seal.store}; this one is {self._store}). "
                "Nothing was changed. Use the broker that has this store's topics."
            )
        if not signed_by(seal.record, self._key):
            raise RecoveryRefused(
                f"The seal {seal.sequence} in {SEALS} is not signed with this installation's key "
                f"{key_id(self._key)}: it names the key {seal.key}. Nothing was changed. Put the right key "
                "into the secrets folder, or look for who wrote that record."
            )
        expected = (last.sequence + 1, last.last + 1, last.hash) if last else (1, 1, GENESIS)
        if (seal.sequence, seal.first, seal.previous) != expected:
            raise RecoveryRefused(
                f"The seals in {SEALS} are no whole chain: {seal.sequence} does not follow "
                f"{last.sequence if last else 'the beginning'}. Nothing was changed. Restore {SEALS}, or "
                "look for who wrote into it."
            )

    def _row(self, record: PublishedRecord, fork: Fork) -> tuple[Any, ...] | None:
        """Returns the record as a stored event; None if it is before the fork, or a stranger's."""
        if record.position is None or record.position <= fork.after:
            return None
        try:
            told = envelope.parse(record.value)
            party, aggregate, type = UUID(told["partitionkey"]), UUID(told["subject"]), str(told["type"])
            version = int(told["sequence"])
            own = (topic_of(type), partition_of(party, self._partitions)) == record[:2]
        except (Undecodable, ValueError, TypeError, AttributeError, IndexError):
            return None
        if not own:
            return None
        event = psycopg2.Binary(record.value)
        return (record.position, str(aggregate), version, type, str(party), event)

    def _refuse_unsealed(self, fork: Fork) -> None:
        self._at.execute("SELECT max(position) FROM published")
        (highest,) = self._at.fetchall()[0]
        if highest is not None and highest > fork.upto:
            raise RecoveryRefused(
                f"The topics hold an event at position {highest}, and {SEALS} ends at {fork.upto}: seals "
                "were lost, or another program wrote into the topics. Nothing was changed. Restore the "
                "seals, or remove what is not ours."
            )

    def _lost(self) -> Iterator[Seal]:
        """Yields the seals that were read, in order, by pages."""
        after = 0
        while True:
            self._at.execute(
                "SELECT sequence, record FROM lost_seal WHERE sequence > %s ORDER BY sequence LIMIT %s",
                (after, PAGE_ROWS),
            )
            page = self._at.fetchall()
            if not page:
                return
            for _, record in page:
                yield parse(bytes(record))
            after = page[-1][0]

    def _prove(self, seal: Seal) -> None:
        """Raises `RecoveryRefused` unless all events of the seal are there, byte for byte, in the topics or
        the store."""
        found = self._leaves(_RANGE, (seal.first, seal.last))
        if len(found) == seal.count and root(found) == seal.root:
            return
        bounds = {"first": seal.first, "last": seal.last}
        merged = self._leaves(_MERGED, bounds)
        if len(merged) == seal.count and root(merged) == seal.root:
            self._at.execute(_KEEP, bounds)
            return
        raise RecoveryRefused(
            f"The seal {seal.sequence} covers {seal.count} events at the positions {seal.first} to "
            f"{seal.last}, and the topics hold {len(found)} there that are not those: some were deleted or "
            "changed, or another program wrote into a topic. Nothing was changed. Bring the topics back, or "
            "restore a newer state of the store."
        )

    def _leaves(self, statement: str, values: Any) -> list[bytes]:
        self._at.execute(statement, values)
        return [leaf_hash(position, bytes(event)) for position, event in self._at]


def _seal(record: PublishedRecord) -> Seal:
    try:
        return parse(record.value)
    except Undecodable as error:
        raise RecoveryRefused(
            f"{SEALS} has a record that is no seal, at offset {record.offset}: {error} Nothing was changed. "
            "Look for who wrote it, and restore the topic."
        ) from error
