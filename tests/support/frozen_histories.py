"""Histories frozen as bytes, `tests/unit/frozen/histories/<number>.ndjson`: a stored event a line, in order.

Together they hold every event type in every schema version ever written. They are what a read model's
fingerprint is taken of, so a file is never changed. `make freeze` writes further files for the types and
versions that no file has: a file for each record type, made by running its commands (`made_commands.py`), and
one with the frozen examples of what no command leads to.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

import orjson

from commands.store.event_reader import StoredRow
from domain.events.catalogue import CATALOGUE
from domain.events.registry import SCHEMA
from domain.record_types import RECORD_TYPES
from tests.support import made_commands

FROZEN: Final = Path(__file__).parents[1] / "unit" / "frozen"
FOLDER: Final = FROZEN / "histories"

TypeVersion = tuple[str, int]


def names(families: Iterable[str] | None = None) -> list[str]:
    """The histories, oldest first; only those with events of these families where some are named."""
    found = sorted(file.stem for file in FOLDER.glob("*.ndjson"))
    if families is None:
        return found
    wanted = set(families)
    return [name for name in found if wanted & {row.type.split(".")[1] for row in history(name)}]


@cache
def history(name: str) -> list[StoredRow]:
    """Its events as rows of a store; the line's number is the position."""
    rows = []
    for number, line in enumerate((FOLDER / f"{name}.ndjson").read_bytes().splitlines(), start=1):
        event = orjson.loads(line)
        party = UUID(event["partitionkey"])
        rows.append(
            StoredRow(number, UUID(event["subject"]), int(event["sequence"]), event["type"], party, line)
        )
    return rows


def held_by(rows: Iterable[StoredRow]) -> set[TypeVersion]:
    """The types and schema versions of these events."""
    found = set()
    for row in rows:
        schema = orjson.loads(row.event)["dataschema"]
        found.add((row.type, int(schema.rpartition(":")[2])))
    return found


def missing() -> list[TypeVersion]:
    """What the catalogue has and no frozen history holds."""
    known = {(kind.name, version) for kind in CATALOGUE.types for version in range(1, kind.version + 1)}
    return sorted(known - {found for name in names() for found in held_by(history(name))})


def example(kind: str, version: int, subject: UUID, sequence: int) -> bytes:
    """The frozen example of that type and version, as the event of another aggregate."""
    event = orjson.loads((FROZEN / "events" / f"{kind}.{version}.json").read_bytes())
    assert event["dataschema"] == SCHEMA.format(type=kind, version=version)
    return orjson.dumps(
        event
        | {
            "id": f"{subject}:{sequence}",
            "subject": str(subject),
            "partitionkey": str(subject),
            "sequence": f"{sequence:010d}",
        }
    )


def add() -> list[Path]:
    """Writes further histories of what is missing: one for each record type, in which its events happen, then
    one of the examples of what no series of commands leads to."""
    written = []
    by_type: dict[str, list[str]] = {}
    for kind, version in missing():
        if version == CATALOGUE.named(kind).version:  # what is recorded today has the newest
            by_type.setdefault(kind.split(".")[1], []).append(kind)
    for record_type in RECORD_TYPES:
        if record_type.commands and (wanted := by_type.get(record_type.family)):
            number = len(names()) + 1
            rows = made_commands.histories(record_type, wanted, number << 32)
            if rows:
                written.append(_write(number, [row.event for row in rows]))
    if left := missing():
        number = len(names()) + 1
        written.append(
            _write(
                number,
                [
                    example(kind, version, UUID(int=(number << 32) + place), 1)
                    for place, (kind, version) in enumerate(left, start=1)
                ],
            )
        )
    return written


def _write(number: int, events: list[bytes]) -> Path:
    file = FOLDER / f"{number:02d}.ndjson"
    file.write_bytes(b"\n".join(events) + b"\n")
    return file
