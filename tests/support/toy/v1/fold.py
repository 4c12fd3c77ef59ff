"""The fold of `toy`: one row per customer, its events counted."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.runtime.projection import EventMap, Projection, Row, Table, subject
from tests.support.toy.v1.queries import Toys


def fold(row: Row | None, event: EventMap) -> Row:
    """One more event."""
    return {
        "id": event["subject"],
        "version": int(event["sequence"]),
        "events": 1 + (row["events"] if row else 0),
    }


TOY_V1: Final = Projection(
    name="toy",
    version=1,
    families=("customer",),
    tables=(
        Table(
            name="customer",
            columns={"id": "uuid", "version": "int", "events": "int"},
            key="id",
            keys_of=subject,
            fold=fold,
        ),
    ),
    folder=Path(__file__).parent,
    views=("toy",),
    queries=Toys,
)
