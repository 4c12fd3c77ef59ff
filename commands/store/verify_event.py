"""Checks one stored event: pure, by its row and bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from commands.store.event_reader import StoredRow
from domain.events.envelope import moment, parse
from domain.events.ids import event_id
from domain.events.registry import Registry
from domain.kernel.errors import Undecodable, UnknownEventType

RESTORE: Final = (
    "Keep a copy of the database as it is. Then restore a backup from before, and run `rapport store "
    "recover`: it puts back what is newer from the topics."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong in the store: `kind` is its permanent name, `position` and `aggregate` say where
    (None: it is about no single event), the rest are sentences."""

    kind: str
    position: int | None = None
    aggregate: UUID | None = None
    fact: str
    cause: str
    act: str


def examine(row: StoredRow, registry: Registry) -> Iterator[Finding]:
    """What is wrong with the event: it does not decode, contradicts its row, or is of no known type."""
    where = f"The event at position {row.position} ({row.type}, {row.aggregate_id}, version {row.version})"
    try:
        told = parse(row.event)
    except Undecodable as error:
        yield _found("undecodable", row, f"{where} can't be decoded.", str(error), RESTORE)
        return
    wrong = ", ".join(_contradictions(row, told))
    if wrong:
        yield _found(
            "contradiction",
            row,
            f"{where} contradicts its row: {wrong}.",
            "The row or the event's bytes were changed after they were recorded.",
            RESTORE,
        )
    try:
        registry.join(registry.named(row.type), registry.upcast(told)["data"], {})
    except UnknownEventType as error:
        yield _found(
            "unknown_type",
            row,
            f"{where} is of a type or version that this program does not know.",
            f"{error} A newer program recorded it, or somebody by hand.",
            "Install the program that knows it; read models park such events until then.",
        )
    except (Undecodable, KeyError, TypeError, AttributeError) as error:
        cause = str(error) if isinstance(error, Undecodable) else f"It lacks {error}."
        yield _found("undecodable", row, f"{where} can't be decoded.", cause, RESTORE)


def _found(kind: str, row: StoredRow, fact: str, cause: str, act: str) -> Finding:
    return Finding(
        kind=kind, position=row.position, aggregate=row.aggregate_id, fact=fact, cause=cause, act=act
    )


def _contradictions(row: StoredRow, told: dict[str, Any]) -> Iterator[str]:
    """The names of the envelope's members that say another thing than the row, or nothing sensible."""
    family = row.type.split(".")[1] if row.type.count(".") else ""
    expected = {
        "id": event_id(row.aggregate_id, row.version),
        "subject": str(row.aggregate_id),
        "sequence": f"{row.version:010d}",
        "type": row.type,
        "partitionkey": str(row.party),
        "source": f"/rapport/{family}",
    }
    for name, value in expected.items():
        if told[name] != value:
            yield name
    for name in ("time", "recordedtime"):
        try:
            moment(told[name])
        except (ValueError, TypeError):
            yield name
