"""Encodes rows in the format of PostgreSQL's binary COPY.

With text, the server spends most of a COPY's time on parsing each digit of every id and instant. Here each
value is encoded in the server's own form once and remembered, since the rows of an aggregate, and those of
its neighbours, share most of their values. A value that does not fit its column raises `EncodeError`.

The forms are those of the types' `recv` functions (PostgreSQL's `src/backend/utils/adt`): a length of four
bytes, big-endian as all the rest, and the value; a length of -1 alone is NULL.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from io import BytesIO
from itertools import repeat
from operator import itemgetter
from types import NoneType
from typing import Any, Final

import orjson

from projections.runtime.projection import Row

FORMAT: Final = "(FORMAT binary)"
"""The options of COPY."""
BEGINNING: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""The bytes before the rows: the signature, no flags, no extension."""
END: Final = b"\xff\xff"
"""The bytes behind the rows."""

REMEMBERED: Final = 50_000
"""Values of a type that are remembered, about 10 MB; then all are forgotten, and it begins anew."""
CHUNK: Final = 100
"""Rows encoded at a time: so many rows, with their cells, stay in the processor's cache."""

_NULL: Final = b"\xff\xff\xff\xff"
_MOST_DIGITS: Final = 1_000
_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_numeric_head = struct.Struct(">ihhHH").pack
_numeric_one = struct.Struct(">ihhHHh").pack
_numeric_two = struct.Struct(">ihhHHhh").pack
_instant = datetime.fromisoformat
_MIDNIGHT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(2000, 1, 1).toordinal()
_NEGATIVE: Final = 0x4000
_FAULTS: Final = (TypeError, ValueError, ArithmeticError, AttributeError, struct.error)


class EncodeError(ValueError):
    """A value does not have its column's type. The text names column and type, never the value."""


def framed(rows: Iterable[bytes]) -> BytesIO:
    """Returns the input of COPY: these rows, with the bytes before and behind them."""
    return BytesIO(b"".join((BEGINNING, *rows, END)))


