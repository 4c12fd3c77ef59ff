"""Bodies of commands, made from the commands: one field for each of theirs, with the API's own types.

A command that is added to a record gets a body and a route without further code. A body that says more
(examples, bounds, other types) is written out in the area's `<record>_bodies.py`, which
`api/writes/record_routes.py` lists.
"""

from __future__ import annotations

import types
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import Field as BodyField
from pydantic import create_model

from api.http.shapes import Amount, Day, Moment, MoneyIn, ReferenceIn, money, reference
from api.http.validation import Body, Text, Word
from domain.kernel.command import Command, NewRecord, RecordCommand
from domain.kernel.money import Money
from domain.kernel.text import Note
from domain.kernel.values import Reference

NOT_PUBLIC: Final = frozenset({"at", "id", "imported", "original", "logged_at"})
"""Fields of commands that bodies leave out: those of the base class, and those of imports."""

MAX_ITEMS: Final = 100
"""Most entries of a list or a map in a generated body."""

_SIMPLE: Final[Mapping[Any, Any]] = {
    str: Word,
    Note: Text,
    UUID: UUID,
    int: int,
    bool: bool,
    Decimal: Amount,
    date: Day,
    datetime: Moment,
    Money: MoneyIn,
    Reference: ReferenceIn,
}


class ValueBody(Body):
    """A value in a written-out body."""

    @abstractmethod
    def domain(self) -> Any:
        """The domain's value."""


class CommandBody(Body):
    """The body of the command `makes`. Its fields are the command's, by their names."""

    makes: ClassVar[type[Command]]

    at: Moment | None

    def arguments(self) -> dict[str, Any]:
        """Returns the command's arguments: the body's values as domain values."""
        return {name: _domain(getattr(self, name)) for name in type(self).model_fields}


class CreateBody(CommandBody):
    """The body of a new record."""

    at: Moment | None = BodyField(
        default=None, description="When it happened in the business; now, if left out."
    )

    def command(self) -> Any:
        """Returns the command that creates the record."""
        return self.makes(**self.arguments())


class ChangeBody(CommandBody):
    """The body of a change to one record."""

    at: Moment | None = BodyField(
        default=None,
        description="When it happened in the business; now, when left out. Never before the record's last "
        "event.",
    )

    def command(self, id: UUID) -> Any:
        """Returns the command on the record `id`."""
        return self.makes(id=id, **self.arguments())  # type: ignore[call-arg]  # a RecordCommand's


def body_of(command: type[Command]) -> type[CommandBody]:
    """Makes the body of a command. Raises `TypeError` for a field of an unsupported type."""
    base = CreateBody if issubclass(command, NewRecord) else ChangeBody
    assert issubclass(command, NewRecord | RecordCommand)
    hints = get_type_hints(command, include_extras=True)
    made: dict[str, Any] = {
        each.name: (
            _public(hints[each.name], f"{command.__name__}.{each.name}"),
            _default(each, hints[each.name]),
        )
        for each in fields(command)
        if each.name not in NOT_PUBLIC
    }
    body = create_model(command.__name__, __base__=base, __doc__=command.__doc__, **made)
    body.makes = command
    return body


_EXAMPLES: Final[Mapping[Any, Any]] = {UUID: "7c9e6679-7425-40de-944b-e07fc1f90ae7", int: 1, bool: True}


def _example_of(each: Field[Any], annotation: Any) -> Any:
    """The example of a field in the document: its own, else for a required one a value of its type."""
    if "example" in each.metadata:
        return each.metadata["example"]
    if each.default is not MISSING or each.default_factory is not MISSING:
        return None
    if annotation in (str, Note):
        return each.name.replace("_", " ").capitalize()
    return _EXAMPLES.get(annotation)


def _default(each: Field[Any], annotation: Any) -> Any:
    example = _example_of(each, annotation)
    examples = None if example is None else [example]
    default: Any = ...
    if each.default is not MISSING:
        default = each.default
    elif each.default_factory is not MISSING:
        return BodyField(default_factory=each.default_factory, examples=examples)
    return BodyField(default=default, examples=examples, description=each.metadata.get("description"))


def _public(annotation: Any, where: str) -> Any:
    """Returns the API's type of a field."""
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:  # with bounds that the body shows
        return Annotated[(_public(arguments[0], where), *arguments[1:])]
    if origin is Literal:
        return annotation
    if origin in (Union, types.UnionType):
        inner = [_public(each, where) for each in arguments if each is not type(None)]
        return Union[tuple(inner)] | None if type(None) in arguments else Union[tuple(inner)]  # noqa: UP007
    if origin is tuple:
        item: Any = _public(arguments[0], where)
        return Annotated[tuple[item, ...], BodyField(max_length=MAX_ITEMS)]
    if origin is Mapping:
        return Annotated[dict[Word, Word], BodyField(max_length=MAX_ITEMS)]
    raise TypeError(
        f"{where} is a {annotation}, which no body is made of: write the body out in the area's bodies, "
        "and name it in api/writes/record_routes.py"
    )


def _domain(value: Any) -> Any:
    """Returns a body's value as a domain value."""
    if isinstance(value, MoneyIn):
        return money(value)
    if isinstance(value, ReferenceIn):
        return reference(value)
    if isinstance(value, ValueBody):
        return value.domain()
    if isinstance(value, tuple | list):
        return tuple(_domain(each) for each in value)
    return value
