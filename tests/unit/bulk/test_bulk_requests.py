"""Bulk for requests: keys that answer again, records that are there are changed, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from commands.bulk.recorder import LIMIT, BulkOutcome, BulkRecorder, History, HistoryFailed
from commands.dispatch.decision import Targeted
from commands.store.claims import Claim
from commands.store.incarnation import RecoveryNeeded
from domain.activities.interaction.commands import RecordInteraction
from domain.customers.customer.commands import ChangeCustomer, RegisterCustomer
from domain.customers.customer.state import evolve
from domain.kernel.errors import (
    AlreadyRecorded,
    ConcurrentChange,
    EventTooLarge,
    Invalid,
    KeyReused,
    NotFound,
    RequestInProgress,
)
from domain.kernel.repository import Repository
from domain.kernel.values import Reference
from tests.support.memory import Desk


def run(desk: Desk, *histories: History, whole: bool = False) -> list[BulkOutcome]:
    recorder = BulkRecorder(desk.commands, desk.claim_table, desk.context())
    return recorder.record(histories, whole=whole)


def call(name: str, key: str | None = None, *, channel: str = "phone", **more: Any) -> History:
    """An interaction under a reference."""
    reference = Reference(source="test", external_id=name)
    command = RecordInteraction(
        kind="call", direction="inbound", channel=channel, reference=reference, **more
    )
    return History(commands=(command,), key=key, request=f"{name} {channel}".encode())


def wish(desk: Desk, name: str, *tags: str, key: str | None = None, **attributes: str) -> History:
    """A customer that is to have these tags."""
    id = desk.new_id()
    reference = Reference(source="test", external_id=name)

    def change(repository: Repository, id: UUID) -> Targeted:
        repository.load("customer", id)
        return ChangeCustomer(id=id, add_tags=tags)

    first = RegisterCustomer(
        kind="organisation", name=name, id=id, tags=tags, reference=reference, attributes=attributes
    )
    return History(
        commands=(first,), claim=Claim("test", name, id), change=change, key=key, request=name.encode()
    )


def states(outcomes: Sequence[BulkOutcome]) -> list[str]:
    return [outcome.state for outcome in outcomes]


def tags_of(desk: Desk, outcome: BulkOutcome) -> set[str]:
    assert outcome.id is not None
    return set(desk.crm.load("customer", evolve, outcome.id).tags)


def before_recording(desk: Desk, act: Callable[[], object], times: int = 1) -> None:
    """Lets somebody else act just before each of the next bulk transactions."""
    record = desk.crm.record_bulk
    left = [times]

    def slow(*words: Any) -> list[int]:
        if left[0]:
            left[0] -= 1
            desk.crm.record_bulk = record  # type: ignore[method-assign]
            act()
            desk.crm.record_bulk = slow  # type: ignore[assignment, method-assign]
        return record(*words)

    desk.crm.record_bulk = slow  # type: ignore[assignment, method-assign]


def test_a_key_gives_the_first_outcome_again() -> None:
    desk = Desk()
    histories = [call("1", "k/0"), call("1", "k/1"), wish(desk, "Acme", key="k/2")]
    first = run(desk, *histories)
    assert states(first) == ["created", "unchanged", "created"]
    assert [outcome.position for outcome in first] == [1, 0, 2]
    assert states(run(desk, wish(desk, "Acme", "new"))) == ["updated"]
    again = run(desk, *histories[:2], wish(desk, "Acme", key="k/2"))
    assert states(again) == ["created", "unchanged", "created"]
    assert [(each.id, each.position) for each in again] == [(each.id, each.position) for each in first]
    assert len(desk.crm.stored) == 3


def test_a_key_with_another_request_fails_its_item_alone() -> None:
    desk = Desk()
    run(desk, call("1", "k/0"))
    reused, other = run(desk, call("2", "k/0"), call("3", "k/1"))
    assert isinstance(reused.error, KeyReused)
    assert other.state == "created"


def test_the_same_key_serves_one_by_one_and_in_bulk() -> None:
    desk = Desk()
    history = call("1", "k")
    single = desk.do(history.commands[0], key="k", request=history.request)
    (outcome,) = run(desk, history)
    assert (outcome.state, outcome.id, outcome.position) == ("created", single.id, single.position)
    run(desk, call("2", "l"))
    second = call("2", "l")
    again = desk.do(second.commands[0], key="l", request=second.request)
    assert (again.replayed, again.version, again.position) == (True, 1, 2)


def test_the_same_request_at_once_has_one_outcome() -> None:
    desk = Desk()
    histories = [call("1", "k/0"), wish(desk, "Acme", key="k/1")]
    first: list[BulkOutcome] = []
    before_recording(desk, lambda: first.extend(run(desk, *histories)))
    second = run(desk, call("1", "k/0"), wish(desk, "Acme", key="k/1"))
    assert second == first
    assert states(second) == ["created", "created"]
    assert len(desk.crm.stored) == 2


def test_one_that_runs_for_too_long_is_told_for_all_at_once() -> None:
    """Waiting for each item's key in turn would take two seconds for each of a thousand."""
    desk = Desk()
    tried: list[int] = []

    def running(events: Sequence[Any], *_: Any) -> list[int]:
        tried.append(len(events))
        raise RequestInProgress

    desk.crm.record_bulk = running  # type: ignore[method-assign, assignment]
    with pytest.raises(RequestInProgress):
        run(desk, *(call(f"{n}", f"k/{n}") for n in range(50)))
    assert tried == [50]


