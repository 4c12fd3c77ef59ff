"""The fold of the timeline: a row per event, under the event's position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from projections.customer_360.v1.fold.titles import said
from projections.runtime.projection import EventMap, Key, Row

ENTRY: Final = {
    "position": "bigint",
    "party": "uuid",
    "subject_id": "uuid",
    "version": "int",
    "type": "text",
    "kind": "text",
    "occurred": "timestamptz",
    "recorded": "timestamptz",
    "title": "text",
    "channel": "text",
    "actor_id": "uuid",
    "actor_kind": "text",
    "cause": "text",
    "changes": "jsonb",
    "has_text": "boolean",
}


def under_position(event: EventMap) -> Sequence[Key]:
    """Returns the key of the event's own row."""
    return (str(event["position"]),)


def entry(_: Row | None, event: EventMap) -> Row:
    """Returns the timeline's row of the event."""
    data, type_ = event["data"], event["type"]
    title, changes = said(type_, data)
    family = type_.split(".")[1]
    private = data.get("private")
    return {
        "position": event["position"],
        "party": event["partitionkey"],
        "subject_id": event["subject"],
        "version": int(event["sequence"]),
        "type": type_,
        "kind": data.get("kind", family) if family == "interaction" else family,
        "occurred": event["time"],
        "recorded": event["recordedtime"],
        "title": title,
        "channel": data.get("channel"),
        "actor_id": event["authid"],
        "actor_kind": event["authtype"],
        "cause": event.get("causationid"),
        "changes": changes,
        "has_text": bool(private) and "text" in private,
    }