class Cells:
    """Encodes values as cells and remembers them, for all tables of a read model."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {kind: made({None: _NULL}) for kind, made in _REMEMBERING.items()}

    def rows_of(self, columns: Mapping[str, str]) -> Callable[[Sequence[Row]], list[bytes]]:
        """Returns a function that encodes rows for binary COPY. `columns` has each column's SQL type.

        That function raises `EncodeError`.
        """
        # Column by column: then all loops run within Python's own C code.
        known = [self._known[kind] for kind in {*columns.values()} & {*self._known}]
        makers = [
            _EACH_ANOTHER.get(kind) or partial(map, self._known[kind].__getitem__)
            for kind in columns.values()
        ]
        pick = itemgetter(*columns)
        head = struct.pack(">h", len(columns))

        def binary(rows: Sequence[Row]) -> list[bytes]:
            found: list[bytes] = []
            try:
                for at in range(0, len(rows), CHUNK):
                    for cells in known:
                        if len(cells) > REMEMBERED:
                            cells.clear()
                            cells[None] = _NULL
                    picked = zip(*map(pick, rows[at : at + CHUNK]), strict=True)
                    made = [list(make(values)) for make, values in zip(makers, picked, strict=True)]
                    found += map(b"".join, zip(repeat(head), *made, strict=False))
            except _FAULTS as error:
                raise _unfit(columns, rows) from error
            return found

        return binary


def _unfit(columns: Mapping[str, str], rows: Sequence[Row]) -> EncodeError:
    """Returns the error that names the first value that does not fit."""
    for row in rows:
        for name, kind in columns.items():
            try:
                if row[name] is None:
                    continue
                if kind in _EACH_ANOTHER:
                    list(_EACH_ANOTHER[kind]([row[name]]))
                else:
                    _REMEMBERING[kind]()[row[name]]
            except _FAULTS:
                return EncodeError(f"The value of {name} is no {kind}.")
    return EncodeError("A value does not fit its column.")


class _Known(dict[Any, bytes]):
    """Values to cells; it makes a missing cell and keeps it."""

    __slots__ = ()


class _Uuids(_Known):
    def __missing__(self, value: str) -> bytes:
        digits = value.replace("-", "")
        found = bytes.fromhex(digits)
        # `fromhex` skips white space: the result is too short then.
        if len(value) != 36 or len(digits) != 32 or len(found) != 16:
            raise ValueError
        cell = self[value] = b"\0\0\0\x10" + found
        return cell


class _Texts(_Known):
    def __missing__(self, value: str) -> bytes:
        encoded = value.encode()
        cell = self[value] = _length(len(encoded)) + encoded
        return cell


class _Timestamptzs(_Known):
    def __missing__(self, value: str) -> bytes:
        since = _instant(value) - _MIDNIGHT
        cell = self[value] = _int8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
        return cell


class _Dates(_Known):
    def __missing__(self, value: str) -> bytes:
        cell = self[value] = _int4(4, date.fromisoformat(value).toordinal() - _FIRST_DAY)
        return cell


class _Ints(_Known):
    def __missing__(self, value: int) -> bytes:
        if value.__class__ is not int:
            raise TypeError
        cell = self[value] = _int4(4, value)
        return cell


class _Booleans(_Known):
    def __missing__(self, value: bool) -> bytes:
        if value.__class__ is not bool:
            raise TypeError
        cell = self[value] = b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\0"
        return cell


class _Numerics(_Known):
    def __missing__(self, value: str) -> bytes:
        cell = self[value] = _numeric(value)
        return cell


def _numeric(value: str) -> bytes:
    """Encodes digits to the base of 10,000, the weight of the first one, the sign, digits behind the
    point."""
    if len(value) <= 8 and value.isdecimal():
        # Most amounts: a whole number of one or two groups.
        upper, lower = divmod(int(value), 10_000)
        if upper and lower:
            return _numeric_two(12, 2, 1, 0, 0, upper, lower)
        if upper or lower:
            return _numeric_one(10, 1, 1 if upper else 0, 0, 0, upper or lower)
        return _numeric_head(8, 0, 0, 0, 0)
    if len(value) > _MOST_DIGITS:
        raise ValueError
    whole, _, behind = value.removeprefix("-").partition(".")
    if not (whole + behind).isdecimal():
        # With an exponent, or no number at all.
        number = Decimal(value)
        if abs(number.adjusted()) > _MOST_DIGITS:
            raise ValueError  # spelled out it would fill the memory
        whole, _, behind = format(number, "f").removeprefix("-").partition(".")
    before = whole.lstrip("0")
    text = before.zfill(-(-len(before) // 4) * 4) + behind + "0" * (-len(behind) % 4)
    groups = [int(text[at : at + 4]) for at in range(0, len(text), 4)]
    weight = (len(before) - 1) // 4
    while groups and groups[-1] == 0:
        groups.pop()
    while groups and groups[0] == 0:
        del groups[0]
        weight -= 1
    count = len(groups)
    if not count:
        return _numeric_head(8, 0, 0, 0, len(behind))
    sign = _NEGATIVE if value[0] == "-" else 0
    return _numeric_head(8 + 2 * count, count, weight, sign, len(behind)) + struct.pack(f">{count}h", *groups)


def _bigints(values: Sequence[int | None]) -> Iterable[bytes]:
    kinds = {*map(type, values)}
    if kinds == {int}:
        return map(_int8, repeat(8), values)
    if not kinds <= {int, NoneType}:
        raise TypeError
    return [_NULL if value is None else _int8(8, value) for value in values]


def _jsonbs(values: Sequence[Any]) -> Iterable[bytes]:
    return [_NULL if value is None else _jsonb(value) for value in values]


def _jsonb(value: Any) -> bytes:
    found = orjson.dumps(value)
    return _length(len(found) + 1) + b"\x01" + found


_REMEMBERING: Final[Mapping[str, type[_Known]]] = {
    "uuid": _Uuids,
    "text": _Texts,
    "timestamptz": _Timestamptzs,
    "date": _Dates,
    "numeric": _Numerics,
    "int": _Ints,
    "boolean": _Booleans,
}
_EACH_ANOTHER: Final[Mapping[str, Callable[[Sequence[Any]], Iterable[bytes]]]] = {
    "bigint": _bigints,
    "jsonb": _jsonbs,
}
"""Encoders that take None too, and run for each row: most values differ, so a look-up would not pay, and
lists can't be keys of a dictionary."""