def test_a_store_that_needs_recovery_is_told_for_all_at_once() -> None:
    desk = Desk()
    tried: list[int] = []

    def refuses(events: Sequence[Any], *_: Any) -> list[int]:
        tried.append(len(events))
        raise RecoveryNeeded

    desk.crm.record_bulk = refuses  # type: ignore[method-assign, assignment]
    with pytest.raises(RecoveryNeeded):
        run(desk, call("1"), call("2"))
    assert tried == [2]


def test_what_is_there_is_changed_and_what_is_so_stays() -> None:
    desk = Desk()
    (made,) = run(desk, wish(desk, "Acme", "a"))
    changed, same, new = run(desk, wish(desk, "Acme", "b"), wish(desk, "Acme", "a"), wish(desk, "Bolt"))
    assert states([changed, same, new]) == ["updated", "unchanged", "created"]
    assert {made.id, changed.id, same.id} == {made.id}
    assert [each.version for each in (made, changed, same, new)] == [1, 2, 2, 1]
    assert tags_of(desk, made) == {"a", "b"}


def test_an_item_sees_what_those_before_it_did_to_the_same_record() -> None:
    desk = Desk()
    outcomes = run(desk, wish(desk, "Acme", "a"), wish(desk, "Acme", "b"), wish(desk, "Acme", "c"))
    assert states(outcomes) == ["created", "updated", "updated"]
    assert [each.version for each in outcomes] == [1, 2, 3]
    assert tags_of(desk, outcomes[0]) == {"a", "b", "c"}


def test_a_change_that_is_refused_takes_nothing_from_those_before_and_after_it() -> None:
    desk = Desk()
    outcomes = run(desk, wish(desk, "Acme", "a"), wish(desk, "Acme", " "), wish(desk, "Acme", "c"))
    assert states(outcomes) == ["created", "failed", "updated"]
    assert tags_of(desk, outcomes[0]) == {"a", "c"}


def test_an_item_that_leans_on_one_that_could_not_be_written_makes_the_record_itself() -> None:
    desk = Desk()
    large = {f"name {n}": "é" * 500 for n in range(600)}
    outcomes = run(desk, wish(desk, "Acme", "a", **large), wish(desk, "Acme", "b"))
    assert states(outcomes) == ["failed", "created"]
    assert isinstance(outcomes[0].error, EventTooLarge)
    assert tags_of(desk, outcomes[1]) == {"b"}


def test_what_others_change_in_between_is_read_again() -> None:
    desk = Desk()
    (made,) = run(desk, wish(desk, "Acme", "a"))
    before_recording(desk, lambda: run(desk, wish(desk, "Acme", "b")))
    updated, created = run(desk, wish(desk, "Acme", "c"), wish(desk, "Bolt"))
    assert states([updated, created]) == ["updated", "created"]
    assert updated.version == 3
    assert tags_of(desk, made) == {"a", "b", "c"}


