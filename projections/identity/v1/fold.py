"""The fold of `identity`: whose a party is, and which single records were given to another customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from projections.record_families import given_events, link_members
from projections.runtime.projection import EventMap, Key, OutOfOrder, Row

LINK: Final = {
    "party": "uuid",
    "kind": "text",
    "target": "uuid",
    "since": "timestamptz",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
}

MOVED: Final = {
    "id": "uuid",
    "kind": "text",
    "party": "uuid",
    "customer_id": "uuid",
    "since": "timestamptz",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
}

TARGETS: Final = link_members()
"""Event type to the member of its data that names the party it belongs to from then on, if any."""

GIVEN: Final = given_events()


def own_party(event: EventMap) -> Sequence[Key]:
    """Returns the party's key, if the event says whose party it is.

    A record opened for a customer is in the customer's party, so its events do not change the party's row.
    """
    if event["type"] in TARGETS and event["subject"] == event["partitionkey"]:
        return (event["partitionkey"],)
    return ()


def within_another(event: EventMap) -> Sequence[Key]:
    """Returns the key of a record in a customer's party that goes to another customer: it moves alone."""
    if event["type"] in GIVEN and event["subject"] != event["partitionkey"]:
        return (event["subject"],)
    return ()


def _later(row: Row | None, event: EventMap) -> int:
    version = int(event["sequence"])
    if row is not None and version <= row["version"]:
        raise OutOfOrder(f"{event['id']} came after version {row['version']}")
    return version


def link(row: Row | None, event: EventMap) -> Row:
    """Returns the party's link after the event. Raises `OutOfOrder` for an event before the applied ones."""
    version = _later(row, event)
    target = TARGETS[event["type"]]
    return {
        "party": event["partitionkey"],
        "kind": event["type"].split(".")[1],
        "target": event["data"].get(target) if target else None,
        "since": event["time"],
        "version": version,
        "position": event["position"],
        "recorded": event["recordedtime"],
    }


def moved(row: Row | None, event: EventMap) -> Row:
    """Returns the record's row, with its customer, after the event. Raises `OutOfOrder` for an event before
    the applied ones."""
    return {
        "id": event["subject"],
        "kind": event["type"].split(".")[1],
        "party": event["partitionkey"],
        "customer_id": event["data"]["customer_id"],
        "since": event["time"],
        "version": _later(row, event),
        "position": event["position"],
        "recorded": event["recordedtime"],
    }
