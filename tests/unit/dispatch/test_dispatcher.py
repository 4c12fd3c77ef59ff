"""The dispatcher: one outcome for one request, stale readers told, others' changes read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from commands.activities import interaction
from commands.dispatch.dispatcher import HANDLERS, MAX_ATTEMPTS, Outcome
from domain.customers.customer.commands import ChangeCustomer, MergeCustomers, RegisterCustomer
from domain.events.event import Event
from domain.kernel.errors import (
    AlreadyClaimed,
    ChangedAgain,
    ConcurrentChange,
    Invalid,
    KeyReused,
    MoveRefused,
    RequestInProgress,
    TimeRefused,
)
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.record_types import BY_COMMAND, RECORD_TYPES
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.commands import ChangeAmount, MoveStage, OpenOpportunity, WinOpportunity
from domain.sales.product.commands import RegisterProduct
from tests.support.memory import ACTOR, START, Desk

OPEN = OpenOpportunity(pipeline="sales")


def usd(amount: int) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def before_recording(desk: Desk, act: Callable[[], object], times: int) -> None:
    """Lets somebody else act just before each of the next recordings, as another process would."""
    record = desk.crm.record
    left = [times]

    def slow(events: Sequence[Event], **options: Any) -> list[int]:
        if left[0] > 0:
            left[0] -= 1
            desk.crm.record = record  # type: ignore[method-assign]
            act()
            desk.crm.record = slow  # type: ignore[method-assign]
        return record(events, **options)

    desk.crm.record = slow  # type: ignore[method-assign]


def test_an_outcome_names_the_record_its_version_and_its_position() -> None:
    desk = Desk()
    opened = desk.do(OPEN)
    assert opened == Outcome(id=opened.id, version=1, position=1, ids=(opened.id,), replayed=False)
    assert desk.do(WinOpportunity(id=opened.id)).position == 2


def test_events_say_who_when_and_in_what_connection() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    event = desk.crm.events(id)[0]
    assert (event.actor, event.correlation, event.cause) == (ACTOR, UUID(int=0xC), None)
    assert (event.time, event.recorded) == (START, START)


def test_who_expects_another_version_is_told_before_anything_else() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    desk.do(WinOpportunity(id=id), expected_version=1)
    with pytest.raises(ConcurrentChange, match="is at version 2, not 1") as refusal:
        desk.do(WinOpportunity(id=id), expected_version=1)
    assert (refusal.value.expected, refusal.value.found) == (1, 2)
    with pytest.raises(MoveRefused):
        desk.do(WinOpportunity(id=id), expected_version=2)


def test_who_expects_a_version_is_told_when_somebody_comes_in_between() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    before_recording(desk, lambda: desk.do(MoveStage(id=id, stage="proposal")), 1)
    with pytest.raises(ConcurrentChange):
        desk.do(ChangeAmount(id=id, amount=usd(5)), expected_version=1)
    assert len(desk.crm.stored) == 2


def test_who_expects_nothing_has_it_decided_again() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    before_recording(desk, lambda: desk.do(MoveStage(id=id, stage="proposal")), 1)
    outcome = desk.do(MoveStage(id=id, stage="negotiation"))
    assert outcome.version == 3
    assert desk.crm.events(id)[-1].payload.from_stage == "proposal"


def test_what_was_decided_again_can_be_refused_by_then() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    before_recording(desk, lambda: desk.do(WinOpportunity(id=id)), 1)
    with pytest.raises(MoveRefused, match="The opportunity is won"):
        desk.do(MoveStage(id=id, stage="proposal"))


def test_it_gives_up_when_others_never_stop() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    amounts = iter(range(1, 100))

    def another() -> None:
        desk.do(ChangeAmount(id=id, amount=usd(next(amounts))))

    before_recording(desk, another, 99)
    with pytest.raises(ChangedAgain, match=f"each of the {MAX_ATTEMPTS} attempts") as refusal:
        desk.do(MoveStage(id=id, stage="proposal"))
    assert len(desk.crm.stored) == 1 + MAX_ATTEMPTS
    assert (refusal.value.expected, refusal.value.found) == (MAX_ATTEMPTS, MAX_ATTEMPTS + 1)
    assert f"at version {MAX_ATTEMPTS + 1}, not {MAX_ATTEMPTS}" in str(refusal.value)


def test_who_expects_a_version_of_one_record_is_not_told_of_another_ones() -> None:
    desk = Desk()
    loser, survivor = (desk.do(RegisterCustomer(kind="organisation", name=name)).id for name in "AB")
    tagged = ChangeCustomer(id=survivor, add_tags=("key account",))
    before_recording(desk, lambda: desk.do(tagged), 1)
    merge = MergeCustomers(id=loser, survivor_id=survivor)
    assert desk.do(merge, expected_version=1).ids == (loser, survivor)
    assert [event.originator_version for event in desk.crm.events(survivor)] == [1, 2, 3]


def test_the_same_key_and_request_give_the_same_outcome_and_record_nothing() -> None:
    desk = Desk()
    first = desk.do(OPEN, key="k", request=b"open")
    desk.later()
    again = desk.do(OPEN, key="k", request=b"open")
    assert again == Outcome(id=first.id, version=1, position=1, ids=(first.id,), replayed=True)
    assert len(desk.crm.stored) == 1
    won = desk.do(WinOpportunity(id=first.id), expected_version=1, key="w", request=b"win")
    assert won.replayed is False
    late = desk.do(WinOpportunity(id=first.id), expected_version=1, key="w", request=b"win")
    assert (late.version, late.position, late.replayed) == (2, 2, True)


def test_a_key_keeps_the_outcome_of_what_changed_nothing() -> None:
    desk = Desk()
    id = desk.do(OpenOpportunity(pipeline="sales", amount=usd(1))).id
    same = ChangeAmount(id=id, amount=usd(1))
    assert desk.do(same, key="k", request=b"r").position == 0
    desk.do(ChangeAmount(id=id, amount=usd(2)))
    again = desk.do(same, key="k", request=b"r")
    assert (again.replayed, again.position) == (True, 0)
    assert desk.crm.load("opportunity", opportunity.evolve, id).amount == usd(2)


def test_a_key_with_another_request_is_refused() -> None:
    desk = Desk()
    desk.do(OPEN, key="k", request=b"open")
    with pytest.raises(KeyReused):
        desk.do(OPEN, key="k", request=b"open something else")


def test_a_refusal_is_not_kept_under_its_key() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    desk.do(WinOpportunity(id=id))
    move = MoveStage(id=id, stage="proposal")
    for _ in range(2):
        with pytest.raises(MoveRefused):
            desk.do(move, key="k", request=b"move")


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Invalid, match="idempotency key"):
        Desk().do(OPEN, key=key)


@pytest.mark.parametrize(
    "met", [ConcurrentChange(id="x", expected=1, found=2), RequestInProgress()], ids=lambda met: met.code
)
def test_of_two_equal_requests_at_once_the_second_gets_the_firsts_outcome(met: Exception) -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    command = WinOpportunity(id=id)
    record = desk.crm.record

    def second(events: Sequence[Event], **options: Any) -> list[int]:
        record(events, **options)
        raise met

    desk.crm.record = second  # type: ignore[method-assign]
    outcome = desk.do(command, expected_version=1, key="k", request=b"win")
    assert (outcome.version, outcome.replayed) == (2, True)


def test_what_the_same_request_did_first_refuses_no_second_one() -> None:
    """The second one looks for an answer before there is one, and decides when the first one is done."""
    desk = Desk()
    id = desk.do(OPEN).id
    command = WinOpportunity(id=id)
    load = desk.crm.load

    def late(*words: Any) -> Any:
        desk.crm.load = load  # type: ignore[method-assign]
        desk.do(command, key="k", request=b"win")
        return load(*words)

    desk.crm.load = late  # type: ignore[assignment, method-assign]
    outcome = desk.do(command, key="k", request=b"win")
    assert (outcome.version, outcome.replayed, len(desk.crm.stored)) == (2, True, 2)


def test_a_request_that_is_still_running_is_told_so() -> None:
    desk = Desk()

    def running(events: Sequence[Event], **options: Any) -> list[int]:
        raise RequestInProgress

    desk.crm.record = running  # type: ignore[method-assign]
    with pytest.raises(RequestInProgress):
        desk.do(OPEN, key="k", request=b"open")


def test_an_external_id_belongs_to_one_record() -> None:
    desk = Desk()
    reference = Reference(source="shop", external_id=" 7 ")
    first = desk.do(OpenOpportunity(pipeline="sales", reference=reference)).id
    with pytest.raises(AlreadyClaimed, match=str(first)) as refusal:
        desk.do(RegisterProduct(name="X", list_price=usd(1), reference=reference))
    assert refusal.value.id == first
    assert desk.crm.events(first)[0].payload.references == (Reference(source="shop", external_id="7"),)


def test_a_given_id_that_is_taken_is_refused_and_not_tried_again() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    with pytest.raises(ConcurrentChange):
        desk.do(OpenOpportunity(pipeline="sales", id=id))
    assert len(desk.crm.stored) == 1


def test_a_named_time_is_kept_in_utc_and_the_recording_time_is_the_clocks() -> None:
    desk = Desk()
    paris = timezone(timedelta(hours=1))
    id = desk.do(OpenOpportunity(pipeline="sales", at=datetime(2017, 1, 1, 1, tzinfo=paris))).id
    event = desk.crm.events(id)[0]
    assert event.time.isoformat() == "2017-01-01T00:00:00+00:00"
    assert event.recorded == START


def test_times_never_go_back_when_the_clock_does() -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    desk.now = START - timedelta(hours=1)
    desk.do(WinOpportunity(id=id))
    last = desk.crm.events(id)[-1]
    assert (last.time, last.recorded) == (START, START)


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        (START + timedelta(seconds=6), "lies more than 5 seconds ahead of the clock"),
        (START - timedelta(seconds=1), "precedes the record's last event"),
    ],
)
def test_a_time_out_of_bounds_is_refused(at: datetime, sentence: str) -> None:
    desk = Desk()
    id = desk.do(OPEN).id
    with pytest.raises(TimeRefused, match=sentence):
        desk.do(WinOpportunity(id=id, at=at))
    desk.do(WinOpportunity(id=id, at=START + timedelta(seconds=5)))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(Invalid, match="has no time zone"):
        Desk().do(OpenOpportunity(pipeline="sales", at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_every_command_is_frozen_and_belongs_to_one_record_type() -> None:
    assert all(command.__dataclass_params__.frozen for command in BY_COMMAND)  # type: ignore[attr-defined]
    assert len(BY_COMMAND) == sum(len(each.commands) for each in RECORD_TYPES)
    assert set(HANDLERS) - {interaction.TakeInteraction} <= set(BY_COMMAND)