def test_who_others_never_let_through_fails_alone() -> None:
    desk = Desk()
    (made,) = run(desk, wish(desk, "Acme"))
    numbers = iter(range(100))
    before_recording(desk, lambda: run(desk, wish(desk, "Acme", f"tag {next(numbers)}")), 99)
    failed, created = run(desk, wish(desk, "Acme", "late"), wish(desk, "Bolt"))
    assert isinstance(failed.error, ConcurrentChange)
    assert created.state == "created"
    assert "late" not in tags_of(desk, made)


def test_whole_is_one_transaction_also_where_items_meet() -> None:
    desk = Desk()
    outcomes = run(desk, wish(desk, "Acme", "a"), call("1"), wish(desk, "Acme", "b"), call("1"), whole=True)
    assert states(outcomes) == ["created", "created", "updated", "unchanged"]
    assert desk.crm.transactions == [3]
    assert tags_of(desk, outcomes[0]) == {"a", "b"}


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (call("2", channel=" "), Invalid),
        (call("2", customer_id=UUID(int=9)), NotFound),
        (call("known", channel="web"), AlreadyRecorded),
        (call("2", "used"), KeyReused),
    ],
    ids=["by-itself", "unknown-customer", "recorded-before", "key"],
)
def test_whole_names_the_first_that_failed_and_leaves_nothing(bad: History, error: type[Exception]) -> None:
    desk = Desk()
    run(desk, call("known"), call("other", "used"))
    with pytest.raises(HistoryFailed) as failed:
        run(desk, call("1", "k"), wish(desk, "Acme"), bad, call("3", customer_id=UUID(int=9)), whole=True)
    assert (failed.value.index, type(failed.value.error)) == (2, error)
    assert len(desk.crm.stored) == 2
    assert states(run(desk, call("1", "k"), wish(desk, "Acme"), whole=True)) == ["created", "created"]


def test_whole_names_the_one_that_cannot_be_written() -> None:
    desk = Desk()
    large = {f"name {n}": "é" * 500 for n in range(600)}
    with pytest.raises(HistoryFailed) as failed:
        run(desk, call("1"), wish(desk, "Small"), wish(desk, "Large", **large), call("2"), whole=True)
    assert (failed.value.index, type(failed.value.error)) == (2, EventTooLarge)
    assert not desk.crm.stored


def test_whole_reads_again_what_others_changed_and_names_whom_they_never_let_through() -> None:
    desk = Desk()
    (made,) = run(desk, wish(desk, "Acme"))
    before_recording(desk, lambda: run(desk, wish(desk, "Acme", "theirs")))
    assert states(run(desk, call("1"), wish(desk, "Acme", "ours"), whole=True)) == ["created", "updated"]
    assert tags_of(desk, made) == {"theirs", "ours"}
    numbers = iter(range(100))
    before_recording(desk, lambda: run(desk, wish(desk, "Acme", f"tag {next(numbers)}")), 99)
    with pytest.raises(HistoryFailed) as failed:
        run(desk, call("2"), wish(desk, "Acme", "late"), whole=True)
    assert (failed.value.index, type(failed.value.error)) == (1, ConcurrentChange)


def test_whole_is_at_most_one_transaction_long() -> None:
    desk = Desk()
    with pytest.raises(HistoryFailed, match=f"more than {LIMIT:,} events"):
        run(desk, *(call(f"{n}") for n in range(LIMIT + 1)), whole=True)
    assert not desk.crm.stored


def test_a_change_of_another_record_is_a_mistake_of_the_program() -> None:
    desk = Desk()
    run(desk, wish(desk, "Acme"))
    other = desk.do(RegisterCustomer(kind="organisation", name="Other")).id
    history = wish(desk, "Acme")
    astray = History(
        commands=history.commands,
        claim=history.claim,
        change=lambda *_: ChangeCustomer(id=other, add_tags=("x",)),
    )
    with pytest.raises(ValueError, match="changes another one"):
        run(desk, astray)
