"""Folds of work with a customer: opportunities, cases, interactions, as they are now."""

from __future__ import annotations

from typing import Final

from projections.customer_360.v1.fold.rows import Change, Data, applied, folding, money
from projections.runtime.projection import EventMap

OPPORTUNITY: Final = {
    "id": "uuid",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
    "party": "uuid",
    "customer_id": "uuid",
    "pipeline": "text",
    "stage": "text",
    "outcome": "text",
    "amount": "numeric",
    "currency": "text",
    "rate": "numeric",
    "owner_id": "uuid",
    "expected_close": "date",
    "opened_at": "timestamptz",
    "closed_at": "timestamptz",
}


def _begun(row: Data, event: EventMap, data: Data) -> None:
    row["id"] = event["subject"]
    row["party"] = event["partitionkey"]
    row["customer_id"] = data.get("customer_id")


def _opened(row: Data, event: EventMap, data: Data) -> None:
    _begun(row, event, data)
    row["pipeline"] = data["pipeline"]
    row["stage"] = data["stage"]
    row["outcome"] = "open"
    money(row, data.get("amount"))
    row["owner_id"] = data.get("owner_id")
    row["expected_close"] = data.get("expected_close")
    row["opened_at"] = event["time"]


def _stage_changed(row: Data, _: EventMap, data: Data) -> None:
    row["stage"] = data["to_stage"]


def _closed(row: Data, event: EventMap, data: Data) -> None:
    row["stage"] = data["to_stage"]
    row["outcome"] = event["type"].rsplit(".", 1)[1]
    row["closed_at"] = event["time"]
    money(row, data.get("amount"))


def _reopened(row: Data, _: EventMap, data: Data) -> None:
    row["stage"], row["outcome"], row["closed_at"] = data["to_stage"], "open", None


def _amount_changed(row: Data, _: EventMap, data: Data) -> None:
    money(row, data["new"])


def _customer_linked(row: Data, _: EventMap, data: Data) -> None:
    row["customer_id"] = data["customer_id"]


def _owner_assigned(row: Data, _: EventMap, data: Data) -> None:
    row["owner_id"] = data["owner_id"]


def _close_date_changed(row: Data, _: EventMap, data: Data) -> None:
    row["expected_close"] = data["new"]


opportunity: Final = folding(
    OPPORTUNITY,
    {
        "crm.opportunity.opened": _opened,
        "crm.opportunity.stage_changed": _stage_changed,
        "crm.opportunity.amount_changed": _amount_changed,
        "crm.opportunity.customer_linked": _customer_linked,
        "crm.opportunity.owner_assigned": _owner_assigned,
        "crm.opportunity.close_date_changed": _close_date_changed,
        "crm.opportunity.won": _closed,
        "crm.opportunity.lost": _closed,
        "crm.opportunity.reopened": _reopened,
    },
    unmoved=frozenset(
        f"crm.opportunity.{name}"
        for name in (
            "team_changed",
            "products_changed",
            "forecast_category_changed",
            "probability_overridden",
        )
    ),
)
"""The opportunity's row after one of its events."""

CASE: Final = {
    "id": "uuid",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
    "party": "uuid",
    "customer_id": "uuid",
    "kind": "text",
    "state": "text",
    "is_open": "boolean",
    "priority": "int",
    "queue": "text",
    "owner_id": "uuid",
    "category": "text",
    "product": "text",
    "opened_at": "timestamptz",
}

ENDED: Final = frozenset({"resolved", "closed", "rejected", "duplicate"})


def _enter(row: Data, state: str) -> None:
    row["state"], row["is_open"] = state, state not in ENDED


def _case_opened(row: Data, event: EventMap, data: Data) -> None:
    _begun(row, event, data)
    row["kind"] = data["kind"]
    _enter(row, data["state"])
    row["priority"] = data["priority"]
    for field in ("queue", "owner_id", "category", "product"):
        row[field] = data.get(field)
    row["opened_at"] = event["time"]


def _assigned(row: Data, _: EventMap, data: Data) -> None:
    row["queue"], row["owner_id"] = data.get("queue"), data.get("owner_id")
    if "to_state" in data:
        _enter(row, data["to_state"])


def _state_changed(row: Data, _: EventMap, data: Data) -> None:
    _enter(row, data["to_state"])


def _priority_changed(row: Data, _: EventMap, data: Data) -> None:
    row["priority"] = data["new"]


def _details_changed(row: Data, _: EventMap, data: Data) -> None:
    for field in ("kind", "category", "product"):
        row[field] = applied(data["changes"], field, row[field])


def _ended(row: Data, event: EventMap, _: Data) -> None:
    _enter(row, {"duplicated": "duplicate"}.get(last := event["type"].rsplit(".", 1)[1], last))


case: Final = folding(
    CASE,
    {
        "crm.case.opened": _case_opened,
        "crm.case.assigned": _assigned,
        "crm.case.state_changed": _state_changed,
        "crm.case.priority_changed": _priority_changed,
        "crm.case.details_changed": _details_changed,
        "crm.case.resolved": _ended,
        "crm.case.closed": _ended,
        "crm.case.rejected": _ended,
        "crm.case.duplicated": _ended,
        "crm.case.reopened": _state_changed,
        "crm.case.customer_linked": _customer_linked,
    },
    unmoved=frozenset({"crm.case.escalated", "crm.case.responded"}),
)
"""The case's row after one of its events."""

INTERACTION: Final = {
    "id": "uuid",
    "version": "int",
    "position": "bigint",
    "recorded": "timestamptz",
    "party": "uuid",
    "customer_id": "uuid",
    "contact_id": "uuid",
    "kind": "text",
    "direction": "text",
    "channel": "text",
    "occurred": "timestamptz",
    "duration_seconds": "int",
    "amount": "numeric",
    "currency": "text",
    "rate": "numeric",
    "survey_question": "text",
    "survey_score": "int",
    "opportunity_id": "uuid",
    "case_id": "uuid",
    "corrections": "int",
    "source": "text",
    "external_id": "text",
}


def _recorded(row: Data, event: EventMap, data: Data) -> None:
    _begun(row, event, data)
    for field in ("contact_id", "duration_seconds", "opportunity_id", "case_id"):
        row[field] = data.get(field)
    for field in ("kind", "direction", "channel"):
        row[field] = data[field]
    row["occurred"] = event["time"]
    money(row, data.get("amount"))
    survey = data.get("survey", {})
    row["survey_question"], row["survey_score"] = survey.get("question"), survey.get("score")
    row["corrections"] = 0
    row["source"] = data["reference"]["source"]
    row["external_id"] = data["reference"]["external_id"]


def _corrected(row: Data, _: EventMap, data: Data) -> None:
    changes = data["changes"]
    for field in ("direction", "channel", "contact_id"):
        row[field] = applied(changes, field, row[field])
    for column, field in (("duration_seconds", "duration_seconds"), ("survey_score", "score")):
        value = applied(changes, field, row[column])
        row[column] = None if value is None else int(value)
    money(row, data.get("amount"))
    row["corrections"] += 1


def _linked(row: Data, _: EventMap, data: Data) -> None:
    for field in ("opportunity_id", "case_id"):
        row[field] = data.get(field, row[field])


INTERACTIONS: Final[dict[str, Change]] = {
    "crm.interaction.recorded": _recorded,
    "crm.interaction.corrected": _corrected,
    "crm.interaction.customer_linked": _customer_linked,
    "crm.interaction.linked": _linked,
}

interaction: Final = folding(INTERACTION, INTERACTIONS)
"""The interaction's row after one of its events."""
