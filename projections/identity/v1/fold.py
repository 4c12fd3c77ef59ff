"""The fold of `identity`: one row per party that is a customer or an opportunity opened without one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from projections.projection import EventMap, Key, OutOfOrder, Projection, Row, Table

COLUMNS: Final = {
    "party": "uuid",
    "kind": "text",
    "target": "uuid",
    "since": "timestamptz",
    "version": "int",
    "position": "bigint",
}

KINDS: Final = {
    "crm.customer.registered": "customer",
    "crm.customer.merged_into": "customer",
    "crm.customer.unmerged": "customer",
    "crm.opportunity.opened": "opportunity",
    "crm.opportunity.customer_linked": "opportunity",
}


def touches(event: EventMap) -> Sequence[Key]:
    """The party's row, where the event says whose party it is.

    An opportunity opened for a customer stands in the customer's party, and giving it another customer later
    moves that one opportunity, not the party: such events touch nothing here.
    """
    if event["type"] in KINDS and event["subject"] == event["partitionkey"]:
        return (event["partitionkey"],)
    return ()


def _target(data: dict[str, Any], kind: str) -> str | None:
    if kind == "crm.customer.merged_into":
        survivor: str = data["survivor_id"]
        return survivor
    if kind in ("crm.opportunity.opened", "crm.opportunity.customer_linked"):
        return data.get("customer_id")
    return None


def fold(row: Row | None, event: EventMap) -> Row:
    """The party's link after the event. Raises `OutOfOrder` for one before those already applied."""
    version = int(event["sequence"])
    if row is not None and version <= row["version"]:
        raise OutOfOrder(f"{event['id']} came after version {row['version']}")
    kind = event["type"]
    return {
        "party": event["partitionkey"],
        "kind": KINDS[kind],
        "target": _target(event["data"], kind),
        "since": event["time"],
        "version": version,
        "position": event["position"],
    }


IDENTITY_V1: Final = Projection(
    name="identity",
    version=1,
    families=("customer", "opportunity"),
    tables=(Table(name="link", columns=COLUMNS, key="party", touches=touches, fold=fold, own=True),),
    folder=Path(__file__).parent,
    views=("identity",),
)
