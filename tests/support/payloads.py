"""Payloads of every event type: one full example each, and generated ones."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, Union
from uuid import UUID

from hypothesis import strategies as st

from domain.events.event import Actor, Event
from domain.events.private import METADATA
from domain.kernel.values import RecordTypeName

TEXTS = st.text(max_size=20)
MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


def example(cls: type[Any]) -> Any:
    """A payload with every field filled, the same each time."""
    values = {
        name: "Ada Lovelace" if METADATA in field.metadata else _fixed(annotation, name)
        for name, (field, annotation) in fields_of(cls).items()
    }
    return cls(**values)


def example_event(payload: Any) -> Event:
    """An event with that payload, the same each time."""
    return Event(
        originator_id=UUID("8a6e0804-2bd0-4672-b79d-d97027f9071a"),
        originator_version=3,
        party=UUID("2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"),
        time=datetime(2026, 2, 28, 23, 30, tzinfo=UTC),
        recorded=datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=UTC),
        correlation=UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        cause="6ba7b810-9dad-11d1-80b4-00c04fd430c8:7",
        actor=Actor(id=UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), kind="user"),
        payload=payload,
    )


def events(cls: type[Any]) -> st.SearchStrategy[Event]:
    """Any event of one payload class."""
    return st.builds(
        Event,
        originator_id=st.uuids(),
        originator_version=st.integers(1, 9_999_999_999),
        party=st.uuids(),
        time=MOMENTS,
        recorded=MOMENTS,
        correlation=st.uuids(),
        cause=st.none() | st.text(min_size=1, max_size=60),
        actor=st.builds(Actor, id=st.uuids(), kind=st.sampled_from(["user", "service_account", "system"])),
        payload=payloads(cls),
    )


def payloads(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any payload of a class, within its types."""
    return st.builds(
        cls,
        **{
            name: (st.none() | TEXTS) if METADATA in field.metadata else _any(annotation)
            for name, (field, annotation) in fields_of(cls).items()
        },
    )


def fields_of(cls: type[Any]) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """A dataclass's fields with their resolved annotations."""
    hints = typing.get_type_hints(cls)
    return {field.name: (field, hints[field.name]) for field in dataclasses.fields(cls)}


def _any(annotation: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return st.one_of([_any(argument) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_any(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(TEXTS, TEXTS, max_size=3)
    if dataclasses.is_dataclass(annotation):
        return payloads(typing.cast("type[Any]", annotation))
    simple: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        str: TEXTS,
        RecordTypeName: TEXTS,
        int: st.integers(0, 100),
        bool: st.booleans(),
        UUID: st.uuids(),
        date: st.dates(),
        datetime: MOMENTS,
        Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    }
    return simple[annotation]


def _fixed(annotation: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return _fixed(next(argument for argument in arguments if argument is not type(None)), name)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return (_fixed(arguments[0], name),)
    if origin is Mapping:
        return {"language": "de"} if name == "preferences" else {"sector": "technology"}
    if dataclasses.is_dataclass(annotation):
        return example(typing.cast("type[Any]", annotation))
    simple: dict[Any, Any] = {
        RecordTypeName: "customer",
        str: {"currency": "USD", "source": "maven"}.get(name, name.replace("_", "-")),
        int: 50,
        bool: True,
        UUID: UUID("1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
        date: date(2026, 6, 30),
        datetime: datetime(2026, 6, 30, 12, 15, tzinfo=UTC),
        Decimal: Decimal("1054.50") if name == "amount" else Decimal("1.25"),
    }
    return simple[annotation]
