"""Commands that are made from their classes, and the shortest series of them that leads to an event.

So a new record type or event has a frozen history without one being written. A value is made of a field's
type, of what it refers to, and of its name; what the domain refuses is left out of the series.
"""

from __future__ import annotations

import types
import typing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Union
from uuid import UUID

import orjson

from commands.dispatch.decision import change, events_of
from commands.store.event_reader import StoredRow
from domain.kernel.command import Command, NewRecord
from domain.kernel.errors import DomainError
from domain.kernel.money import Money
from domain.kernel.record_type import RecordType
from domain.kernel.references import references_in
from domain.kernel.values import Reference
from domain.record_types import BY_NAME
from tests.support.memory import Desk

MAX_SERIES: Final = 6
"""Commands after the first one."""

_LEFT_OUT: Final = frozenset({"at", "id", "imported", "original", "logged_at"})
_NAMED: Final[Mapping[str, Any]] = {
    "email": "ada@example.org",
    "phone": "+493012345678",
    "currency": "USD",
    "source": "crm",
    "pipeline": "sales",
    "reason": "other",
    "amount": Money(amount=Decimal("10.50"), currency="USD"),
}
_SIMPLE: Final[Mapping[Any, Any]] = {
    int: 1,
    bool: True,
    Decimal: Decimal("1.25"),
    date: date(2026, 6, 30),
    datetime: datetime(2026, 6, 30, 12, 15, tzinfo=UTC),
    Money: Money(amount=Decimal("10.50"), currency="USD"),
}


class Unmakeable(Exception):
    """A field of a command has a type that no value is made of."""


def record_of(desk: Desk, name: str) -> UUID:
    """A new record of that type. Raises `Unmakeable` where no command makes one of what is made here."""
    record_type = BY_NAME[name]
    for command in record_type.commands:
        if issubclass(command, NewRecord):
            for given in _arguments(desk, record_type, command):
                with suppress(DomainError):
                    id: UUID = desk.do(command(**given)).id
                    return id
    raise Unmakeable(f"no command makes a {name}")


def histories(record_type: RecordType, wanted: Sequence[str], first_id: int) -> list[StoredRow]:
    """The events of records in whose lives the types `wanted` occur, those of what they refer to among them;
    the types that no series reaches are missing."""
    series = [found for kind in wanted if (found := _series(record_type, kind)) is not None]
    desk = Desk(first_id=first_id)
    for steps in dict.fromkeys(series):
        if not any(len(other) > len(steps) and other[: len(steps)] == steps for other in series):
            _played(desk, record_type, steps)
    return _rows(desk)


Step = tuple[type[Command] | None, int]
"""A command, and which of its arguments; None stands for the erasure."""


def _series(record_type: RecordType, kind: str) -> tuple[Step, ...] | None:
    """The shortest series of commands that leads to an event of that type."""
    waiting: deque[tuple[Step, ...]] = deque([()])
    seen: set[Any] = set()
    while waiting:
        before = waiting.popleft()
        for step in _steps(record_type, first=not before):
            desk = Desk()
            played = (*before, step)
            try:
                id = _played(desk, record_type, played)
            except (DomainError, Unmakeable):
                continue
            own = [row.type for row in _rows(desk) if row.aggregate_id == id]
            if kind in own:
                return played
            state = desk.state(record_type.name, id)
            reached = (tuple(getattr(state, name, None) for name in ("state", "stage", "outcome")), own[-1])
            if reached not in seen and len(played) <= MAX_SERIES:
                seen.add(reached)
                waiting.append(played)
    return None


def _steps(record_type: RecordType, *, first: bool) -> Iterator[Step]:
    for command in record_type.commands:
        if issubclass(command, NewRecord) == first:
            count = len(list(_arguments(Desk(), record_type, command)))
            yield from ((command, number) for number in range(count))
    if not first and record_type.erase is not None:
        yield None, 0


def _played(desk: Desk, record_type: RecordType, steps: Sequence[Step]) -> UUID:
    """Does the series to a new record. Raises the domain's errors."""
    id = UUID(int=0)
    for command, number in steps:
        desk.later()
        if command is None:
            assert record_type.erase is not None
            state = desk.state(record_type.name, id)
            forgotten = change((state, record_type.erase(state, desk.new_id())), at=None)
            desk.crm.record(events_of(forgotten, desk.context()))
            continue
        given = list(_arguments(desk, record_type, command))[number]
        made = command(**given) if issubclass(command, NewRecord) else command(id=id, **given)  # type: ignore[call-arg]
        done = desk.do(made)
        id = done.id
    return id


def _rows(desk: Desk) -> list[StoredRow]:
    found = []
    for number, (id, version, encoded) in enumerate(desk.crm.stored, start=1):
        envelope = orjson.loads(encoded)
        party = UUID(envelope["partitionkey"])
        found.append(StoredRow(number, id, version, envelope["type"], party, encoded))
    return found


def _arguments(desk: Desk, record_type: RecordType, command: type[Command]) -> Iterator[dict[str, Any]]:
    """Arguments to try: all fields, the required ones, and each state for a field that names one."""
    hints = typing.get_type_hints(command, include_extras=True)
    whole: dict[str, Any] = {}
    needed: dict[str, Any] = {}
    for each in fields(command):
        if each.name in _LEFT_OUT:
            continue
        required = each.default is MISSING and each.default_factory is MISSING
        try:
            value = _value(desk, record_type, each.name, hints[each.name])
        except Unmakeable:
            if required:
                return
            continue
        whole[each.name] = value
        if required:
            needed[each.name] = value
    yield whole
    if needed != whole:
        yield needed
    for name in whole:
        if name.endswith("state") and hints[name] is str:
            for state in _states(record_type):
                yield needed | {name: state}


def _states(record_type: RecordType) -> tuple[str, ...]:
    hint = typing.get_type_hints(record_type.state).get("state")
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _value(desk: Desk, record_type: RecordType, name: str, annotation: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _value(desk, record_type, name, arguments[0])
    if origin in (Union, types.UnionType):
        return _value(desk, record_type, name, next(each for each in arguments if each is not type(None)))
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (_value(desk, record_type, name, arguments[0]),)
    if origin is Mapping:
        return {"sector": "technology"}
    if annotation is UUID:
        return _id(desk, record_type, name)
    if annotation is Reference:
        return Reference(source="crm", external_id=str(desk.new_id()))
    if annotation is str:
        # Another text each time: the same again would change nothing.
        return _NAMED.get(name) or f"{name.replace('_', '-')}-{desk.new_id().int & 0xFFFF}"
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if is_dataclass(annotation):
        made: Any = annotation
        hints = typing.get_type_hints(made)
        return made(
            **{each.name: _value(desk, record_type, each.name, hints[each.name]) for each in fields(made)}
        )
    raise Unmakeable(f"{name} is a {annotation}")


def _id(desk: Desk, record_type: RecordType, name: str) -> UUID:
    """The id of a new record of what the field of that name refers to in the record's events."""
    for event in record_type.events:
        for field, refers_to in references_in(event.payload):
            if field == name:
                return record_of(desk, refers_to)
    named = name.removesuffix("_id")
    return record_of(desk, named) if named in BY_NAME and named != record_type.name else desk.new_id()
