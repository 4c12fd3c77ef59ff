"""A record's history replayed: what it was at a moment, what each event changed, what differs between two.

Pure: over events that were read already, whether from the store or from an exported file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from commands.audit.redaction import Withheld, withholding
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode, instant
from domain.events.event import Event
from domain.events.private import PrivateCipher, Unreadable
from domain.kernel.aggregate import Evolve
from domain.kernel.as_of import NOW, AsOf
from domain.kernel.errors import Invalid, NotFound
from domain.record_types import BUSINESS

Kind = str
"""The name of a record type whose history is replayed."""

EVOLVE: Final[Mapping[str, Evolve[Any]]] = {
    each.family: each.evolve for each in BUSINESS if each.evolve is not None
}
"""By family: how a record's events make it what it is. What else stands in a history changes no record."""

_BOOKKEEPING: Final = frozenset({"id", "version", "party", "time", "recorded"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of a history and its position in the store."""

    position: int
    event: Event

    @property
    def type(self) -> str:
        """Its permanent name."""
        return CATALOGUE.of(self.event.payload).name

    @property
    def family(self) -> str:
        """The kind of record it is of."""
        return CATALOGUE.of(self.event.payload).family


def fact_of(position: int, encoded: bytes, cipher: PrivateCipher, *, opened: bool) -> Fact:
    """The event of these bytes. `opened`: the cipher has keys. Raises `Undecodable`, `UnknownEventType`."""
    return Fact(position, withholding(decode(encoded, CATALOGUE, cipher), opened=opened))


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, as JSON; null where it had, or has, no value."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One event, and the fields that it changed."""

    fact: Fact
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment in a record's history: a version, or times to look back to. Without either: its end."""

    version: int | None = None
    as_of: AsOf = NOW

    def of(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """The facts up to it. Raises `Invalid` for a version that the record never had."""
        if self.version is not None and not 0 <= self.version <= len(facts):
            raise Invalid(
                f"There is no version {self.version} of it: it has the versions 1 to {len(facts)}. "
                "Name one of those, or a time."
            )
        found = facts if self.version is None else facts[: self.version]
        if self.as_of.whole:
            return found
        return found[: len(list(self.as_of.of(fact.event for fact in found)))]


NEWEST: Final = Moment()
"""The end of the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A record at a moment: after which event, and its fields as JSON."""

    kind: str
    fact: Fact
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that events changed between two moments, before and after all of them, and these events.

    Where `before` equals `after` it was changed and changed back.
    """

    field: str
    before: Any
    after: Any
    facts: tuple[Fact, ...]


def state_at(kind: Kind, id: UUID, facts: Sequence[Fact], moment: Moment = NEWEST) -> State:
    """Returns the record at the moment. Raises `NotFound` for another kind of record, or before its first
    event, `Invalid` for a version that it never had."""
    require_kind(kind, id, facts)
    until = moment.of(facts)
    if not until:
        raise NotFound(kind, id)
    state = None
    for fact in until:
        state = EVOLVE[kind](state, fact.event)
    assert state is not None
    return State(kind=kind, fact=until[-1], fields=plain(state))


def require_kind(kind: Kind, id: UUID, facts: Sequence[Fact]) -> None:
    """Raises `NotFound` unless these are the events of a record of that kind."""
    if not facts or facts[0].family != kind:
        raise NotFound(kind, id)


class Replay:
    """One record while its events come one by one."""

    def __init__(self) -> None:
        self._state: Any = None
        self._fields: Mapping[str, Any] = {}

    def step(self, fact: Fact) -> Step:
        """The next event, with what it changed."""
        evolve = EVOLVE.get(fact.family)
        if evolve is None:
            return Step(fact, ())
        self._state = evolve(self._state, fact.event)
        before, self._fields = self._fields, _fields(self._state)
        return Step(fact, _changes(before, self._fields))


def steps(facts: Iterable[Fact]) -> Iterator[Step]:
    """Each event of one record with what it changed, in order."""
    replay = Replay()
    return map(replay.step, facts)


def diff(facts: Sequence[Fact], start: Moment, end: Moment) -> list[Difference]:
    """What the events behind `start` up to `end` changed, by field. Raises `Invalid` where `end` is earlier,
    or for a version that the record never had."""
    first, last = len(start.of(facts)), len(end.of(facts))
    if last < first:
        raise Invalid(
            f"The first moment (version {first}) is later than the second (version {last}). Swap them."
        )
    found: dict[str, list[tuple[Fact, FieldChange]]] = {}
    for step in list(steps(facts[:last]))[first:]:
        for change in step.changes:
            found.setdefault(change.field, []).append((step.fact, change))
    return [
        Difference(
            field=field,
            before=made[0][1].before,
            after=made[-1][1].after,
            facts=tuple(fact for fact, _ in made),
        )
        for field, made in sorted(found.items())
    ]


def gaps(facts: Sequence[Fact]) -> Iterator[tuple[int, int]]:
    """Versions behind which the next one is missing, with the one that came instead."""
    versions = [0, *(fact.event.originator_version for fact in facts)]
    for before, after in pairwise(versions):
        if after != before + 1:
            yield before, after


def plain(value: Any) -> Any:
    """The value as JSON spells it: times and decimals as in events, sets sorted."""
    match value:
        case Withheld():
            return value.as_json()
        case Unreadable():
            return {"closed": value.reason}
        case datetime():
            return instant(value)
        case UUID() | date():
            return str(value)
        case Decimal():
            return format(value, "f")
        case Mapping():
            return {_key(name): plain(each) for name, each in sorted(value.items())}
        case AbstractSet():
            return sorted(plain(each) for each in value)
        case list() | tuple():
            return [plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def _key(name: Any) -> str:
    """The key of a mapping's entry as JSON has it; of several parts, with slashes."""
    return "/".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _fields(state: Any) -> dict[str, Any]:
    """The fields of a record that say something about it; each entry of a mapping is a field of its own."""
    found: dict[str, Any] = {}
    for name, value in plain(state).items():
        if name in _BOOKKEEPING:
            continue
        if isinstance(getattr(state, name), Mapping):
            found |= {f"{name}.{key}": entry for key, entry in value.items()}
        else:
            found[name] = value
    return found


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in names
        # What a new record simply does not have is no change of it.
        if before.get(name) != after.get(name) and (name in before or after[name] != [])
    )
