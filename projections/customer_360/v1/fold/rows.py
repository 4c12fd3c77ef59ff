"""Shared code of the folds of `customer_360`: the order of an aggregate's events, and values of many rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from projections.runtime.projection import EventMap, Key, OutOfOrder, Row

Data = dict[str, Any]
Change = Callable[[Data, EventMap, Data], None]
"""Changes a fresh copy of the row (first argument) by the event and its data."""


def next_version(row: Row | None, event: EventMap) -> int:
    """Returns the event's version. Raises `OutOfOrder` unless it is the next after the row's."""
    version = int(event["sequence"])
    known = row["version"] if row else 0
    if version != known + 1:
        raise OutOfOrder(f"{event['id']} came after version {known}")
    return version


def later_version(row: Row | None, event: EventMap) -> int:
    """Returns the event's version, for a row that only some events of its aggregate touch. Raises
    `OutOfOrder`."""
    version = int(event["sequence"])
    if row is not None and version <= row["version"]:
        raise OutOfOrder(f"{event['id']} came after version {row['version']}")
    return version


def subject_of(family: str) -> Callable[[EventMap], Sequence[Key]]:
    """Returns a function for the key of the aggregate's row, for events of this family."""
    return partial(_subject_of, f"crm.{family}.")


def _subject_of(prefix: str, event: EventMap) -> Sequence[Key]:
    return (event["subject"],) if event["type"].startswith(prefix) else ()


def folding(
    columns: Mapping[str, str], changes: Mapping[str, Change], *, unmoved: frozenset[str] = frozenset()
) -> Callable[[Row | None, EventMap], Row]:
    """Returns a fold of one row per aggregate: `changes` by event type, `unmoved` types that do not change
    it.

    The fold raises `OutOfOrder` for an event that is not the next, `KeyError` for a type or a member that
    this version does not know: in both cases a row would be wrong.
    """

    return partial(_folded, dict.fromkeys(columns), changes, unmoved)


def _folded(
    empty: Data,
    changes: Mapping[str, Change],
    unmoved: frozenset[str],
    row: Row | None,
    event: EventMap,
) -> Row:
    version = next_version(row, event)
    # A copy is much faster than a new dictionary made key by key.
    new: Data = empty.copy() if row is None else dict(row)
    kind = event["type"]
    if kind not in unmoved:
        changes[kind](new, event, event["data"])
    new["version"] = version
    new["position"] = event["position"]
    new["recorded"] = event["recordedtime"]
    return new


def money(row: Data, value: Data | None) -> None:
    """Sets an amount with its currency and rate; an event without an amount changes nothing."""
    if value is not None:
        row["amount"] = value["amount"]
        row["currency"] = value["currency"]
        row["rate"] = value.get("rate", "1")


def applied(changes: Sequence[Data], field: str, old: Any) -> Any:
    """Returns a field's value after the changes."""
    for change in changes:
        if change["field"] == field:
            old = change.get("new")
    return old
