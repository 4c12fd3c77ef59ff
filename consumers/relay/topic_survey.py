"""Which published records the topics have lost: the store's seals say what each must hold.

A seal and its events are published in one transaction. So a topic that holds an event of a seal holds all of
its events of that seal and of earlier ones, unless somebody truncated it or wrote into it. Its ends show how
far it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.store.event_reader import EventReader
from commands.store.seals import Seals
from consumers.kafka.address import KafkaAddress
from consumers.kafka.tail import Tail, tails
from consumers.kafka.topics import missing_topics, wanted
from consumers.relay.agreement import StoreBehind, StoreSide, same_history
from consumers.relay.leader import StoreFacts
from domain.events.seal import GENESIS, TOPIC, Digest, Seal, parse, signed_by
from domain.kernel.errors import Undecodable
from domain.kernel.user_errors import EnvironmentProblem

State = Literal["whole", "missing", "empty", "behind", "foreign"]

PAGE_SEALS: Final = 500
"""Seals read at a time."""


class RepublishRefused(EnvironmentProblem):
    """The run publishes nothing, or nothing more. Its text says why, and what to do."""


class BrokenSeals(RepublishRefused):
    """The store's seals are no longer a chain. Its text is for an operator."""


@dataclass(slots=True, kw_only=True)
class TopicState:
    """A topic compared with what was published.

    `state` is "whole"; "missing" or "empty", also if nothing was published in it; "behind" if it has a first
    part; "foreign" if it is neither empty nor a first part of what was published, for the reason `why`.
    `upto` is the end of the last seal whose events are there, `due` the number of records to put back, and
    `expected` what each partition holds up to `upto` (not for the topic of seals).
    """

    name: str
    state: State = "whole"
    upto: int = 0
    due: int = 0
    why: str = ""
    expected: dict[int, Digest] = field(default_factory=dict)

    @property
    def lost(self) -> bool:
        """Whether it has lost records."""
        return self.due > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All topics, compared with the store. `published` is the last published seal; None if none was."""

    published: Seal | None
    topics: Mapping[str, TopicState]

    @property
    def lost(self) -> list[str]:
        """Returns the topics that have lost records, and those with a stranger's records."""
        return [name for name, topic in self.topics.items() if topic.lost or topic.state == "foreign"]


def survey(
    address: KafkaAddress,
    seals: Seals,
    event_reader: EventReader,
    facts: StoreFacts,
    families: Iterable[str],
    key: Ed25519PublicKey,
) -> Survey:
    """Compares the topics' last records with the store's seals; it reads no other events of the topics.

    Raises `WrongTopics`, `Disagreement` if the topics are another store's or the store is behind,
    `BrokenSeals`, and Kafka's errors while the broker is away.
    """
    families = tuple(families)
    missing = missing_topics(address, families, facts.partitions)
    topics = {name: TopicState(name=name) for name in wanted(families, facts.partitions)}
    ends = tails(address, topics)
    store = StoreSide(id=facts.id, last=seals.last(), same=None, noted=facts.noted)
    last = _last_seal(ends, topics[TOPIC])
    if last is not None:
        same = seals.by_sequence(last.sequence)
        same_history(StoreSide(id=store.id, last=store.last, same=same, noted=store.noted), last, key)
    strange = _strange(ends, store.last, event_reader, sealed=last is not None)
    for tail in strange:
        topics[
            tail.topic
        ].why = f"partition {tail.partition} ends with a record at offset {tail.offset} that no relay wrote"
    ours = [tail for tail in ends if tail.topic != TOPIC and tail not in strange]
    published = _published(seals, store, last, ours)
    _walk(chain(seals, published, key), topics, ours)
    topics[TOPIC].due = (published.sequence if published else 0) - (last.sequence if last else 0)
    topics[TOPIC].upto = last.last if last else 0
    for topic in topics.values():
        topic.state = _state(topic, missing)
    return Survey(published=published, topics=topics)


def chain(seals: Seals, upto: Seal | None, key: Ed25519PublicKey, *, after: int = 0) -> Iterator[Seal]:
    """Yields the store's seals behind number `after`, up to and with `upto`, and checks each. Raises
    `BrokenSeals`."""
    before = seals.by_sequence(after) if after else None
    while upto is not None and after < upto.sequence:
        page = seals.since(after, limit=min(PAGE_SEALS, upto.sequence - after))
        if not page:
            raise BrokenSeals(_broken(after + 1, "is not there"))
        for seal in page:
            if (seal.sequence, seal.previous) != (after + 1, before.hash if before else GENESIS):
                raise BrokenSeals(_broken(seal.sequence, "does not follow the one before it"))
            if not signed_by(seal.record, key):
                raise BrokenSeals(_broken(seal.sequence, "is not signed with this installation's key"))
            yield seal
            before, after = seal, seal.sequence


