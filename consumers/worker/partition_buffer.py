"""The records that an assembler keeps of each topic and partition until their seal is whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from domain.events.seal import TOPIC as SEALS
from projections.control.shares import Checkpoint
from projections.runtime.decode import Received

Place = tuple[str, int]
"""Topic and partition."""

SEAL_PLACE: Final[Place] = (SEALS, 0)
HANDED_OVER: Final = "handed_over"
"""A member of a share's offsets: a rebuild noted these offsets before its fill. So records up to the share's
position may still follow there; they are dropped. Without this member such a record is a stranger's."""
APPLIED_TO: Final = "applied_to:"
"""With a topic's name behind it, a member of a share's offsets: the position up to which the topic is
applied. A program that does not know the topic writes it when it moves the share on."""
MODULUS: Final = 1 << 256


def applied_to(checkpoint: Checkpoint, topic: str) -> int:
    """Returns the position up to which the events of a topic are applied: the share's own, or 0 for a topic
    that has joined the version since."""
    if topic not in checkpoint.offsets:
        return 0
    return checkpoint.offsets.get(APPLIED_TO + topic, checkpoint.position)


Kept = tuple[int, int, bytes, bytes | None, bytes]
"""A record that waits for its seal: position, offset, the position's eight bytes, key, value."""


class Sum:
    """A number of records and the sum of their hashes."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0

    def add(self, count: int, total: int) -> None:
        """Adds `count` records whose hashes sum up to `total`."""
        self.count, self.total = self.count + count, (self.total + total) % MODULUS


class PartitionBuffer:
    """The records of one topic and partition, in order; those from `start` on are not released yet."""

    __slots__ = ("applied_to", "had", "kept", "late", "latest", "offset", "read", "sealed", "start")

    def __init__(self, offset: int, position: int = 0, *, applied_to: int, anew: bool = False) -> None:
        self.kept: list[Kept] = []
        self.start = 0
        self.offset = offset
        """The offset behind the last released record."""
        self.read = offset
        """The offset of the next record to read."""
        self.latest = position
        """The position of the last record read, or applied."""
        self.applied_to = applied_to
        """Up to this position the topic's events are applied; a topic that joins is behind its share."""
        self.late: list[Kept] = []
        """Records of a topic that joins, between `applied_to` and the share's position."""
        self.had = Sum() if anew else None
        """The applied records that are dropped while the topic is read again."""
        self.sealed = Sum()
        """The same records as the seals count them, which are read again too."""


@dataclass(slots=True)
class Entry:
    """A share, its buffers, and the topics that join it."""

    checkpoint: Checkpoint
    buffers: dict[str, PartitionBuffer]
    joining: tuple[str, ...]
    """Topics that are applied less far than the share, since they joined the version later."""


def new_buffer(checkpoint: Checkpoint, topic: str, *, anew: bool) -> PartitionBuffer:
    """Returns the buffer from which reading goes on, or begins `anew`."""
    reached = applied_to(checkpoint, topic)
    if anew:
        return PartitionBuffer(0, applied_to=reached, anew=True)
    return PartitionBuffer(
        checkpoint.offsets.get(topic, 0),
        0 if HANDED_OVER in checkpoint.offsets else checkpoint.position,
        applied_to=reached,
    )


def join_topics(entry: Entry, events: list[Received]) -> int:
    """Moves the late records of joining topics into `events` and marks the topics as applied. Returns how
    many records it moved."""
    checkpoint, number = entry.checkpoint, len(events)
    offsets = dict(checkpoint.offsets)
    for topic in entry.joining:
        buffer = entry.buffers[topic]
        events += map(_received, buffer.late)
        buffer.late, buffer.applied_to = [], checkpoint.position
        # records up to there that still come are in no seal
        buffer.latest = max(buffer.latest, checkpoint.position)
        offsets[topic] = buffer.offset
        offsets.pop(APPLIED_TO + topic, None)
    entry.checkpoint, entry.joining = replace(checkpoint, offsets=offsets), ()
    return len(events) - number


def offsets_of_unknown_topics(entry: Entry) -> dict[str, int]:
    """Returns the offsets of topics that only another program knows, and up to where they are applied.
    Without them that program would apply events twice, or skip those that came meanwhile."""
    checkpoint = entry.checkpoint
    found = {}
    for name in checkpoint.offsets:
        topic = name.removeprefix(APPLIED_TO)
        if topic not in entry.buffers and topic not in (SEALS, HANDED_OVER):
            found[topic] = checkpoint.offsets[topic]
            found[APPLIED_TO + topic] = applied_to(checkpoint, topic)
    return found


def record_hash(stamp: bytes, value: bytes) -> int:
    """Returns the hash of a record, its part of a digest."""
    return int.from_bytes(sha256(b"\x00" + stamp + value).digest(), "big")


def _received(kept: Kept) -> Received:
    position, _, _, key, value = kept
    return Received(position, (key or b"").decode("ascii", "replace"), value)


def release(count: int, buffer: PartitionBuffer, events: list[Received]) -> int:
    """Moves the buffer's next `count` records into `events`."""
    if count:
        end = buffer.start + count
        events += map(_received, buffer.kept[buffer.start : end])
        buffer.offset = buffer.kept[end - 1][1] + 1
        buffer.start = end
        if end > 4096:
            del buffer.kept[:end]
            buffer.start = 0
    return count
