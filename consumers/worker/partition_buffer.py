"""What an assembler keeps of each topic and partition until its seal is whole."""

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
"""Among a share's offsets: a rebuild noted them before its fill, so records up to the share's position may
still follow there. They are dropped; later on such a record is a stranger's."""
APPLIED_TO: Final = "applied_to:"
"""Among a share's offsets, before the name of a topic: the position up to which that topic is applied. It is
there where a program that does not know the topic has taken the share further."""
MODULUS: Final = 1 << 256


def applied_to(checkpoint: Checkpoint, topic: str) -> int:
    """The position up to which the events of a topic are applied. It is the share's own, but for a topic that
    has joined the version since: nothing of that one is applied."""
    if topic not in checkpoint.offsets:
        return 0
    return checkpoint.offsets.get(APPLIED_TO + topic, checkpoint.position)


Kept = tuple[int, int, bytes, bytes | None, bytes]
"""A record that waits for its seal: position, offset, the position's eight bytes, key, value."""


class Sum:
    """How many records, and the sum of their hashes."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0

    def add(self, count: int, total: int) -> None:
        """Takes in so many more."""
        self.count, self.total = self.count + count, (self.total + total) % MODULUS


class PartitionBuffer:
    """The records of one topic and partition, in order, from `start` on not handed out yet."""

    __slots__ = ("applied_to", "had", "kept", "late", "latest", "offset", "read", "sealed", "start")

    def __init__(self, offset: int, position: int = 0, *, applied_to: int, anew: bool = False) -> None:
        self.kept: list[Kept] = []
        self.start = 0
        self.offset = offset
        """The first record behind what was handed out."""
        self.read = offset
        """The next record to read."""
        self.latest = position
        """The highest position before the next record: of the last one read, or of what is applied."""
        self.applied_to = applied_to
        """Up to this position the topic's events are applied; behind the share's for one that joins."""
        self.late: list[Kept] = []
        """Records of a topic that joins, between that position and the share's."""
        self.had = Sum() if anew else None
        """What is dropped where the topic is read from its first record again."""
        self.sealed = Sum()
        """What was sealed of that, by the seals that are read again too."""


@dataclass(slots=True)
class Entry:
    """A share at work."""

    checkpoint: Checkpoint
    buffers: dict[str, PartitionBuffer]
    joining: tuple[str, ...]
    """Topics that are applied less far than the share: they joined the version after it had come there."""


def new_buffer(checkpoint: Checkpoint, topic: str, *, anew: bool) -> PartitionBuffer:
    """Where reading goes on, or begins `anew`."""
    reached = applied_to(checkpoint, topic)
    if anew:
        return PartitionBuffer(0, applied_to=reached, anew=True)
    return PartitionBuffer(
        checkpoint.offsets.get(topic, 0),
        0 if HANDED_OVER in checkpoint.offsets else checkpoint.position,
        applied_to=reached,
    )


def join_topics(entry: Entry, events: list[Received]) -> int:
    """Moves the late records of the topics that join into `events`, and notes the topics as applied."""
    checkpoint, number = entry.checkpoint, len(events)
    offsets = dict(checkpoint.offsets)
    for topic in entry.joining:
        buffer = entry.buffers[topic]
        events += map(_received, buffer.late)
        buffer.late, buffer.applied_to = [], checkpoint.position
        buffer.latest = max(buffer.latest, checkpoint.position)  # what still comes up to there is in no seal
        offsets[topic] = buffer.offset
        offsets.pop(APPLIED_TO + topic, None)
    entry.checkpoint, entry.joining = replace(checkpoint, offsets=offsets), ()
    return len(events) - number


def offsets_of_unknown_topics(entry: Entry) -> dict[str, int]:
    """Of the topics that only another program knows: their offsets, and up to where they are applied. Without
    that a program that knows them would apply them twice, or pass over what came meanwhile."""
    checkpoint = entry.checkpoint
    found = {}
    for name in checkpoint.offsets:
        topic = name.removeprefix(APPLIED_TO)
        if topic not in entry.buffers and topic not in (SEALS, HANDED_OVER):
            found[topic] = checkpoint.offsets[topic]
            found[APPLIED_TO + topic] = applied_to(checkpoint, topic)
    return found


def record_hash(stamp: bytes, value: bytes) -> int:
    """A record's part of a digest."""
    return int.from_bytes(sha256(b"\x00" + stamp + value).digest(), "big")


def _received(kept: Kept) -> Received:
    position, _, _, key, value = kept
    return Received(position, (key or b"").decode("ascii", "replace"), value)


def release(count: int, buffer: PartitionBuffer, events: list[Received]) -> int:
    """Moves the buffer's next records into `events`."""
    if count:
        end = buffer.start + count
        events += map(_received, buffer.kept[buffer.start : end])
        buffer.offset = buffer.kept[end - 1][1] + 1
        buffer.start = end
        if end > 4096:
            del buffer.kept[:end]
            buffer.start = 0
    return count
