"""Version 2 of `toy`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from projections.runtime.projection import EventMap, Projection, Row
from tests.support.toy.v1 import TOY_V1
from tests.support.toy.v1 import fold as fold_1


def fold(row: Row | None, event: EventMap) -> Row:
    """One more event, and its type."""
    types = row["types"] if row else []
    return {**fold_1(row, event), "types": [*types, *({event["type"]} - set(types))]}


TOY_V2: Final[Projection] = replace(
    TOY_V1,
    version=2,
    tables=(replace(TOY_V1.tables[0], columns={**TOY_V1.tables[0].columns, "types": "jsonb"}, fold=fold),),
    folder=Path(__file__).parent,
)
