"""Event types and the types of their fields as text, without the modules they are defined in."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from domain.events.catalogue import CATALOGUE
from domain.events.private import METADATA, FreeText, Personal


def events() -> list[str]:
    """Per type a line: name, schema version, family, class; then a line per field. The classes that fields
    are made of follow."""
    lines: list[str] = []
    parts: set[type[Any]] = set()
    for kind in CATALOGUE.types:
        lines.append(f"{kind.name} version={kind.version} family={kind.family} {kind.payload.__name__}")
        lines += _fields(kind.payload)
        parts |= set(_parts(kind.payload))
    for part in sorted(parts, key=lambda part: (part.__name__, part.__module__)):
        lines += [part.__name__, *_fields(part)]
    return lines


def annotation(hint: Any) -> str:
    """A type as it is written, with bare names: `tuple[Reference, ...]`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return annotation(arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in (Union, types.UnionType):
        return " | ".join(map(annotation, arguments))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(annotation, arguments))}]"
    if hint is None or hint is type(None):
        return "None"
    return "..." if hint is ... else str(getattr(hint, "__name__", hint))


def _fields(payload: type[Any]) -> list[str]:
    hints = get_type_hints(payload)
    return [
        f"    {field.name}: {annotation(hints[field.name])}{_default(field)}{_private(field)}"
        for field in fields(payload)
    ]


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f" = {field.default!r}"
    return f" = {field.default_factory()!r}" if field.default_factory is not MISSING else ""


def _private(field: Field[Any]) -> str:
    mark = field.metadata.get(METADATA)
    if isinstance(mark, Personal):
        return f" (personal: of {mark.of})"
    if isinstance(mark, FreeText):
        kind = mark.kind if mark.kind_of is None else f"{mark.kind}-<{mark.kind_of}>"
        return f" (free text: kind {kind}, participants {mark.participants or 'the party'})"
    return ""


def _parts(payload: type[Any]) -> Iterator[type[Any]]:
    """The record classes in the fields of a payload, and in theirs."""
    for hint in get_type_hints(payload).values():
        for part in _named(hint):
            yield part
            yield from _parts(part)


def _named(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for argument in get_args(hint):
        yield from _named(argument)
