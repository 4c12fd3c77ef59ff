"""Whether topics and store agree when a relay starts: one pure function.

If they do not, a relay that went on would publish events twice or never, or use positions twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.kafka.tail import Tail
from domain.events.seal import Seal, key_id, signed_by
from domain.kernel.user_errors import FailureFound

RESTORE: Final = (
    "Run `rapport relay republish`: it restores lost topics from the store. Or use the broker that has them."
)


class Disagreement(FailureFound):
    """Topics and store contradict each other. Its text says which side is behind and what to do."""


class StoreBehind(Disagreement):
    """The topics have events that the store does not have: it was restored from an older state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSide:
    """The store's side: its id, its last seal, its seal with the number of the topics' last one (None if it
    has none), and the highest position that a relay recorded as published."""

    id: UUID
    last: Seal | None
    same: Seal | None
    noted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSide:
    """The topics' side: the last committed seal, the last committed record of each partition, and the family
    topics that are missing or empty although events of the family were published."""

    last: Seal | None
    tails: Sequence[Tail]
    emptied: Collection[str]


def agree(store: StoreSide, topics: TopicSide, key: Ed25519PublicKey) -> None:
    """Raises `Disagreement` unless the relay can go on behind the topics' last seal."""
    last = topics.last
    if last is not None:
        same_history(store, last, key)
    published = last.last if last else 0
    if store.noted > published:
        raise Disagreement(
            f"The topics are behind: crm.seal.v1 ends at position {published}, and {store.noted} was "
            "published already. The topics were deleted, or this broker is not the one they are on, or it "
            f"lost its data. {RESTORE}"
        )
    for tail in topics.tails:
        if tail.position is not None and tail.position > published:
            raise Disagreement(
                f"The seals are behind: {tail.topic}, partition {tail.partition}, holds the event at "
                f"position {tail.position}, and crm.seal.v1 ends at {published}. Seals were lost, or another "
                "program wrote into the topic. Run `rapport relay republish`: it tells which, and restores "
                "what was lost."
            )
    if topics.emptied:
        raise Disagreement(
            f"The topics are behind: {', '.join(sorted(topics.emptied))} is missing or holds no event, and "
            f"some were published already, up to position {published}. {RESTORE}"
        )
    if last is not None:
        _holds_the_last_range(last, topics.tails)


def same_history(store: StoreSide, last: Seal, key: Ed25519PublicKey) -> None:
    """Raises `Disagreement` unless the store has the topics' last seal."""
    if last.store != store.id:
        raise Disagreement(
            f"The topics hold the events of another store ({last.store}; this one is {store.id}). "
            "Use a broker, or topics, of this store's own."
        )
    if not signed_by(last.record, key):
        raise Disagreement(
            f"The last seal in crm.seal.v1, number {last.sequence}, is not signed with this installation's "
            f"key {key_id(key)}: it names the key {last.key}. Put the right key into the secrets folder, or "
            "look for who wrote that record."
        )
    if store.last is None or store.last.sequence < last.sequence:
        found = f"ends with the seal {store.last.sequence}" if store.last else "has no seal"
        raise StoreBehind(
            f"The store is behind: it {found}, and the topics go up to the seal {last.sequence} at position "
            f"{last.last}. It was restored from an older state, and would use positions twice. Stop what "
            "writes to it, then run `rapport store recover`: it puts back what the topics still have."
        )
    if store.same is None or store.same.record != last.record:
        raise StoreBehind(
            f"The store and the topics have different seals number {last.sequence}: their histories parted "
            "before it. The store was restored from an older state and has gone on since. Stop what writes "
            "to it, then run `rapport store recover`: the topics' events come back, and it lists what is "
            "in their way."
        )


def _holds_the_last_range(last: Seal, tails: Sequence[Tail]) -> None:
    """Raises `Disagreement` if a partition that the last seal touched ends before that seal. A stranger's
    record behind it is found by the readers."""
    ends = {(tail.topic, tail.partition): tail.position for tail in tails}
    for topic, parts in last.partitions.items():
        for number in parts:
            end = ends.get((topic, number), 0)
            if end is not None and end < last.first:
                raise Disagreement(
                    f"The topics are behind: {topic}, partition {number}, ends at position {end}, and the "
                    f"seal {last.sequence} says that it has events behind {last.first - 1}. Its records were "
                    "deleted or lost. Delete the topic, then run `rapport relay republish`."
                )
