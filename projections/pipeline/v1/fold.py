"""The fold of `pipeline`: one row per opportunity, which only its own events write."""

from __future__ import annotations

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
    "pipeline": "text",
    "stage": "text",
    "outcome": "text",
    "probability": "int",
    "probability_overridden": "boolean",
    "amount": "numeric",
    "currency": "text",
    "rate": "numeric",
    "customer_id": "uuid",
    "owner_id": "uuid",
    "product_id": "uuid",
    "forecast_category": "text",
    "expected_close": "date",
    "opened_at": "timestamptz",
    "stage_entered_at": "timestamptz",
    "closed_at": "timestamptz",
    "lost_reason": "text",
    "competitor": "text",
    "imported": "boolean",
    "team": "jsonb",
    "products": "jsonb",
}
_EMPTY: Final = dict.fromkeys(COLUMNS)


def _money(row: Data, money: Data | None) -> None:
    """Sets an amount with its currency and rate; an event without an amount changes nothing."""
    if money is not None:
        row["amount"] = money["amount"]
        row["currency"] = money["currency"]
        row["rate"] = money.get("rate", "1")


def _opened(row: Data, event: EventMap, data: Data) -> None:
    row.update(_EMPTY)
    row["id"] = event["subject"]
    row["party"] = event["partitionkey"]
    row["pipeline"] = data["pipeline"]
    row["stage"] = data["stage"]
    row["outcome"] = "open"
    row["probability"] = data["probability"]
    row["probability_overridden"] = False
    _money(row, data.get("amount"))
    row["customer_id"] = data.get("customer_id")
    row["owner_id"] = data.get("owner_id")
    row["product_id"] = data.get("product_id")
    row["forecast_category"] = data["forecast_category"]
    row["expected_close"] = data.get("expected_close")
    row["opened_at"] = row["stage_entered_at"] = event["time"]
    row["imported"] = data["imported"]


def _enter(row: Data, event: EventMap, data: Data, probability: int) -> None:
    row["stage"] = data["to_stage"]
    row["stage_entered_at"] = event["time"]
    row["probability"] = probability
    row["probability_overridden"] = False


def _stage_changed(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, data, data["probability"])


def _won(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, data, 100)
    _money(row, data.get("amount"))
    row["outcome"] = "won"
    row["closed_at"] = event["time"]


def _lost(row: Data, event: EventMap, data: Data) -> None:
    _enter(row, event, data, 0)
    _money(row, data.get("amount"))
    row["outcome"] = "lost"
    row["closed_at"] = event["time"]
    row["lost_reason"] = data["reason"]
    row["competitor"] = data.get("competitor")


def _reopened(row: Data, event: EventMap, data: Data) -> None:
    # The earlier close stays readable in opportunity_version.
    _enter(row, event, data, data["probability"])
    row["outcome"] = "open"
    row["closed_at"] = row["lost_reason"] = row["competitor"] = None


def _amount_changed(row: Data, _: EventMap, data: Data) -> None:
    _money(row, data["new"])


def _customer_linked(row: Data, _: EventMap, data: Data) -> None:
    row["customer_id"] = data["customer_id"]


def _owner_assigned(row: Data, _: EventMap, data: Data) -> None:
    row["owner_id"] = data["owner_id"]


def _team_changed(row: Data, _: EventMap, data: Data) -> None:
    row["team"] = data["member_ids"]


def _products_changed(row: Data, _: EventMap, data: Data) -> None:
    row["products"] = data["items"]


def _close_date_changed(row: Data, _: EventMap, data: Data) -> None:
    row["expected_close"] = data["new"]


def _forecast_category_changed(row: Data, _: EventMap, data: Data) -> None:
    row["forecast_category"] = data["new"]


def _probability_overridden(row: Data, _: EventMap, data: Data) -> None:
    row["probability"] = data["new"]
    row["probability_overridden"] = True


CHANGES: Final[dict[str, Change]] = {
    "crm.opportunity.opened": _opened,
    "crm.opportunity.stage_changed": _stage_changed,
    "crm.opportunity.amount_changed": _amount_changed,
    "crm.opportunity.customer_linked": _customer_linked,
    "crm.opportunity.owner_assigned": _owner_assigned,
    "crm.opportunity.team_changed": _team_changed,
    "crm.opportunity.products_changed": _products_changed,
    "crm.opportunity.close_date_changed": _close_date_changed,
    "crm.opportunity.forecast_category_changed": _forecast_category_changed,
    "crm.opportunity.probability_overridden": _probability_overridden,
    "crm.opportunity.won": _won,
    "crm.opportunity.lost": _lost,
    "crm.opportunity.reopened": _reopened,
}


def fold(row: Row | None, event: EventMap) -> Row:
    """Returns the opportunity's row after the event. Raises `OutOfOrder`, or `KeyError` for an unknown event
    type or member."""
    return next_version(row, event, CHANGES)
