"""Rows as lines of COPY's CSV format.

A line is a JSON array without its brackets: with `FORMAT` below PostgreSQL reads that as CSV. So a row is
written in a third of the time that a line of COPY's text format takes in Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import orjson

from projections.projection import Row

FORMAT: Final = """(FORMAT csv, QUOTE '"', ESCAPE E'\\\\', NULL 'null')"""
"""How COPY is told to read the lines."""

# In CSV the escape stands before quotes and itself alone; what JSON escapes besides (as \n) stands as it is.
_OTHER_ESCAPE: Final = re.compile(rb'\\[^"\\]')


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
    dumps, other_escape = orjson.dumps, _OTHER_ESCAPE.search

    def text(row: Row) -> bytes:
        values = values_of(row)
        if documents:
            values = _with_documents(values, documents)
        line = dumps(values)
        if b"\\" in line and other_escape(line):
            return ",".join(map(_spelled, values)).encode()
        return line[1:-1]

    return text


def _with_documents(values: tuple[Any, ...], documents: Sequence[int]) -> tuple[Any, ...]:
    """The values with their JSON documents as text."""
    spelled: list[Any] | None = None
    for number in documents:
        if values[number] is not None:
            spelled = spelled or list(values)
            spelled[number] = orjson.dumps(values[number]).decode()
    return values if spelled is None else tuple(spelled)


def _spelled(value: Any) -> str:
    """A value with only what CSV escapes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return orjson.dumps(value).decode()
