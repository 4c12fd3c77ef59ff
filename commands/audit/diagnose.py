"""Which event under a seal differs from the sealed one: pure, by the copy or by the seal's sums.

With the topics' copy of the range, proven by the seal's root, every difference has its position and kind.
Without it there is only the seal: a root, which identifies no event, and a count and a sum of hashes for each
topic and partition. The sum finds an inserted or moved event; it narrows a changed or missing one down to its
topic and partition.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Final, Literal
from uuid import UUID

from commands.store.event_reader import StoredRow
from commands.store.verify_seals import topic_of
from domain.events.envelope import parse
from domain.events.ids import event_id
from domain.events.seal import Digest, Seal, digests, leaf_hash
from domain.kernel.errors import Undecodable

Kind = Literal["changed", "removed", "inserted", "moved", "range"]
Place = tuple[str, int]
"""Topic and partition."""
Home = Callable[[UUID], int]
"""The partition that a party's events are in."""

MAX_TRIES: Final = 200_000
"""Most hashes to try in the search for a moved event."""
_MODULUS: Final = 1 << 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first difference to the sealed events.

    `position` is where it shows: of a `range`, the first position that it may be at. A moved event was sealed
    at `sealed` and `stands` at another position. `event` is its id where that is known, `members` are the
    names of the envelope's members that were changed. `others` more positions of the same seal differ as
    well; None: nobody knows how many. `places` are the topics and partitions of a range, with how many events
    they have there now.
    """

    kind: Kind
    position: int
    event: str | None = None
    sealed: int | None = None
    stands: int | None = None
    members: tuple[str, ...] = ()
    others: int | None = None
    places: tuple[tuple[Place, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A version that the store lacks between two positions that it has."""

    aggregate: UUID
    version: int
    place: Place
    low: int
    high: int


def by_copy(rows: Sequence[StoredRow], copy: Sequence[tuple[int, bytes]]) -> Difference | None:
    """The first difference between what the store has (`rows`) and what was sealed (`copy`)."""
    stored = {row.position: row.event for row in rows}
    sealed = dict(copy)
    differing = sorted(p for p in stored.keys() | sealed.keys() if stored.get(p) != sealed.get(p))
    if not differing:
        return None
    position = differing[0]
    others = len(differing) - 1
    now, history = stored.get(position), sealed.get(position)
    was_at = {event: place for place, event in copy}
    stands_at = {row.event: row.position for row in rows}
    if now is not None and now in was_at:
        return Difference(
            kind="moved",
            position=position,
            event=_id(now),
            sealed=was_at[now],
            stands=position,
            others=others,
        )
    if history is not None and history in stands_at:
        return Difference(
            kind="moved", position=position, event=_id(history), sealed=position, stands=stands_at[history],
            others=others,
        )  # fmt: skip
    if now is None or history is None:
        kind: Kind = "removed" if now is None else "inserted"
        return Difference(kind=kind, position=position, event=_id(now or history or b""), others=others)
    return Difference(
        kind="changed", position=position, event=_id(history), members=_members(now, history), others=others
    )


def joined(found: Sequence[Difference]) -> list[Difference]:
    """The same, where an event that is missing under one seal and too many under another was moved."""
    extra = {each.event: each for each in found if each.kind == "inserted" and each.event}
    gone = {each.event: each for each in found if each.kind == "removed" and each.event}
    moved = {
        event: (gone[event].position, extra[event].position) for event in extra.keys() & gone.keys() if event
    }
    return [
        replace(each, kind="moved", sealed=moved[each.event][0], stands=moved[each.event][1])
        if each.event in moved and each.kind in ("inserted", "removed")
        else each
        for each in found
    ]


def by_sums(
    seal: Seal, rows: Sequence[StoredRow], home: Home, gaps: Callable[[], Iterable[Gap]]
) -> Difference:
    """Returns the first difference, as far as the seal's counts and sums show it.

    `gaps` returns versions that the store lacks; it is called when an event seems to be missing.
    """
    leaves = {row.position: leaf_hash(row.position, row.event) for row in rows}
    homes = {row.position: (topic_of(row.type), home(row.party)) for row in rows}
    found = _flat(digests((*homes[row.position], leaves[row.position]) for row in rows))
    sealed = _flat(seal.partitions)
    off: dict[Place, tuple[int, int]] = {}
    for place in sorted(found.keys() | sealed.keys()):
        there, history = found.get(place, Digest()), sealed.get(place, Digest())
        if there != history:
            off[place] = (there.count - history.count, (there.total - history.total) % _MODULUS)
    inside = {place: [row for row in rows if homes[row.position] == place] for place in off}
    exact = (
        _inserted(off, inside, leaves)
        or _moved(seal, off, inside, leaves, {row.position for row in rows})
        or _removed(seal, off, gaps, leaves.keys())
        or _only(off, inside)
    )
    if exact is not None:
        return exact
    suspects = [row.position for place in off for row in inside[place]]
    return Difference(
        kind="range",
        position=min(suspects, default=seal.first),
        places=tuple((place, len(inside[place])) for place in off),
    )


