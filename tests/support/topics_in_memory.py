"""Sealed topics in memory: records and seals as the relay publishes them, read from any offset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import place as place_of
from consumers.kafka.topics import topic_of
from consumers.relay.seals import seal_range
from consumers.worker.partition_buffer import SEAL_PLACE, Place
from domain.events.seal import Seal

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STORE = UUID(int=5)


@dataclass(frozen=True)
class MemoryRecord:
    """A record as a consumer hands it out."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass
class MemoryTopics:
    """Partitions as lists of records. After each transaction an offset is taken by its marker."""

    partitions: int = 6
    records: dict[Place, list[MemoryRecord]] = field(default_factory=dict)
    ends: dict[Place, int] = field(default_factory=dict)
    last: Seal | None = None

    def publish(self, rows: Sequence[StoredRow], key: Ed25519PrivateKey = KEY) -> Seal:
        """One transaction: the rows and their seal."""
        seal = seal_range(
            rows,
            self.last,
            store=STORE,
            partitions=self.partitions,
            key=key,
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )
        touched = set()
        for row in rows:
            record_key, partition = place_of(row.party, self.partitions)
            place = (topic_of(row.type), partition)
            self.put(place, record_key, row.event, [("position", row.position.to_bytes(8, "big"))])
            touched.add(place)
        self.put(SEAL_PLACE, b"seal", seal.record, [])
        for place in {*touched, SEAL_PLACE}:
            self.ends[place] += 1
        self.last = seal
        return seal

    def put(
        self, place: Place, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        """One record, ours or a stranger's."""
        offset = self.ends.get(place, 0)
        self.records.setdefault(place, []).append(MemoryRecord(offset, key, value, headers))
        self.ends[place] = offset + 1

    def publish_all(self, rows: Sequence[StoredRow], sizes: Iterable[int]) -> None:
        """All rows, in seals of these sizes (the last size repeats)."""
        at, size = 0, 1
        sizes = iter(sizes)
        while at < len(rows):
            size = max(1, next(sizes, size))
            self.publish(rows[at : at + size])
            at += size

    def read(self, offsets: Mapping[Place, int]) -> dict[Place, list[MemoryRecord]]:
        """Everything from these offsets on."""
        return {
            place: [r for r in self.records.get(place, []) if r.offset >= offset]
            for place, offset in offsets.items()
        }
