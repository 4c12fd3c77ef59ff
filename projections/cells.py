"""Rows in the format of PostgreSQL's binary COPY.

Reading text takes the server most of a COPY's time: it looks at each digit of every id and instant. Here each
value is turned into the server's own form once and remembered, since the rows of an aggregate, and those of
its neighbours, share most of their values. A value that does not fit its column raises `Unfit`.

The forms are those of the types' `recv` functions (PostgreSQL's `src/backend/utils/adt`): a length of four
bytes, big-endian as all the rest, and the value; a length of -1 alone is NULL.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import Any, Final

import orjson

from projections.projection import Row

FORMAT: Final = "(FORMAT binary)"
"""How COPY is told to read the rows."""
BEGINNING: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What stands before the rows: the signature, no flags, no extension."""
END: Final = b"\xff\xff"
"""What stands behind them."""

REMEMBERED: Final = 50_000
"""Values of a type that are remembered, some 10 MB; then they are forgotten, and it begins anew."""

_NULL: Final = b"\xff\xff\xff\xff"
_MOST_DIGITS: Final = 1_000
_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_numeric_head = struct.Struct(">ihhHH").pack
_MIDNIGHT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(2000, 1, 1).toordinal()
_NEGATIVE: Final = 0x4000
_FAULTS: Final = (TypeError, ValueError, ArithmeticError, AttributeError, struct.error)


class Unfit(ValueError):
    """A value that is none of its column's type. The text names column and type, never the value."""


def rows_of(columns: Mapping[str, str]) -> Callable[[Sequence[Row]], list[bytes]]:
    """A function that gives rows as binary COPY has them. `columns` gives each column's SQL type.

    What it gives raises `Unfit`.
    """
    # Column by column: then most loops run within Python's own C code.
    known = {kind: _Cells(maker).__getitem__ for kind, maker in _MAKERS.items()}
    makers = {name: _IN_BULK.get(kind) or partial(map, known[kind]) for name, kind in columns.items()}
    head = struct.pack(">h", len(columns))

    def binary(rows: Sequence[Row]) -> list[bytes]:
        try:
            cells = [make([row[name] for row in rows]) for name, make in makers.items()]
            return list(map(b"".join, zip(repeat(head, len(rows)), *cells, strict=True)))
        except _FAULTS as error:
            raise _unfit(columns, rows) from error

    return binary


def _unfit(columns: Mapping[str, str], rows: Sequence[Row]) -> Unfit:
    """Names the first value that does not fit."""
    for row in rows:
        for name, kind in columns.items():
            try:
                if row[name] is not None:
                    _MAKERS[kind](row[name])
            except _FAULTS:
                return Unfit(f"The value of {name} is no {kind}.")
    return Unfit("A value does not fit its column.")


class _Cells(dict[Any, bytes]):
    """Values to cells, remembered."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Any], bytes]) -> None:
        self._make = make

    def __missing__(self, value: Any) -> bytes:
        cell = _NULL if value is None else self._make(value)
        if len(self) >= REMEMBERED:
            self.clear()
        self[value] = cell
        return cell


def _uuid(value: str) -> bytes:
    digits = value.replace("-", "")
    if len(digits) != 32 or len(value) != 36:
        raise ValueError
    found = bytes.fromhex(digits)
    if len(found) != 16:
        raise ValueError  # it passes over white space
    return b"\0\0\0\x10" + found


def _text(value: str) -> bytes:
    found = value.encode()
    return _length(len(found)) + found


def _timestamptz(value: str) -> bytes:
    since = datetime.fromisoformat(value) - _MIDNIGHT
    return _int8(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _date(value: str) -> bytes:
    return _int4(4, date.fromisoformat(value).toordinal() - _FIRST_DAY)


def _int(value: int) -> bytes:
    if value.__class__ is not int:
        raise TypeError
    return _int4(4, value)


def _bigint(value: int) -> bytes:
    if value.__class__ is not int:
        raise TypeError
    return _int8(8, value)


def _boolean(value: bool) -> bytes:
    if value.__class__ is not bool:
        raise TypeError
    return b"\0\0\0\x01\x01" if value else b"\0\0\0\x01\0"


def _numeric(value: str) -> bytes:
    """Digits to the base of 10,000, the weight of the first one, the sign, digits behind the point."""
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


def _jsonb(value: Any) -> bytes:
    found = orjson.dumps(value)
    return _length(len(found) + 1) + b"\x01" + found


_MAKERS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "uuid": _uuid,
    "text": _text,
    "timestamptz": _timestamptz,
    "date": _date,
    "numeric": _numeric,
    "int": _int,
    "bigint": _bigint,
    "boolean": _boolean,
    "jsonb": _jsonb,
}


def _bigints(values: Sequence[Any]) -> Iterable[bytes]:
    """Each is another, as a rule: looking them up would not pay."""
    if set(map(type, values)) == {int}:
        return map(_int8, repeat(8), values)
    return [_NULL if value is None else _bigint(value) for value in values]


def _jsonbs(values: Sequence[Any]) -> Iterable[bytes]:
    """They are no keys of a dictionary."""
    return [_NULL if value is None else _jsonb(value) for value in values]


_IN_BULK: Final[Mapping[str, Callable[[Sequence[Any]], Iterable[bytes]]]] = {
    "bigint": _bigints,
    "jsonb": _jsonbs,
}
