"""A read model of the tests in whose rows two topics meet: what a party's customer and its deals had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from projections.runtime.projection import EventMap, Projection, Row, Table


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
        "last": event["position"],
    }


SHARED_ROW_V1: Final = Projection(
    name="shared_row",
    version=1,
    families=("customer", "opportunity"),
    tables=(
        Table(
            name="party",
            columns={"party": "uuid", "customers": "int", "deals": "int", "last": "bigint"},
            key="party",
            keys_of=party,
            fold=fold,
        ),
    ),
    folder=Path(__file__).parent,
    views=("shared_row",),
)
