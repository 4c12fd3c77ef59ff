"""An auditor's reader: checks seals and topics with hashlib, json and a public key alone.

Written from the documents (the seal's format, RFC 9162) and on purpose not with the program's own functions.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.kafka import SEALS, Record

Stored = tuple[int, bytes]
"""Position and bytes of an event, as the store has them."""


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree_head(leaves[:split]) + tree_head(leaves[split:])).digest()


def leaf(position: int, event: bytes) -> bytes:
    """The leaf of one event."""
    return hashlib.sha256(b"\x00" + position.to_bytes(8, "big") + event).digest()


def murmur2(data: bytes) -> int:
    """The hash by which Kafka's own clients choose a partition, as its Java source has it (unsigned)."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    found = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * factor & mask
        found = (found * factor & mask) ^ ((word ^ word >> 24) * factor & mask)
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * factor & mask
    found = (found ^ found >> 13) * factor & mask
    return found ^ found >> 15


@lru_cache(maxsize=1 << 16)
def home(key: bytes, partitions: int) -> int:
    """The partition of a key, by Kafka's default."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def milliseconds(instant: str) -> int:
    """An instant with microseconds as Kafka's timestamp."""
    seconds = datetime.strptime(instant[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1000 + int(instant[20:23])


def check_topics(
    records: Sequence[Record], stored: Sequence[Stored], public: Ed25519PublicKey, *, partitions: int = 6
) -> int:
    """Asserts that the topics hold exactly `stored`, once, in order, each event under one seal of a whole
    chain. Returns the number of seals."""
    events = [record for record in records if record.topic != SEALS]
    seals = [record for record in records if record.topic == SEALS]
    positions = [record.position for record in events]
    assert all(position is not None for position in positions), "a record is not ours"
    twice = [position for position, count in Counter(positions).items() if count > 1]
    assert not twice, f"published twice: {twice[:5]}"
    by_position = {record.position: record for record in events}
    missing = [position for position, _ in stored if position not in by_position]
    assert not missing, f"never published: {missing[:5]}"
    assert len(events) == len(stored), "the topics hold events that the store has not"
    for position, event in stored:
        assert by_position[position].value == event, f"other bytes at {position}"
    check_order(events, partitions)
    check_chain(seals, events, public)
    return len(seals)


def check_order(events: Sequence[Record], partitions: int) -> None:
    """Asserts that positions rise in each partition, that each party's events are in the partition of its key
    and each aggregate's in the order of its versions, and what a record has besides its bytes."""
    last: dict[tuple[str, int], int] = {}
    versions: dict[str, int] = {}
    for record in events:
        assert record.position is not None
        place = (record.topic, record.partition)
        assert record.position > last.get(place, 0), f"out of order at {record.position}"
        last[place] = record.position
        assert record.partition == home(record.key, partitions), f"in a wrong partition: {record.position}"
        envelope = json.loads(record.value)
        version = int(envelope["sequence"])
        assert version > versions.get(envelope["subject"], -1), f"versions out of order at {record.position}"
        versions[envelope["subject"]] = version
        assert record.key.decode() == envelope["partitionkey"]
        assert record.topic == f"crm.{envelope['type'].split('.')[1]}.v1"
        assert record.timestamp == milliseconds(envelope["recordedtime"])
        assert record.headers == {
            "position": record.position.to_bytes(8, "big"),
            "content-type": b"application/cloudevents+json",
        }


def check_chain(seals: Sequence[Record], events: Sequence[Record], public: Ed25519PublicKey) -> None:
    """Asserts that the seals form one signed chain and that each says the truth about its range."""
    ordered = sorted(events, key=lambda record: record.position or 0)
    previous, after, at = bytes(32), 0, 0
    key = hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]
    stores = set()
    for sequence, record in enumerate(seals, start=1):
        assert (record.partition, record.key) == (0, b"seal")
        seal = json.loads(record.value)
        assert seal["sequence"] == sequence, "a seal is missing, or there twice"
        assert (seal["format"], seal["key"]) == ("rapport.seal.v1", key)
        stores.add(seal["store"])
        assert bytes.fromhex(seal["previous"]) == previous, "the chain is broken"
        body, _, signature = record.value.rpartition(b',"signature":"')
        public.verify(bytes.fromhex(signature[:-2].decode()), body + b"}")
        assert seal["from"] == after + 1
        inside = [r for r in ordered[at : at + seal["count"]] if r.position and r.position <= seal["to"]]
        assert len(inside) == seal["count"], f"seal {sequence} counts others"
        assert inside[-1].position == seal["to"]
        leaves = [leaf(r.position or 0, r.value) for r in inside]
        assert tree_head(leaves).hex() == seal["root"], f"seal {sequence} has another root"
        sums: dict[str, dict[str, list[int]]] = {}
        for r, hashed in zip(inside, leaves, strict=True):
            entry = sums.setdefault(r.topic, {}).setdefault(str(r.partition), [0, 0])
            entry[0] += 1
            entry[1] = (entry[1] + int.from_bytes(hashed, "big")) % 2**256
        told = {
            topic: {number: [count, int(total, 16)] for number, (count, total) in parts.items()}
            for topic, parts in seal["partitions"].items()
        }
        assert told == sums, f"seal {sequence} has other digests"
        previous, after, at = hashlib.sha256(record.value).digest(), seal["to"], at + seal["count"]
    assert at == len(ordered), "events after the last seal"
    assert len(stores) <= 1, "seals of several stores"
