"""The fold of `shared_row`: one row per party, the events of its customer and of its deals counted apart."""

from __future__ import annotations

from collections.abc import Sequence

from projections.runtime.projection import EventMap, Row


def party(event: EventMap) -> Sequence[str]:
    """The row of an event."""
    return (event["partitionkey"],)


def fold(row: Row | None, event: EventMap) -> Row:
    """One more event. Nothing in it is tolerant: an event too many or too few shows, from either topic."""
    before = row or {"customers": 0, "deals": 0, "last": 0}
    of_customer = event["type"].startswith("crm.customer.")
    return {
        "party": event["partitionkey"],
        "customers": before["customers"] + of_customer,
        "deals": before["deals"] + (not of_customer),
        "last": max(before["last"], event["position"]),
    }