def chosen(seen: Survey, names: Sequence[str]) -> list[TopicState]:
    """Returns the topics to restore, the seals' last: those of these names, or without names all that have
    lost records. Raises `RepublishRefused` if that is not possible."""
    unknown = sorted(set(names) - set(seen.topics))
    if unknown:
        raise RepublishRefused(
            f"There is no topic {', '.join(unknown)}. The topics are {', '.join(seen.topics)}."
        )
    topics = [seen.topics[name] for name in dict.fromkeys(names or seen.lost)]
    for topic in topics:
        if topic.state == "foreign":
            raise foreign(topic.name, topic.why)
    others = set(seen.lost) - {topic.name for topic in topics}
    if others and any(topic.name == TOPIC and topic.lost for topic in topics):
        raise RepublishRefused(
            f"{', '.join(sorted(others))} has lost events too, and the seals come last: who reads them "
            "expects the events. Name these topics as well, or leave the names out."
        )
    return sorted(topics, key=lambda topic: topic.name == TOPIC)


def foreign(name: str, why: str) -> RepublishRefused:
    """Returns the error for a topic that is neither empty nor a first part of what was published."""
    return RepublishRefused(
        f"{name} is neither empty nor a first part of what was published: {why}. Delete the topic "
        f"(kafka-topics --delete --topic {name}), then run this again; it is restored whole."
    )


def _broken(sequence: int, what: str) -> str:
    return (
        f"The store's seal {sequence} {what}: the store was changed, or this is the wrong key. Nothing more "
        "is published. Compare the store with a backup before anything else."
    )


def _last_seal(ends: Iterable[Tail], topic: TopicState) -> Seal | None:
    for tail in ends:
        if tail.topic == TOPIC:
            try:
                return parse(tail.value)
            except Undecodable:
                topic.why = f"it ends with a record at offset {tail.offset} that is no seal"
    return None


def _strange(
    ends: Sequence[Tail], last: Seal | None, event_reader: EventReader, *, sealed: bool
) -> Collection[Tail]:
    """Returns the family topics' last records that are not events of the store. Raises `StoreBehind` if the
    store may have had them; with `sealed` the seals' topic shows that it has not."""
    strange = []
    for tail in ends:
        if tail.topic == TOPIC:
            continue
        if tail.position is None:
            strange.append(tail)
        elif tail.position > (last.last if last else 0):
            if not sealed:
                raise StoreBehind(
                    f"The store is behind: {tail.topic}, partition {tail.partition}, holds an event at "
                    f"position {tail.position}, and the store's seals end at {last.last if last else 0}. It "
                    "was restored from an older state: run `rapport store recover`. If another program "
                    f"wrote that record, delete {tail.topic} and run this again."
                )
            strange.append(tail)
        else:
            found = event_reader.read(tail.position - 1, tail.position)
            if not found or found[0].event != tail.value:
                strange.append(tail)
    return strange


def _published(seals: Seals, store: StoreSide, last: Seal | None, ours: Sequence[Tail]) -> Seal | None:
    """Returns the last published seal, from all that shows it. If all topics are empty, returns the store's
    last seal: readers of new topics miss nothing then."""
    if last is None and not ours:
        return store.last
    upto = max(store.noted, last.last if last else 0, *(tail.position or 0 for tail in ours))
    found = seals.covering(upto)
    if found is None:
        raise StoreBehind(
            f"The store is behind: position {upto} was published, and its seals end before that. It was "
            "restored from an older state. Run `rapport store recover` first."
        )
    return found


def _walk(chained: Iterable[Seal], topics: Mapping[str, TopicState], ours: Sequence[Tail]) -> None:
    """Counts for each topic the records it has and those it lacks, and finds ends that do not fit the
    seals."""
    ends = {(tail.topic, tail.partition): tail.position or 0 for tail in ours}
    furthest = {name: max((p for (n, _), p in ends.items() if n == name), default=0) for name in topics}
    touched: dict[tuple[str, int], Seal] = {}
    for seal in chained:
        for name, parts in seal.partitions.items():
            topic = topics.get(name)
            if topic is None:
                continue
            if seal.first > furthest[name]:
                topic.due += sum(digest.count for digest in parts.values())
                continue
            topic.upto = seal.last
            for number, digest in parts.items():
                touched[name, number] = seal
                sum_up(topic.expected.setdefault(number, Digest()), digest)
    for (name, number), seal in touched.items():
        end = ends.get((name, number), 0)
        if end < seal.first:
            topics[name].why = topics[name].why or (
                f"partition {number} ends at position {end}, and events up to {seal.last} must be there"
            )


def sum_up(into: Digest, more: Digest) -> None:
    """Adds the digest of further events."""
    into.count += more.count
    into.total = (into.total + more.total) % (1 << 256)


def _state(topic: TopicState, missing: Collection[str]) -> State:
    if topic.why:
        return "foreign"
    if topic.name in missing:
        return "missing"
    if not topic.upto:
        return "empty"
    return "behind" if topic.due else "whole"
