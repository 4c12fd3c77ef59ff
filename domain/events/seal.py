"""Seals: the relay's signed and chained statements about ranges of positions. The format is permanent.

A seal's record is one JSON object with keys in this order:

    {"format": "rapport.seal.v1", "store": "<store id>", "sequence": 1, "from": 1, "to": 2500, "count": 2500,
     "root": "<hex>", "partitions": {"crm.customer.v1": {"0": [12, "<hex>"]}}, "previous": "<hex>",
     "sealed": "<instant>", "key": "<hex>", "signature": "<hex>"}

`from` is the position behind the previous seal's `to`; `to` is the position of the range's last event;
positions between may be missing (burnt). `root` is the RFC 9162 head over the leaves of the range in order,
a leaf being the position (8 bytes, big-endian) and the event's stored bytes. `partitions` gives, for each
touched topic and partition, the count and the sum of the leaf hashes modulo 2^256. `previous` is the SHA-256
of the previous seal's record, 64 zeros for the first. `key` is the first 16 hex digits of the SHA-256 of the
raw public key. The Ed25519 signature covers the record without its last member (and with the closing brace).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.events.merkle import leaf
from domain.kernel.errors import Undecodable

FORMAT: Final = "rapport.seal.v1"
TOPIC: Final = "crm.seal.v1"
GENESIS: Final = bytes(32)
_MODULUS: Final = 1 << 256
_number: Final = partial(int.from_bytes, byteorder="big")
_SIGNATURE: Final = re.compile(rb',"signature":"[0-9a-f]{128}"}')
_SIGNATURE_MEMBER: Final = len(',"signature":"') + 128 + len('"}')


def leaf_hash(position: int, encoded: bytes | memoryview) -> bytes:
    """The leaf of one event: its position and its stored bytes."""
    return leaf(position.to_bytes(8, "big") + encoded)


@dataclass(slots=True)
class Digest:
    """Count and order-free digest of the events of one topic and partition within a seal."""

    count: int = 0
    total: int = 0

    def add(self, leaf_hash: bytes) -> None:
        """Adds one more event."""
        self.count += 1
        self.total = (self.total + int.from_bytes(leaf_hash, "big")) % _MODULUS

    def as_json(self) -> list[Any]:
        """`[count, 64 hex digits]`."""
        return [self.count, f"{self.total:064x}"]


Partitions = Mapping[str, Mapping[int, Digest]]


def digests(leaves: Iterable[tuple[str, int, bytes]]) -> dict[str, dict[int, Digest]]:
    """Digests by topic and partition of `(topic, partition, leaf hash)`."""
    hashes: dict[tuple[str, int], list[bytes]] = {}
    for topic, partition, hashed in leaves:
        hashes.setdefault((topic, partition), []).append(hashed)
    found: dict[str, dict[int, Digest]] = {}
    for (topic, partition), of in hashes.items():
        total = sum(map(_number, of)) % _MODULUS
        found.setdefault(topic, {})[partition] = Digest(len(of), total)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A seal as an object. `first` and `last` are the record's `from` and `to`; hashes are 32 raw bytes.

    `record` holds the bytes it was parsed from or signed into.
    """

    store: UUID
    sequence: int
    first: int
    last: int
    count: int
    root: bytes
    partitions: Partitions
    previous: bytes
    sealed: str
    key: str
    record: bytes = field(default=b"", repr=False)

    @property
    def hash(self) -> bytes:
        """SHA-256 of the record: what the next seal calls `previous`."""
        return hashlib.sha256(self.record).digest()


def key_id(public: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def unsigned(seal: Seal) -> bytes:
    """The bytes that are signed: the record without its signature."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "store": str(seal.store),
            "sequence": seal.sequence,
            "from": seal.first,
            "to": seal.last,
            "count": seal.count,
            "root": seal.root.hex(),
            "partitions": {
                topic: {str(number): parts[number].as_json() for number in sorted(parts)}
                for topic, parts in sorted(seal.partitions.items())
            },
            "previous": seal.previous.hex(),
            "sealed": seal.sealed,
            "key": seal.key,
        }
    )


def sign(seal: Seal, key: Ed25519PrivateKey) -> bytes:
    """The seal's record: its bytes with the signature as the last member."""
    body = unsigned(seal)
    return body[:-1] + b',"signature":"' + key.sign(body).hex().encode() + b'"}'


def parse(record: bytes) -> Seal:
    """Returns the seal of a record. Raises `Undecodable`. Checks only the form, not signature or chain."""
    try:
        fields = orjson.loads(record)
        if fields["format"] != FORMAT:
            raise ValueError(f"the format is {fields['format']}")
        seal = Seal(
            store=UUID(fields["store"]),
            sequence=int(fields["sequence"]),
            first=int(fields["from"]),
            last=int(fields["to"]),
            count=int(fields["count"]),
            root=bytes.fromhex(fields["root"]),
            partitions={
                topic: {int(n): Digest(int(count), int(total, 16)) for n, (count, total) in parts.items()}
                for topic, parts in fields["partitions"].items()
            },
            previous=bytes.fromhex(fields["previous"]),
            sealed=fields["sealed"],
            key=fields["key"],
            record=bytes(record),
        )
    except (orjson.JSONDecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Undecodable(f"This record is not a seal of this program: {error!r}.") from error
    # What was parsed must be what was signed: a record with other spacing, order or members is refused, and
    # so is a signature in capital letters, since one seal has one record and one hash.
    if (
        unsigned(seal) != bytes(record[:-_SIGNATURE_MEMBER]) + b"}"
        or _SIGNATURE.fullmatch(bytes(record[-_SIGNATURE_MEMBER:])) is None
    ):
        raise Undecodable(f"The seal {seal.sequence} is not in its canonical form.")
    return seal


def signed_by(record: bytes, public: Ed25519PublicKey) -> bool:
    """Whether the record's signature is that of `public` over the rest of the record."""
    try:
        signature = bytes.fromhex(record[-130:-2].decode("ascii"))
        public.verify(signature, record[:-_SIGNATURE_MEMBER] + b"}")
    except (InvalidSignature, ValueError):
        return False
    return True
