"""The fold of version 2: also which types the events had."""

from __future__ import annotations

from projections.runtime.projection import EventMap, Row
from tests.support.toy.v1.fold import fold as fold_1


def fold(row: Row | None, event: EventMap) -> Row:
    """One more event, and its type."""
    types = row["types"] if row else []
    return {**fold_1(row, event), "types": [*types, *({event["type"]} - set(types))]}
