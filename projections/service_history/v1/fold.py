"""The fold of `service_history`: one row per case, which only its own events write.

- First response: the first `responded`, else the first time that somebody took the case up (in progress,
  resolved, closed), since imported logs have no more.
- Resolved: the resolution; a case that was closed without one is resolved by its close.
- `held_us`: the time spent waiting on the customer, in microseconds; `held_since` while it waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from projections.runtime.projection import EventMap, Row
from projections.runtime.versioned import Change, Data, next_version

COLUMNS: Final = {
    "id": "uuid",
    "version": "int",
    "party": "uuid",
    "time": "timestamptz",
    "recorded": "timestamptz",
    "position": "bigint",
    "kind": "text",
    "state": "text",
    "open": "boolean",
    "priority": "int",
    "escalation": "int",
    "channel": "text",
    "customer_id": "uuid",
    "queue": "text",
    "owner_id": "uuid",
    "category": "text",
    "product": "text",
    "cause": "text",
    "opened_at": "timestamptz",
    "state_entered_at": "timestamptz",
    "responded_at": "timestamptz",
    "first_resolved_at": "timestamptz",
    "resolved_at": "timestamptz",
    "closed_at": "timestamptz",
    "held_since": "timestamptz",
    "held_us": "bigint",
    "reopened": "int",
    "resolution_code": "text",
    "close_code": "text",
    "reported_sla": "boolean",
    "duplicate_of": "uuid",
    "imported": "boolean",
    "changes": "int",
}
_EMPTY: Final = dict.fromkeys(COLUMNS)

OPEN: Final = frozenset({"new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party"})
TAKEN_UP: Final = frozenset({"in_progress", "resolved", "closed"})
RESOLVED: Final = frozenset({"resolved", "closed"})
HELD: Final = "waiting_on_customer"
_MICROSECOND: Final = timedelta(microseconds=1)


def _enter(row: Data, event: EventMap, state: str) -> None:
    """Enters a state, and starts or stops the clocks."""
    now = event["time"]
    since = row["held_since"]
    if since is not None and state != HELD:
        held = datetime.fromisoformat(now) - datetime.fromisoformat(since)
        row["held_us"] += held // _MICROSECOND
        row["held_since"] = None
    elif since is None and state == HELD:
        row["held_since"] = now
    row["state"] = state
    row["open"] = state in OPEN
    row["state_entered_at"] = now
    if state in TAKEN_UP and row["responded_at"] is None:
        row["responded_at"] = now
    if state in RESOLVED:
        row["first_resolved_at"] = row["first_resolved_at"] or now
        row["resolved_at"] = row["resolved_at"] or now
    if state == "closed":
        row["closed_at"] = now


def _opened(row: Data, event: EventMap, data: Data) -> None:
    row.update(_EMPTY)
    row["id"] = event["subject"]
    row["party"] = event["partitionkey"]
    row["opened_at"] = event["time"]
    row["escalation"] = row["held_us"] = row["reopened"] = row["changes"] = 0
    for name in ("kind", "priority", "imported"):
        row[name] = data[name]
    for name in ("channel", "customer_id", "queue", "owner_id", "category", "product", "cause"):
        row[name] = data.get(name)
    _enter(row, event, data["state"])


def _assigned(row: Data, event: EventMap, data: Data) -> None:
    row["queue"] = data.get("queue")
    row["owner_id"] = data.get("owner_id")
    if "to_state" in data:
        _enter(row, event, data["to_state"])


def _state_changed(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, data["to_state"])


def _priority_changed(row: Data, _: EventMap, data: Data) -> None:
    row["priority"] = data["new"]


def _escalated(row: Data, _: EventMap, data: Data) -> None:
    row["escalation"] = data["new"]


def _details_changed(row: Data, _: EventMap, data: Data) -> None:
    for change in data["changes"]:
        name = change["field"]
        if name in ("kind", "channel", "category", "product", "cause"):
            row[name] = change.get("new")
    row["changes"] += 1


def _responded(row: Data, event: EventMap, _: Data) -> None:
    row["responded_at"] = row["responded_at"] or event["time"]


def _resolved(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, "resolved")
    row["resolution_code"] = data.get("code")
    row["cause"] = data.get("cause", row["cause"])


def _closed(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, "closed")
    row["close_code"] = data.get("code")
    row["reported_sla"] = data.get("reported_sla", row["reported_sla"])


def _reopened(row: Data, event: EventMap, data: Data) -> None:
    # The earlier resolution stays readable in case_version, the first one here.
    row["resolved_at"] = row["closed_at"] = None
    _enter(row, event, data["to_state"])
    row["reopened"] += 1


def _rejected(row: Data, event: EventMap, _: Data) -> None:
    _enter(row, event, "rejected")


def _duplicated(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, "duplicate")
    row["duplicate_of"] = data["of"]


def _customer_linked(row: Data, _: EventMap, data: Data) -> None:
    row["customer_id"] = data["customer_id"]


CHANGES: Final[dict[str, Change]] = {
    "crm.case.opened": _opened,
    "crm.case.assigned": _assigned,
    "crm.case.state_changed": _state_changed,
    "crm.case.priority_changed": _priority_changed,
    "crm.case.escalated": _escalated,
    "crm.case.details_changed": _details_changed,
    "crm.case.responded": _responded,
    "crm.case.resolved": _resolved,
    "crm.case.closed": _closed,
    "crm.case.reopened": _reopened,
    "crm.case.rejected": _rejected,
    "crm.case.duplicated": _duplicated,
    "crm.case.customer_linked": _customer_linked,
}


def fold(row: Row | None, event: EventMap) -> Row:
    """Returns the case's row after the event. Raises `OutOfOrder`, or `KeyError` for an unknown event type or
    member."""
    return next_version(row, event, CHANGES)
