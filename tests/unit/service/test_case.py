"""Case: every move out of every state, what imported history may leap, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.kernel.errors import DomainError, Invalid, MoveRefused
from domain.kernel.values import FieldChange
from domain.service.case import commands as c
from domain.service.case import state as case
from domain.service.case.state import Case
from tests.support.memory import START, Desk

WAITING = {"waiting_on_customer", "waiting_on_third_party"}
OPEN = {"new", "assigned", "in_progress"} | WAITING
STATES = sorted(OPEN | {"resolved", "closed", "rejected", "duplicate"})
SOME = UUID(int=0)

# What each command may be done in, written out beside the program's own table.
MOVES: dict[str, tuple[Any, set[str]]] = {
    "to new": (c.MoveCase(id=SOME, to_state="new"), {"new"} | WAITING),
    "to assigned": (c.MoveCase(id=SOME, to_state="assigned"), {"new", "assigned"} | WAITING),
    "to in progress": (
        c.MoveCase(id=SOME, to_state="in_progress"),
        {"assigned", "in_progress"} | WAITING,
    ),
    "to waiting": (
        c.MoveCase(id=SOME, to_state="waiting_on_customer"),
        OPEN - {"waiting_on_third_party"},
    ),
    "assign": (c.AssignCase(id=SOME, queue="second line"), OPEN),
    "priority": (c.ChangeCasePriority(id=SOME, priority=1), OPEN),
    "escalate": (c.EscalateCase(id=SOME, level=2), OPEN),
    "details": (c.ChangeCaseDetails(id=SOME, cause="wear"), OPEN | {"resolved", "closed"}),
    "respond": (c.RespondToCase(id=SOME), OPEN),
    "resolve": (c.ResolveCase(id=SOME), OPEN),
    "close": (c.CloseCase(id=SOME), {"resolved"}),
    "reopen": (c.ReopenCase(id=SOME), {"resolved", "closed"}),
    "reject": (c.RejectCase(id=SOME, reason="spam"), OPEN),
    "imported move": (c.MoveCase(id=SOME, to_state="new", imported=True), OPEN),
    "imported close": (c.CloseCase(id=SOME, imported=True, reported_sla=True), OPEN | {"resolved"}),
    "imported assign": (c.AssignCase(id=SOME, queue="x", imported=True), set(STATES)),
    "imported priority": (
        c.ChangeCasePriority(id=SOME, priority=1, imported=True),
        OPEN | {"resolved", "closed"},
    ),
}


def opened(desk: Desk, state: Any = "new", **more: Any) -> UUID:
    id: UUID = desk.do(c.OpenCase(kind="incident", state=state, imported=state != "new", **more)).id
    return id


def state(desk: Desk, id: UUID) -> Case:
    return desk.crm.load("case", case.evolve, id)


def last(desk: Desk, id: UUID) -> Any:
    return desk.crm.events(id)[-1].payload


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("name", MOVES)
def test_a_case_allows_what_the_table_says_and_nothing_else(name: str, start: str) -> None:
    command, allowed = MOVES[name]
    desk = Desk()
    id = opened(desk, start)
    command = replace(command, id=id)
    if start in allowed:
        desk.do(command)
        return
    with pytest.raises(MoveRefused, match=f"The case is {start}; it cannot ") as refusal:
        desk.do(command)
    assert str(refusal.value).endswith(".")
    assert len(desk.crm.events(id)) == 1


@pytest.mark.parametrize(
    ("start", "command", "skipped"),
    [
        ("new", c.MoveCase(id=SOME, to_state="in_progress", imported=True), ("assigned",)),
        (
            "waiting_on_customer",
            c.MoveCase(id=SOME, to_state="waiting_on_third_party", imported=True),
            ("in_progress",),
        ),
        ("in_progress", c.MoveCase(id=SOME, to_state="new", imported=True), ()),
        ("assigned", c.MoveCase(id=SOME, to_state="in_progress"), ()),
        ("new", c.ResolveCase(id=SOME, imported=True), ()),
        ("waiting_on_customer", c.CloseCase(id=SOME, imported=True), ("resolved",)),
        ("resolved", c.CloseCase(id=SOME), ()),
    ],
)
def test_what_imported_history_leaps_over_is_recorded(
    start: str, command: Any, skipped: tuple[str, ...]
) -> None:
    desk = Desk()
    id = opened(desk, start)
    desk.do(replace(command, id=id))
    assert last(desk, id).skipped == skipped


@pytest.mark.parametrize(
    ("start", "skipped"),
    [
        ("new", ()),
        ("assigned", ("new",)),
        ("in_progress", ("new", "assigned")),
        ("waiting_on_customer", ("new",)),
        ("resolved", ("new",)),
        ("closed", ("new", "assigned", "in_progress", "resolved")),
    ],
)
def test_history_that_begins_in_the_middle_says_what_came_before(
    start: str, skipped: tuple[str, ...]
) -> None:
    desk = Desk()
    assert last(desk, opened(desk, start)).skipped == skipped


def test_an_assignment_moves_a_new_case_and_an_imported_one_does_not() -> None:
    desk = Desk()
    id, logged = opened(desk, queue="first line"), opened(desk)
    desk.do(c.AssignCase(id=id, queue="second line"))
    desk.do(c.AssignCase(id=logged, queue="second line", imported=True))
    payload = last(desk, id)
    assert (payload.queue, payload.previous_queue) == ("second line", "first line")
    assert (payload.from_state, payload.to_state) == ("new", "assigned")
    assert (state(desk, id).state, state(desk, logged).state) == ("assigned", "new")
    desk.do(c.AssignCase(id=id, remove=("queue",)))
    assert (last(desk, id).queue, state(desk, id).queue) == (None, None)


def test_every_resolution_stays_when_it_is_reopened() -> None:
    desk = Desk()
    id = opened(desk)
    desk.do(c.ResolveCase(id=id, code="c1", cause="wear", note="Changed the part."))
    desk.later(days=1)
    desk.do(c.ReopenCase(id=id))
    desk.later(days=1)
    desk.do(c.ResolveCase(id=id, code="c2"))
    desk.do(c.CloseCase(id=id))
    kept = state(desk, id)
    assert [(each.code, each.time - START, each.from_state) for each in kept.resolutions] == [
        ("c1", timedelta(0), "new"),
        ("c2", timedelta(days=2), "in_progress"),
    ]
    assert (kept.reopened, kept.cause, kept.state) == (1, "wear", "closed")
    assert b"Changed" not in b"".join(encoded for _, _, encoded in desk.crm.stored)


def test_details_tell_the_old_and_the_new_value() -> None:
    desk = Desk()
    id = opened(desk, product="GTX", attributes={"impact": "2"})
    desk.do(
        c.ChangeCaseDetails(
            id=id, product="MG", attributes={"impact": "1", "urgency": "1"}, remove=("channel",)
        )
    )
    assert last(desk, id).changes == (
        FieldChange(field="product", old="GTX", new="MG"),
        FieldChange(field="attributes.impact", old="2", new="1"),
        FieldChange(field="attributes.urgency", new="1"),
    )
    assert (state(desk, id).product, state(desk, id).attributes) == ("MG", {"impact": "1", "urgency": "1"})


def test_the_first_response_alone_counts() -> None:
    desk = Desk()
    id = opened(desk)
    desk.do(c.RespondToCase(id=id))
    desk.later(hours=1)
    assert desk.do(c.RespondToCase(id=id)).position == 0
    assert state(desk, id).responded == START


def test_a_duplicate_names_the_other_which_is_none_itself() -> None:
    desk = Desk()
    one, two, three = (opened(desk) for _ in range(3))
    desk.do(c.MarkDuplicate(id=two, of=one))
    assert (state(desk, two).state, state(desk, two).duplicate_of) == ("duplicate", one)
    with pytest.raises(Invalid, match=f"is itself a duplicate of {one}"):
        desk.do(c.MarkDuplicate(id=three, of=two))
    with pytest.raises(Invalid, match="a duplicate of itself"):
        desk.do(c.MarkDuplicate(id=three, of=three))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (c.OpenCase(kind="fire", priority=1), "There is no kind of case 'fire'"),  # type: ignore[arg-type]
        (c.OpenCase(kind="incident", state="closed"), "A case is opened as new, not as closed"),
        (c.OpenCase(kind="incident", state="gone", imported=True), "There is no state 'gone'"),  # type: ignore[arg-type]
        (c.OpenCase(kind="incident", priority=0), "The priority 0 is not between 1 and 4"),
        (c.OpenCase(kind="incident", logged_at=START), "Only imported history has a log's own stamp"),
        (
            c.OpenCase(kind="incident", imported=True, logged_at=datetime(2016, 2, 29)),  # noqa: DTZ001
            "has no time zone",
        ),
        (c.EscalateCase(id=SOME, level=10), "The escalation level 10 is not between 0 and 9"),
        (c.RejectCase(id=SOME, reason="rain"), "There is no reason 'rain'. Name one of: not-ours, out-"),
        (c.AssignCase(id=SOME), "The case is given to nobody"),
        (c.AssignCase(id=SOME, remove=("cause",)), "No field 'cause' of a case can be removed by assi"),
        (c.ChangeCaseDetails(id=SOME, remove=("queue",)), "No field 'queue' of a case"),
        (c.MoveCase(id=SOME, to_state="closed"), "A case cannot be moved to 'closed'"),
        (c.CloseCase(id=SOME, reported_sla=True), "The case is new; it cannot be closed"),
    ],
)
def test_what_a_case_cannot_be_is_told_in_a_sentence(command: Any, told: str) -> None:
    desk = Desk()
    id = opened(desk)
    if hasattr(command, "id"):
        command = replace(command, id=id)
    with pytest.raises(DomainError) as refusal:
        desk.do(command)
    assert told in str(refusal.value)


def test_a_log_alone_reports_its_verdict_and_keeps_its_stamp() -> None:
    desk = Desk()
    id = opened(desk, "resolved")
    with pytest.raises(Invalid, match="Only an imported log reports how the SLA ended"):
        desk.do(c.CloseCase(id=id, reported_sla=False))
    stamp = datetime(2016, 2, 29, 1, 16, tzinfo=UTC)
    desk.do(c.CloseCase(id=id, reported_sla=False, imported=True, logged_at=stamp))
    assert (last(desk, id).reported_sla, last(desk, id).logged_at) == (False, stamp)
