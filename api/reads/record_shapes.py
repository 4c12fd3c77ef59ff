"""The response with one record, made from the record's state.

A field that is added to a state appears in `GET /v1/<plural>/{id}`. An area writes out a `Record` of its own
for descriptions, other names, or values inside others. Fields that it neither shows nor hides are added to
it, so that none is forgotten.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import create_model

from api.http.shapes import Instant, MoneyOut, Number, ReferenceOut
from api.reads.records import Ids, Record, Words
from domain.events.private import Unreadable
from domain.kernel.aggregate import Aggregate
from domain.kernel.money import Money
from domain.kernel.record_type import RecordType
from domain.kernel.values import Reference

_BOOKKEEPING: Final = frozenset(each.name for each in fields(Aggregate))

_SIMPLE: Final[Mapping[Any, Any]] = {
    str: str,
    UUID: UUID,
    int: int,
    bool: bool,
    Decimal: Number,
    date: date,
    datetime: Instant,
    Money: MoneyOut,
    Reference: ReferenceOut,
}


def shape_of(record_type: RecordType, written: type[Record] = Record) -> type[Record]:
    """Returns the response model of that type: `written`, and the fields of the state that it leaves out.

    Raises `TypeError` for a field of an unsupported type.
    """
    assert record_type.state is not None, f"a {record_type.name} has no state"
    hints = get_type_hints(record_type.state)
    shown = {*written.model_fields, *written.hidden, *_BOOKKEEPING}
    added = [each for each in fields(record_type.state) if each.name not in shown]
    if not added and written is not Record:
        return written
    private = [each.name for each in added if Unreadable in get_args(hints[each.name])]
    made: dict[str, Any] = {
        each.name: (_public(hints[each.name], f"{record_type.name}.{each.name}"), ...) for each in added
    }
    named = written.__name__ if written is not Record else f"{record_type.state.__name__}Record"
    doc = written.__doc__ if written is not Record else f"{_article(record_type.name)} as of its last event."
    shape = create_model(named, __base__=written, __doc__=doc, **made)
    shape.private = (*written.private, *private)
    return shape


def _article(name: str) -> str:
    return f"{'An' if name[0] in 'aeiou' else 'A'} {name}"


def _public(annotation: Any, where: str) -> Any:
    """Returns the response's type of a state's field."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return str
    if origin in (Union, types.UnionType):
        inner = [_public(each, where) for each in arguments if each not in (type(None), Unreadable)]
        optional = type(None) in arguments or Unreadable in arguments
        return Union[tuple(inner)] | None if optional else Union[tuple(inner)]  # noqa: UP007
    if origin is tuple:
        return list[_public(arguments[0], where)]  # type: ignore[misc]  # made at run time
    if origin is frozenset:
        return Ids if arguments[0] is UUID else Words
    if origin is Mapping or origin is dict:
        return dict[str, _public(arguments[1], where)]  # type: ignore[misc]  # as above
    raise TypeError(
        f"{where} is a {annotation}, which no response is made of: write the record's response out in its "
        "area, "
        "show or hide the field there, and name it in api/reads/record_routes.py"
    )
