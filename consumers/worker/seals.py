"""Whole seals: assembles records until a seal is complete and proven, then returns its events in order.

Pure: no Kafka, no database, no clock. For each share the seals must follow each other in one signed chain.
Each of its topics must have exactly the sealed events: the count and the sum of hashes must be equal. If not,
it raises `Mismatch`, which names the topic and partition, and returns no event of that seal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.worker.partition_buffer import (
    HANDED_OVER,
    MODULUS,
    SEAL_PLACE,
    Entry,
    PartitionBuffer,
    Place,
    applied_to,
    join_topics,
    new_buffer,
    offsets_of_unknown_topics,
    record_hash,
    release,
)
from domain.events.seal import TOPIC as SEALS
from domain.events.seal import Digest, Seal, key_id, parse, signed_by
from domain.kernel.errors import Undecodable
from projections.control.shares import Checkpoint
from projections.runtime.decode import Received


class Mismatch(Exception):
    """The records that were read are not those that were sealed. `place` is their topic and partition."""

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(f"{place[0]} partition {place[1]}: {why}")
        self.place = place


class Batch(NamedTuple):
    """The events of one or more whole seals, in order of position.

    `moved` has by partition the share's new checkpoint and how many of the events are that share's.
    """

    events: list[Received]
    moved: dict[int, tuple[Checkpoint, int]]


class SealAssembler:
    """Assembles whole seals for some shares of one projection.

    A topic that joins a version is read from its first record. The seals are read again too: they prove that
    all of its events up to the share's position are there. Then `take` returns these events in one batch, the
    share keeps its position, and its offsets get the topic. Until then no seal is applied to any share.

    Args:
        topics: the topics whose partitions the shares stand for.
        shares: partition to checkpoint; reading must begin at `offsets()`.
        key: the public key that seals are signed with.
        again: topics and partitions that are read again from their first record; the seals' may be among
            them.
    """

    def __init__(
        self,
        topics: Sequence[str],
        shares: Mapping[int, Checkpoint],
        key: Ed25519PublicKey,
        *,
        again: Iterable[Place] = (),
    ) -> None:
        joining = {
            partition: tuple(t for t in topics if applied_to(checkpoint, t) < checkpoint.position)
            for partition, checkpoint in shares.items()
        }
        anew = {*again, *((topic, partition) for partition, found in joining.items() for topic in found)}
        if any(joining.values()):
            anew.add(SEAL_PLACE)
        self.anew: frozenset[Place] = frozenset(anew)
        """The topics and partitions that are read from their first record."""
        self._key = key
        self._key_id = key_id(key)
        self._entries = {
            partition: Entry(
                checkpoint,
                {t: new_buffer(checkpoint, t, anew=(t, partition) in anew) for t in topics},
                joining[partition],
            )
            for partition, checkpoint in sorted(shares.items())
        }
        self._buffers: dict[Place, tuple[PartitionBuffer, int]] = {
            (topic, partition): (buffer, entry.checkpoint.position)
            for partition, entry in self._entries.items()
            for topic, buffer in entry.buffers.items()
        }
        least = min(
            (e.checkpoint for e in self._entries.values()), key=lambda s: s.sequence, default=Checkpoint()
        )
        self._least = least
        self._seals: deque[tuple[Seal, int, bytes]] = deque()
        self._again = {place: found for place, found in self._buffers.items() if found[0].had is not None}
        self._seals_anew = SEAL_PLACE in anew
        start = Checkpoint() if self._seals_anew else least
        self._chain = (start.sequence, start.hash, start.position)
        self._seal_offset = 0 if self._seals_anew else least.offsets.get(SEALS, 0)

    def offsets(self) -> dict[Place, int]:
        """Returns by topic and partition the offset at which reading must go on."""
        offsets = {place: buffer.read for place, (buffer, _) in self._buffers.items()}
        if offsets:
            offsets[SEAL_PLACE] = self._seal_offset
        return offsets

    def found(self, place: Place) -> bool:
        """Whether it has read a record there that the shares do not have yet."""
        if place == SEAL_PLACE:
            return bool(self._seals)
        buffer, _ = self._buffers[place]
        return len(buffer.kept) > buffer.start

    @property
    def kept(self) -> int:
        """Records that wait for their seal."""
        return sum(len(buffer.kept) - buffer.start for buffer, _ in self._buffers.values())

    def feed(self, place: Place, records: Iterable[Any]) -> int:
        """Takes in records (`offset`, `key`, `value`, `headers`) in order. Returns how many were new.

        Positions never go back within a partition: a record that does is a stranger's. Raises `Mismatch`.
        """
        if place == SEAL_PLACE:
            return self._feed_seals(records)
        buffer, had = self._buffers[place]
        latest, kept, before, read = buffer.latest, buffer.kept, len(buffer.kept), buffer.read
        for record in records:
            headers = record.headers
            stamp = headers[0][1] if headers and headers[0][0] == "position" else None
            if stamp is None or len(stamp) != 8:
                raise Mismatch(
                    place, f"the record at offset {record.offset} has no position; it is a stranger's"
                )
            position = int.from_bytes(stamp, "big")
            if position <= latest:
                raise Mismatch(
                    place,
                    f"the record at offset {record.offset} has position {position} behind {latest}; "
                    "it is a stranger's, or repeated",
                )
            latest = position
            if position > had:
                kept.append((position, record.offset, stamp, record.key, record.value or b""))
            else:
                if position > buffer.applied_to:
                    buffer.late.append((position, record.offset, stamp, record.key, record.value or b""))
                buffer.offset = record.offset + 1
                if buffer.had is not None:
                    buffer.had.add(1, record_hash(stamp, record.value or b""))
            read = record.offset + 1
        buffer.latest, buffer.read = latest, read
        if buffer.had is not None:
            self._judge(place, buffer, had)
        return len(kept) - before

    def _feed_seals(self, records: Iterable[Any]) -> int:
        taken = 0
        for record in records:
            self._seal_offset = record.offset + 1
            sequence, previous, last = self._chain
            try:
                seal = parse(record.value or b"")
            except Undecodable as error:
                raise Mismatch(
                    SEAL_PLACE, f"the record at offset {record.offset} is no seal: {error}"
                ) from error
            if seal.sequence <= sequence and HANDED_OVER in self._least.offsets:
                continue
            if seal.sequence != sequence + 1 or seal.previous != previous or seal.first != last + 1:
                raise Mismatch(
                    SEAL_PLACE,
                    f"the seal {seal.sequence} at offset {record.offset} does not follow the seal {sequence}",
                )
            hashed = seal.hash
            self._sealed(seal)
            self._chain = (seal.sequence, hashed, seal.last)
            if seal.sequence <= self._least.sequence:
                # Applied already, and proven then, maybe with an older key: only the last one is compared.
                if seal.sequence == self._least.sequence and hashed != self._least.hash:
                    raise Mismatch(
                        SEAL_PLACE,
                        f"the seal {seal.sequence} at offset {record.offset} is not what was applied",
                    )
                continue
            if seal.key != self._key_id:
                raise Mismatch(
                    SEAL_PLACE, f"the seal {seal.sequence} names the key {seal.key}, not {self._key_id}"
                )
            if not signed_by(seal.record, self._key):
                raise Mismatch(SEAL_PLACE, f"the signature of the seal {seal.sequence} does not hold")
            self._seals.append((seal, record.offset + 1, hashed))
            taken += 1
        for place, (buffer, had) in self._again.items():
            self._judge(place, buffer, had)
        return taken

    def _sealed(self, seal: Seal) -> None:
        """Adds up the sealed events of the partitions that are read again, up to their shares' positions."""
        for place, (buffer, had) in self._again.items():
            if seal.last <= had:
                expected = _expected(seal, place)
                buffer.sealed.add(expected.count, expected.total)

    def _judge(self, place: Place, buffer: PartitionBuffer, had: int) -> None:
        """Raises `Mismatch` if a partition has more records at applied positions than were sealed, or others:
        a stranger wrote them. Fewer may be a topic that is being published again.

        Checks only if the seals are read again too, and have been read up to there.
        """
        if buffer.had is None or not self._seals_anew or self._chain[2] < had:
            return
        more = buffer.had.count - buffer.sealed.count
        if more > 0 or (more == 0 and buffer.had.total != buffer.sealed.total):
            raise Mismatch(
                place, f"{max(more, 1)} of the records up to position {had}, all applied, are in no seal"
            )

    def waits_for(self) -> list[Place]:
        """Returns the topics and partitions of which the next seal misses records; none without a next seal.

        While topics join, returns those that miss records of the seals up to their share's position.
        """
        if any(entry.joining for entry in self._entries.values()):
            return [place for place, buffer, upto in self._joining() if self._lacks(place, buffer, upto)]
        if not self._seals:
            return []
        seal = self._seals[0][0]
        return [place for place, buffer in self._behind(seal) if self._missing(seal, place, buffer)]

    def take(self, most: int) -> Batch | None:
        """Returns the events of the next whole seals, about `most` of them (a seal is never divided).

        Returns None while no seal is whole. Raises `Mismatch` if the very next seal does not fit. If a later
        one does not fit, it returns the sound seals before it first. Topics that join come before all seals.
        """
        events: list[Received] = []
        counts = dict.fromkeys(self._entries, 0)
        moved: dict[int, Checkpoint] = {}
        if any(entry.joining for entry in self._entries.values()):
            if not all(self._complete(place, buffer, upto) for place, buffer, upto in self._joining()):
                return None
            for partition, entry in self._entries.items():
                if entry.joining:
                    counts[partition] += join_topics(entry, events)
                    moved[partition] = entry.checkpoint
        while self._seals and len(events) < most:
            seal, next_offset, hashed = self._seals[0]
            try:
                if not self._whole(seal):
                    break
            except Mismatch:
                if moved:
                    break
                raise
            for partition, entry in self._entries.items():
                if entry.checkpoint.sequence >= seal.sequence:
                    continue
                for topic, buffer in entry.buffers.items():
                    counts[partition] += release(_expected(seal, (topic, partition)).count, buffer, events)
                    if buffer.latest < seal.last:
                        buffer.latest = seal.last  # records up to there that still come are in no seal
                offsets = offsets_of_unknown_topics(entry)
                offsets |= {topic: buffer.offset for topic, buffer in entry.buffers.items()}
                offsets[SEALS] = next_offset
                entry.checkpoint = moved[partition] = Checkpoint(seal.last, seal.sequence, hashed, offsets)
            self._seals.popleft()
        if not moved:
            return None
        events.sort()
        return Batch(events, {p: (checkpoint, counts[p]) for p, checkpoint in moved.items()})

    def _joining(self) -> list[tuple[Place, PartitionBuffer, int]]:
        """Returns the partitions of joining topics, and the position up to which their events must come."""
        return [
            ((topic, partition), entry.buffers[topic], entry.checkpoint.position)
            for partition, entry in self._entries.items()
            for topic in entry.joining
        ]

    def _lacks(self, place: Place, buffer: PartitionBuffer, upto: int) -> bool:
        """Whether records of the seals read again are still to come. Raises `Mismatch` if they cannot."""
        if buffer.had is None or self._chain[2] < upto or buffer.had.count >= buffer.sealed.count:
            return False
        if buffer.latest > upto:
            have, sealed = buffer.had.count, buffer.sealed.count
            raise Mismatch(place, f"up to position {upto}, {have} events are there and {sealed} were sealed")
        return True

    def _complete(self, place: Place, buffer: PartitionBuffer, upto: int) -> bool:
        """Whether a topic that joins is proven complete up to there. Raises `Mismatch`."""
        self._judge(place, buffer, upto)
        return self._chain[2] >= upto and not self._lacks(place, buffer, upto)

    def _behind(self, seal: Seal) -> list[tuple[Place, PartitionBuffer]]:
        """Returns the partitions whose shares have not come to the seal yet."""
        return [
            ((topic, partition), buffer)
            for partition, entry in self._entries.items()
            if entry.checkpoint.sequence < seal.sequence
            for topic, buffer in entry.buffers.items()
        ]

    def _whole(self, seal: Seal) -> bool:
        """Whether exactly the seal's events are there. Raises `Mismatch`."""
        behind = self._behind(seal)
        if any(self._missing(seal, place, buffer) for place, buffer in behind):
            return False
        for entry in self._entries.values():
            if entry.checkpoint.sequence + 1 == seal.sequence and entry.checkpoint.hash != seal.previous:
                raise Mismatch(SEAL_PLACE, f"the seal {seal.sequence} does not follow what was applied")
        for place, buffer in behind:
            self._check(seal, place, buffer)
        return True

    def _missing(self, seal: Seal, place: Place, buffer: PartitionBuffer) -> bool:
        """Whether records of the seal are still to come. Raises `Mismatch` if they cannot any more."""
        expected = _expected(seal, place).count
        if expected <= len(buffer.kept) - buffer.start:
            return False
        if buffer.latest > seal.last:
            have = sum(1 for kept in buffer.kept[buffer.start :] if kept[0] <= seal.last)
            raise Mismatch(place, _differ(have, expected, seal))
        return True

    def _check(self, seal: Seal, place: Place, buffer: PartitionBuffer) -> None:
        expected = _expected(seal, place)
        kept, end = buffer.kept, buffer.start + expected.count
        if (expected.count and kept[end - 1][0] > seal.last) or (
            end < len(kept) and kept[end][0] <= seal.last
        ):
            have = sum(1 for record in kept[buffer.start :] if record[0] <= seal.last)
            raise Mismatch(place, _differ(have, expected.count, seal))
        total = 0
        for _, _, stamp, _, value in kept[buffer.start : end]:
            total += record_hash(stamp, value)
        if total % MODULUS != expected.total:
            raise Mismatch(place, f"the events up to position {seal.last} are not those that were sealed")


def _differ(have: int, expected: int, seal: Seal) -> str:
    return (
        f"of the seal {seal.sequence}, up to position {seal.last}, "
        f"{have} events are there and {expected} were sealed"
    )


_NONE: Final = Digest()


def _expected(seal: Seal, place: Place) -> Digest:
    parts = seal.partitions.get(place[0])
    return _NONE if parts is None else parts.get(place[1], _NONE)
