"""Rows of one aggregate each: only its own events change them, one version after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from projections.runtime.projection import EventMap, OutOfOrder, Row

Data = dict[str, Any]
Change = Callable[[Data, EventMap, Data], None]
"""Changes a fresh copy of the row (first argument) by the event and its data."""


def next_version(row: Row | None, event: EventMap, changes: Mapping[str, Change]) -> Row:
    """Returns the aggregate's row after the event, with the event's `version`, `time`, `recorded`,
    `position`.

    Raises `OutOfOrder` unless the event is the next after the row's version, and `KeyError` for an event type
    or a member that `changes` does not know: in both cases a row would be wrong.
    """
    version = int(event["sequence"])
    if row is None:
        if version != 1:
            raise OutOfOrder(f"{event['id']} came before the event that its record began with")
        new: Data = {}
    else:
        if version != row["version"] + 1:
            raise OutOfOrder(f"{event['id']} came after version {row['version']}")
        new = dict(row)
    changes[event["type"]](new, event, event["data"])
    new["version"] = version
    new["time"] = event["time"]
    new["recorded"] = event["recordedtime"]
    new["position"] = event["position"]
    return new
