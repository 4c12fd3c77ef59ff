"""Rows as lines of COPY's text format.

Nearly every row is written by `orjson` as an array, whose quotes are dropped and whose commas become tabs:
that takes less time than Python's own formatting. Where a value holds what has a meaning in either, the row
is spelled value by value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import orjson

from projections.projection import Row

NULL: Final = "null"
"""What stands for an absent value, as JSON has it."""
FORMAT: Final = f"(NULL '{NULL}')"
"""How COPY is told to read the lines."""

_TABS: Final = bytes.maketrans(b",", b"\t")
_A_TEXT: Final = b'"null"'
_ESCAPED_TEXT: Final = "\\156ull"
"""The text "null": its first letter as an octal number (a backslash before an n would end the line)."""

_ESCAPE: Final = re.compile(r"\\(156|.)")
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "156": "n"}


def line_of(columns: Mapping[str, str]) -> Callable[[Iterable[Row]], bytes]:
    """A function that gives rows as lines. `columns` gives each column's SQL type."""
    text = text_of(columns)

    def lines(rows: Iterable[Row]) -> bytes:
        found = [text(row) for row in rows]
        return b"\n".join(found) + b"\n" if found else b""

    return lines


def text_of(columns: Mapping[str, str]) -> Callable[[Row], bytes]:
    """The same for one row, without the end of the line."""
    names = tuple(columns)
    values_of: Callable[[Row], tuple[Any, ...]] = (
        itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
    )
    documents = [number for number, name in enumerate(names) if columns[name] == "jsonb"]
    commas, dumps = len(names) - 1, orjson.dumps

    def text(row: Row) -> bytes:
        values = values_of(row)
        if documents:
            values = _with_documents(values, documents)
        line = dumps(values)
        if b"\\" in line or line.count(b",") != commas or _A_TEXT in line:
            return "\t".join(map(_spelled, values)).encode()
        return line[1:-1].translate(_TABS, b'"')

    return text


def fields_of(lines: bytes) -> list[list[str | None]]:
    """What the lines say, row by row, as texts: for a statement that has the values in it."""
    rows = lines.decode().split("\n")[:-1]
    return [[None if field == NULL else _read(field) for field in row.split("\t")] for row in rows]


def _read(field: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), field) if "\\" in field else field


def _with_documents(values: tuple[Any, ...], documents: Sequence[int]) -> tuple[Any, ...]:
    """The values with their JSON documents as text."""
    spelled: list[Any] | None = None
    for number in documents:
        if values[number] is not None:
            spelled = spelled or list(values)
            spelled[number] = orjson.dumps(values[number]).decode()
    return values if spelled is None else tuple(spelled)


def _spelled(value: Any) -> str:
    if value is None:
        return NULL
    text = value if isinstance(value, str) else str(value)
    if text == NULL:
        return _ESCAPED_TEXT
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text
