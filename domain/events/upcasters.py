"""Upcasters: from the data of one schema version to the next. Pure, total, without private values."""

from __future__ import annotations

from typing import Any


def product_registered_1_to_2(data: dict[str, Any]) -> dict[str, Any]:
    """A bare price and its currency become a list price that is money; references did not exist."""
    kept = {name: value for name, value in data.items() if name not in ("price", "currency")}
    return {
        **kept,
        "list_price": {"amount": data["price"], "currency": data["currency"]},
        "references": [],
    }


def case_rejected_1_to_2(data: dict[str, Any]) -> dict[str, Any]:
    """Nothing changes: the note, which is private, did not exist."""
    return data


def customer_registered_1_to_2(data: dict[str, Any]) -> dict[str, Any]:
    """Preferences did not exist: none are known."""
    return {**data, "preferences": {}}
