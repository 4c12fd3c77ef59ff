"""Reads one CSV file, plain or gzip, line by line, so that a broken line does not affect others.

A record is one line: none of the files read here has line breaks inside quotes. A quote that is never closed
therefore cannot swallow the lines behind it.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from commands.imports.kit.report import ImportRefused, RowProblem

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One record: its line in the file (the header is line 1) and its fields by column, without outer
    blanks."""

    file: str
    number: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The good lines of a file in its order, and the bad ones."""

    lines: list[Line]
    problems: list[RowProblem]


def read_table(folder: Path, name: str, columns: Sequence[str]) -> Table:
    """The file `name` in `folder`, else `<name>.gz`, which must have at least `columns`, in any order.

    Raises `ImportRefused` where the file is missing, cannot be read, or has another header.
    """
    return _table(_read(folder, name), name, columns)


def read_table_file(path: Path, columns: Sequence[str]) -> Table:
    """The file at `path`, plain or gzip, which must have at least `columns`, in any order.

    Raises `ImportRefused` as `read_table` does.
    """
    return _table(read_file(path), path.name, columns)


def encoded_lines(raw: bytes) -> list[bytes]:
    """The lines of a file without their ends, of either kind, and without a byte order mark."""
    return [line.rstrip(b"\r") for line in raw.removeprefix(_BOM).split(b"\n")]


def decoded(line: bytes) -> str:
    """The text of one line. Raises `ValueError` with a sentence where it is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The line is not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}. "
            "Save the file in UTF-8 and import it again."
        ) from error


def read_file(path: Path) -> bytes:
    """The content of one file, unpacked where its name ends with `.gz`. Raises `ImportRefused`."""
    if not path.exists():
        raise ImportRefused(f"There is no {path}. Name the file to import; nothing was imported.")
    return _content(path)


def _table(raw: bytes, name: str, columns: Sequence[str]) -> Table:
    encoded = encoded_lines(raw)
    header = _header(encoded[0], name, columns)
    table = Table([], [])
    for number, line in enumerate(encoded[1:], start=2):
        if not line.strip():
            continue
        try:
            table.lines.append(Line(name, number, _fields(line, header)))
        except ValueError as error:
            table.problems.append(RowProblem(name, number, str(error)))
    return table


def _read(folder: Path, name: str) -> bytes:
    if not folder.is_dir():
        raise ImportRefused(f"There is no folder {folder}. Name the folder that holds {name}.")
    plain, compressed = folder / name, folder / f"{name}.gz"
    for path in (plain, compressed):
        if path.exists():
            return _content(path)
    raise ImportRefused(
        f"There is no {name} (nor {name}.gz) in {folder}. Put the file there or name another folder; "
        "nothing was imported."
    )


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ImportRefused(
            f"{path} is not a complete gzip file ({error}). Copy it again; nothing was imported."
        ) from error
    except OSError as error:
        raise ImportRefused(
            f"{path} cannot be read: {error.strerror or error}. Check the file and its rights; "
            "nothing was imported."
        ) from error


def _header(line: bytes, name: str, columns: Sequence[str]) -> list[str]:
    try:
        header = _split(line)
    except ValueError as error:
        raise ImportRefused(f"The header of {name} cannot be read. {error} Nothing was imported.") from error
    missing = [column for column in columns if column not in header]
    if missing:
        raise ImportRefused(
            f"The header of {name} lacks {', '.join(missing)}; it has {', '.join(header) or 'nothing'}. "
            "Check that it is the right file; nothing was imported."
        )
    if len(set(header)) != len(header):
        raise ImportRefused(f"The header of {name} names a column twice. Rename one; nothing was imported.")
    return header


def _fields(line: bytes, header: Sequence[str]) -> dict[str, str]:
    values = _split(line)
    if len(values) != len(header):
        raise ValueError(
            f"The row has {len(values)} fields where the header has {len(header)}. "
            "Complete the row, and quote fields that hold a comma."
        )
    return dict(zip(header, values, strict=True))


def _split(line: bytes) -> list[str]:
    """The fields of one line. Raises `ValueError` with a sentence."""
    text = decoded(line)
    try:
        fields = [value.strip(" \t") for value in next(csv.reader([text], strict=True))]
    except csv.Error as error:
        raise ValueError(f"The line is not CSV: {error}. Check its quotes.") from error
    if any(character < " " or character == "\x7f" for field in fields for character in field):
        raise ValueError("The line holds control characters. Remove them, or save the file as CSV in UTF-8.")
    return fields
