"""The fold of `service_history`: stories of cases, as rows."""

from __future__ import annotations

from typing import Any

import pytest

from domain.events.catalogue import CATALOGUE
from projections.runtime.projection import OutOfOrder, Row
from projections.service_history.v1.fold import CHANGES, COLUMNS, fold

CASE = "00000000-0000-0000-0000-00000000c05e"
OPENED = {"kind": "incident", "state": "new", "priority": 3, "imported": True, "queue": "net"}


def at(minute: int) -> str:
    """An instant of 2026-01-01, as events spell it."""
    return f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}:00.000000Z"


def story(*steps: tuple[int, str, dict[str, Any]]) -> Row:
    """The row after these events: minute, what happened, data."""
    row: Row | None = None
    for number, (minute, what, data) in enumerate(steps, start=1):
        row = fold(
            row,
            {
                "id": f"{CASE}:{number}", "type": f"crm.case.{what}", "subject": CASE, "partitionkey": CASE,
                "sequence": f"{number:010d}", "time": at(minute), "recordedtime": at(1000 + minute),
                "position": 10 * number, "data": data,
            },
        )  # fmt: skip
    assert row is not None
    return row


def test_an_opened_case_is_open_and_answered_by_nobody() -> None:
    row = story((0, "opened", OPENED))
    assert set(row) == set(COLUMNS)
    assert (row["state"], row["open"], row["priority"], row["queue"]) == ("new", True, 3, "net")
    assert row["opened_at"] == row["state_entered_at"] == at(0)
    assert row["responded_at"] is row["resolved_at"] is row["closed_at"] is None


def test_the_first_response_is_what_was_said_first() -> None:
    row = story((0, "opened", OPENED), (4, "responded", {}), (9, "responded", {}))
    assert row["responded_at"] == at(4)


def test_without_a_response_it_is_the_first_time_that_somebody_took_it_up() -> None:
    moved = {"from_state": "new", "to_state": "in_progress", "skipped": []}
    assigned = {"queue": "net", "from_state": "new", "to_state": "assigned"}
    assert story((0, "opened", OPENED), (5, "assigned", assigned))["responded_at"] is None
    assert story((0, "opened", OPENED), (7, "state_changed", moved))["responded_at"] == at(7)


def test_waiting_on_the_customer_is_counted_and_waiting_on_others_is_not() -> None:
    def to(state: str) -> dict[str, Any]:
        return {"from_state": "new", "to_state": state, "skipped": []}

    row = story(
        (0, "opened", OPENED),
        (10, "state_changed", to("waiting_on_customer")),
        (25, "state_changed", to("in_progress")),
        (30, "state_changed", to("waiting_on_third_party")),
        (50, "state_changed", to("waiting_on_customer")),
        (52, "resolved", {"from_state": "waiting_on_customer", "skipped": []}),
    )
    assert row["held_us"] == (15 + 2) * 60 * 1_000_000
    assert row["held_since"] is None
    assert row["resolved_at"] == at(52)


def test_while_it_waits_the_hold_is_open() -> None:
    row = story(
        (0, "opened", OPENED),
        (10, "state_changed", {"from_state": "new", "to_state": "waiting_on_customer", "skipped": []}),
        (20, "priority_changed", {"old": 3, "new": 1}),
    )
    assert (row["held_since"], row["held_us"], row["priority"]) == (at(10), 0, 1)


def test_a_reopened_case_keeps_its_first_resolution_and_gets_another() -> None:
    row = story(
        (0, "opened", OPENED),
        (10, "resolved", {"from_state": "new", "code": "restart", "skipped": []}),
        (20, "closed", {"from_state": "resolved", "code": "code 5", "reported_sla": True, "skipped": []}),
        (30, "reopened", {"from_state": "closed", "to_state": "in_progress"}),
    )
    assert (row["open"], row["resolved_at"], row["closed_at"], row["reopened"]) == (True, None, None, 1)
    assert row["first_resolved_at"] == at(10)
    ended = story(
        (0, "opened", OPENED),
        (10, "resolved", {"from_state": "new", "skipped": []}),
        (30, "reopened", {"from_state": "resolved", "to_state": "in_progress"}),
        (40, "resolved", {"from_state": "in_progress", "cause": "cable", "skipped": []}),
        (50, "closed", {"from_state": "resolved", "reported_sla": False, "skipped": []}),
    )
    assert (ended["first_resolved_at"], ended["resolved_at"], ended["closed_at"]) == (at(10), at(40), at(50))
    assert (ended["reported_sla"], ended["cause"], ended["reopened"]) == (False, "cable", 1)


def test_a_close_without_a_resolution_resolves() -> None:
    row = story((0, "opened", OPENED), (9, "closed", {"from_state": "new", "skipped": ["resolved"]}))
    assert row["first_resolved_at"] == row["resolved_at"] == row["closed_at"] == at(9)
    assert row["reported_sla"] is None


def test_a_case_that_came_resolved_was_resolved_when_it_came() -> None:
    row = story((5, "opened", {**OPENED, "state": "resolved"}))
    assert (row["open"], row["resolved_at"], row["responded_at"]) == (False, at(5), at(5))


def test_rejected_and_duplicate_are_neither_open_nor_resolved() -> None:
    for what, data in (
        ("rejected", {"from_state": "new"}),
        ("duplicated", {"from_state": "new", "of": CASE}),
    ):
        row = story((0, "opened", OPENED), (3, what, data))
        assert (row["open"], row["resolved_at"]) == (False, None)


def test_details_change_what_they_name() -> None:
    changes = [
        {"field": "category", "old": "a", "new": "b"},
        {"field": "cause", "old": "c"},
        {"field": "attributes.impact", "new": "high"},
    ]
    opened = {**OPENED, "category": "a", "cause": "c", "product": "p"}
    row = story((0, "opened", opened), (1, "details_changed", {"changes": changes}))
    assert (row["category"], row["cause"], row["product"], row["changes"]) == ("b", None, "p", 1)


def test_linking_names_another_customer_and_keeps_the_party() -> None:
    row = story((0, "opened", OPENED), (1, "customer_linked", {"customer_id": "x"}))
    assert (row["customer_id"], row["party"]) == ("x", CASE)


def test_an_event_out_of_order_is_not_folded() -> None:
    second = {"id": "x", "type": "crm.case.responded", "sequence": "0000000002", "data": {}}
    row = story((0, "opened", OPENED), (1, "responded", {}))
    for before in (None, row):
        with pytest.raises(OutOfOrder):
            fold(before, second)


def test_every_event_of_a_case_is_known() -> None:
    assert set(CHANGES) == {kind.name for kind in CATALOGUE.types if kind.family == "case"}