def _inserted(
    off: Mapping[Place, tuple[int, int]],
    inside: Mapping[Place, Sequence[StoredRow]],
    leaves: Mapping[int, bytes],
) -> Difference | None:
    """One event too many in one place: its hash is what the sum has too much."""
    if [count for count, _ in off.values()] != [1]:
        return None
    [(place, (_, excess))] = off.items()
    for row in inside[place]:
        if int.from_bytes(leaves[row.position], "big") == excess:
            event = event_id(row.aggregate_id, row.version)
            return Difference(kind="inserted", position=row.position, event=event, others=0)
    return None


def _moved(
    seal: Seal,
    off: Mapping[Place, tuple[int, int]],
    inside: Mapping[Place, Sequence[StoredRow]],
    leaves: Mapping[int, bytes],
    taken: set[int],
) -> Difference | None:
    """One event at another position, which nobody has now, or two that changed places."""
    if not off or any(count for count, _ in off.values()):
        return None
    if len(off) == 1:
        [(place, (_, excess))] = off.items()
        members = inside[place]
        empty = [p for p in range(seal.first, seal.last + 1) if p not in taken][:MAX_TRIES]
        if len(members) * len(empty) <= MAX_TRIES:
            for row, at in product(members, empty):
                if _shift(leaves, row, at) == excess:
                    return _relocated(row, sealed=at, position=min(at, row.position))
        if len(members) ** 2 <= MAX_TRIES:
            for one, other in combinations(members, 2):
                both = _shift(leaves, one, other.position) + _shift(leaves, other, one.position)
                if both % _MODULUS == excess:
                    return _relocated(one, sealed=other.position, position=one.position)
    elif len(off) == 2:
        (first, (_, excess)), (second, (_, other_excess)) = off.items()
        if len(inside[first]) * len(inside[second]) <= MAX_TRIES:
            for one, other in product(inside[first], inside[second]):
                if (
                    _shift(leaves, one, other.position) == excess
                    and _shift(leaves, other, one.position) == other_excess
                ):
                    low, high = sorted((one, other), key=lambda row: row.position)
                    return _relocated(low, sealed=high.position, position=low.position)
    return None


def _removed(
    seal: Seal,
    off: Mapping[Place, tuple[int, int]],
    gaps: Callable[[], Iterable[Gap]],
    taken: Container[int],
) -> Difference | None:
    """Events that are missing where versions are: as many as the seal counts more."""
    missing = {place: -count for place, (count, _) in off.items()}
    if not missing or min(missing.values()) < 1:
        return None
    fitting = [
        gap for gap in gaps() if gap.place in missing and gap.low < seal.last and gap.high > seal.first
    ]
    counts = dict.fromkeys(missing, 0)
    for gap in fitting:
        counts[gap.place] += 1
    if counts != missing:
        return None
    first = min(fitting, key=lambda gap: (gap.low, gap.version))
    free = (at for at in range(max(first.low + 1, seal.first), seal.last + 1) if at not in taken)
    return Difference(
        kind="removed",
        position=next(free, seal.last),
        event=event_id(first.aggregate, first.version),
        others=len(fitting) - 1,
    )


def _only(
    off: Mapping[Place, tuple[int, int]], inside: Mapping[Place, Sequence[StoredRow]]
) -> Difference | None:
    """The one event of its topic and partition, as many as were sealed, is another one now."""
    if len(off) != 1:
        return None
    [(place, (count, _))] = off.items()
    if count or len(inside[place]) != 1:
        return None
    row = inside[place][0]
    event = event_id(row.aggregate_id, row.version)
    return Difference(kind="changed", position=row.position, event=event, others=0)


def _shift(leaves: Mapping[int, bytes], row: StoredRow, at: int) -> int:
    """What the sum has too much when the event stands where it does and was sealed at the position `at`."""
    there = int.from_bytes(leaves[row.position], "big")
    return (there - int.from_bytes(leaf_hash(at, row.event), "big")) % _MODULUS


def _relocated(row: StoredRow, *, sealed: int, position: int) -> Difference:
    return Difference(
        kind="moved",
        position=position,
        event=event_id(row.aggregate_id, row.version),
        sealed=sealed,
        stands=row.position,
        others=1 if position == row.position else 0,
    )


def _flat(partitions: Mapping[str, Mapping[int, Digest]]) -> dict[Place, Digest]:
    return {
        (topic, number): digest for topic, parts in partitions.items() for number, digest in parts.items()
    }


def _told(encoded: bytes) -> dict[str, Any]:
    try:
        return parse(encoded)
    except Undecodable:
        return {}


def _id(encoded: bytes) -> str | None:
    """The id in an event's bytes; None for bytes that are no event."""
    found = _told(encoded).get("id")
    return found if isinstance(found, str) else None


def _members(now: bytes, then: bytes) -> tuple[str, ...]:
    """The names of the envelope's members that differ; their values may be personal."""
    mine, theirs = _told(now), _told(then)
    if not mine or not theirs:
        return ()
    return tuple(name for name in theirs | mine if mine.get(name) != theirs.get(name))
