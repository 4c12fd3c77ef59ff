"""What the topics hold of an erased person: the bytes that the store has, and no others.

Events of the person's own parties are looked for by their key, so that a record shows that only the topics
have. Of other parties' events that name the person, the ones that the store has are compared. Each partition
is read once, from the first of these events on, at the speed of raw reading.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Protocol
from uuid import UUID

from commands.privacy.certificate import CheckedPlace
from commands.store.verify_seals import topic_of
from domain.events.seal import Seal


class Record(NamedTuple):
    """A committed record: the party of its key, its position (None without our header), its bytes."""

    key: UUID
    position: int | None
    event: bytes


class Topics(Protocol):
    """The topics. Raises `commands.audit.chain.CopyAway`."""

    def head(self) -> Seal | None:
        """The last seal; None without seals."""
        ...

    def keyed(self, keys: Mapping[str, Collection[UUID]], first: int) -> Iterator[Record]:
        """The records of these topics with one of these keys each, from the position `first` on."""
        ...


class NotPublishedYet(Exception):
    """The topics have not come as far as the store; `position` is the first that they have not."""

    def __init__(self, position: int) -> None:
        super().__init__(f"position {position}")
        self.position = position


class _Stored(NamedTuple):
    topic: str
    party: UUID
    sha256: bytes


@dataclass
class TopicCheck:
    """The events that the store has: `add` them, then `compare`. `own`: the person's own parties."""

    own: Collection[UUID]
    _stored: dict[int, _Stored] = field(default_factory=dict)

    def add(self, position: int, type: str, party: UUID, event: bytes) -> None:
        """One event of the person, or that names the person."""
        self._stored[position] = _Stored(topic_of(type), party, sha256(event).digest())

    def compare(self, topics: Topics, there: Callable[[Collection[int]], Collection[int]]) -> CheckedPlace:
        """The topics as a place of the certificate. `there`: which of these positions the store has by now.

        Raises `CopyAway`, `NotPublishedYet`.
        """
        keys: dict[str, set[UUID]] = {}
        for one in self._stored.values():
            keys.setdefault(one.topic, set()).add(one.party)
        missing, others, unknown, strange = set(self._stored), 0, set[int](), 0
        for record in topics.keyed(keys, min(missing, default=0)):
            if record.position is None:
                strange += 1
            elif record.position in self._stored:
                missing.discard(record.position)
                others += self._stored[record.position].sha256 != sha256(record.event).digest()
            elif record.key in self.own:
                unknown.add(record.position)
        self._refuse_behind(topics, missing)
        strange += len(unknown.difference(there(unknown))) if unknown else 0
        return CheckedPlace(
            place="topics",
            checked="records of these persons and parties, read and compared byte for byte with the event "
            f"store: {', '.join(sorted(keys))}",
            found=f"{len(self._stored) - len(missing) - others} of {len(self._stored)} the same, {others} "
            f"others, {len(missing)} missing, {strange} that the store does not have",
            clean=not (others or missing or strange),
        )

    def _refuse_behind(self, topics: Topics, missing: Collection[int]) -> None:
        if missing:
            head = topics.head()
            behind = [position for position in missing if head is None or position > head.last]
            if behind:
                raise NotPublishedYet(min(behind))
