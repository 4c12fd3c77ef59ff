"""The fold of `toy`: one row per customer, its events counted."""

from __future__ import annotations

from projections.runtime.projection import EventMap, Row


def fold(row: Row | None, event: EventMap) -> Row:
    """One more event."""
    return {
        "id": event["subject"],
        "version": int(event["sequence"]),
        "events": 1 + (row["events"] if row else 0),
    }
