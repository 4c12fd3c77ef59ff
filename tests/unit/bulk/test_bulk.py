"""Histories in bulk: the same handlers and refusals, whole runs, and a second run that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from commands.bulk.recorder import LIMIT, BulkOutcome, BulkRecorder, History
from commands.dispatch.decision import Targeted
from commands.store.claims import Claim
from commands.store.contact_index import ContactPoint
from domain.customers.customer.commands import RegisterCustomer
from domain.directory.principal.commands import RegisterPrincipal
from domain.events.event import Event
from domain.kernel.errors import ChangedSinceImport, EventTooLarge, MoveRefused, NotFound, TimeRefused
from domain.kernel.values import Reference
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.commands import (
    AssignOwner,
    LoseOpportunity,
    MoveStage,
    OpenOpportunity,
    WinOpportunity,
)
from tests.support.memory import START, Desk

PAST = START - timedelta(days=900)


def id_of(history: History) -> UUID:
    assert history.claim is not None
    return history.claim.id


class Importing:
    """An import on a desk; each run has a recorder of its own."""

    def __init__(self) -> None:
        self.desk = Desk()

    def run(self, *histories: History) -> list[BulkOutcome]:
        recorder = BulkRecorder(self.desk.commands, self.desk.claim_table, self.desk.context())
        return recorder.record(histories)

    def deal(self, name: str, *more: Targeted, digest: bytes = b"d", **opened: Any) -> History:
        """An opportunity that opened in the past; `more` are given its id."""
        id = self.desk.new_id()
        first = OpenOpportunity(pipeline="sales", id=id, at=PAST, imported=True, **opened)
        rest = tuple(replace(command, id=id) for command in more)  # type: ignore[type-var]
        return History(commands=(first, *rest), claim=Claim("test", name, id, digest))

    def customer(self, name: str, **more: Any) -> History:
        id = self.desk.new_id()
        reference = Reference(source="test", external_id=f"customer {name}")
        command = RegisterCustomer(
            kind="organisation", name=name, id=id, at=PAST, reference=reference, **more
        )
        return History(commands=(command,), claim=Claim("test", f"customer {name}", id, b"d"))


SOME = UUID(int=0)
WON = WinOpportunity(id=SOME, at=PAST + timedelta(days=3))
TWICE = (WON, WON)


def test_a_history_is_recorded_as_its_commands_would_be_one_by_one() -> None:
    importing = Importing()
    move = MoveStage(id=SOME, stage="negotiation", at=PAST + timedelta(days=1))
    history = importing.deal("A", move, WON)
    assert importing.run(history) == [BulkOutcome(state="created", id=id_of(history), version=3, position=3)]

    single = Desk()
    for command in history.commands:
        single.do(command)
    bulk_events = importing.desk.crm.events()
    assert bulk_events == single.crm.events()
    assert [event.time for event in bulk_events] == [PAST, PAST + timedelta(days=1), PAST + timedelta(days=3)]
    assert {event.recorded for event in bulk_events} == {START}
    assert importing.desk.crm.transactions == [3]


def test_a_second_run_changes_nothing_whatever_happened_since() -> None:
    importing = Importing()
    first = importing.deal("A")
    importing.run(first)
    importing.desk.do(WinOpportunity(id=id_of(first)))
    assert importing.run(importing.deal("A")) == [BulkOutcome(state="unchanged", id=id_of(first))]
    assert len(importing.desk.crm.stored) == 2


def test_a_row_that_changed_since_fails_and_names_the_record() -> None:
    importing = Importing()
    first = importing.deal("A")
    importing.run(first)
    (outcome,) = importing.run(importing.deal("A", digest=b"other"))
    assert (outcome.state, outcome.id) == ("failed", id_of(first))
    assert isinstance(outcome.error, ChangedSinceImport)
    assert str(id_of(first)) in str(outcome.error)


def test_a_record_that_was_not_imported_is_not_taken_for_a_row() -> None:
    importing = Importing()
    reference = Reference(source="test", external_id="A")
    importing.desk.do(OpenOpportunity(pipeline="sales", reference=reference))
    (outcome,) = importing.run(importing.deal("A"))
    assert outcome.state == "failed"


def test_a_bad_history_leaves_nothing_and_holds_up_no_other() -> None:
    importing = Importing()
    early = WinOpportunity(id=SOME, at=PAST - timedelta(days=1))
    rain = LoseOpportunity(id=SOME, reason="price")
    outcomes = importing.run(
        importing.deal("good 1", WON),
        importing.deal("twice won", *TWICE),
        importing.deal("closed before opening", early),
        importing.deal("unknown customer", customer_id=UUID(int=9)),
        importing.deal("won, then lost", WON, rain),
        importing.deal("good 2"),
    )
    assert [outcome.state for outcome in outcomes] == [
        "created", "failed", "failed", "failed", "failed", "created",
    ]  # fmt: skip
    assert [type(outcome.error) for outcome in outcomes[1:5]] == [
        MoveRefused, TimeRefused, NotFound, MoveRefused,
    ]  # fmt: skip
    assert len(importing.desk.crm.stored) == 3
    assert sorted(id for _, id in importing.desk.claims.rows) == ["good 1", "good 2"]


def test_a_history_may_refer_to_those_before_it() -> None:
    importing = Importing()
    bubba = importing.customer("Bubba")
    isdom = importing.customer("Isdom", parent_id=id_of(bubba))
    deal = importing.deal("A", customer_id=id_of(isdom))
    assert [outcome.state for outcome in importing.run(bubba, isdom, deal)] == ["created"] * 3
    assert importing.desk.crm.transactions == [3]


def test_the_claim_carries_the_digest_also_where_the_command_names_the_reference() -> None:
    importing = Importing()
    importing.run(importing.customer("Isdom"))
    assert importing.desk.claims.rows["test", "customer Isdom"].source_digest == b"d"
    payload = importing.desk.crm.events()[0].payload
    assert payload.references == (Reference(source="test", external_id="customer Isdom"),)


def test_the_same_row_twice_in_one_run_is_taken_once() -> None:
    importing = Importing()
    first = importing.deal("A")
    outcomes = importing.run(first, importing.deal("A"), importing.deal("A", digest=b"other"))
    assert [(outcome.state, outcome.id) for outcome in outcomes] == [
        ("created", id_of(first)),
        ("unchanged", id_of(first)),
        ("failed", id_of(first)),
    ]


def test_whole_histories_go_into_transactions_of_at_most_10_000_events() -> None:
    importing = Importing()
    owners = [importing.desk.do(RegisterPrincipal(kind="agent", name=name)).id for name in "AB"]
    importing.desk.crm.transactions.clear()
    swaps = [AssignOwner(id=SOME, owner_id=owners[n % 2], at=PAST) for n in range(3)]
    histories = [importing.deal(f"{n}", *swaps) for n in range(2_503)]
    outcomes = importing.run(*histories)
    assert {outcome.state for outcome in outcomes} == {"created"}
    assert importing.desk.crm.transactions == [LIMIT, 12]


def test_one_event_that_is_too_large_fails_its_history_alone() -> None:
    importing = Importing()
    large = {f"name {n}": "é" * 500 for n in range(600)}
    parent = importing.customer("Large", attributes=large)
    outcomes = importing.run(
        importing.customer("Small"),
        parent,
        importing.customer("Child", parent_id=id_of(parent)),
        importing.customer("Last"),
    )
    assert [outcome.state for outcome in outcomes] == ["created", "failed", "failed", "created"]
    assert isinstance(outcomes[1].error, EventTooLarge)
    assert isinstance(outcomes[2].error, NotFound), "It leans on a record that was never made."


@pytest.mark.parametrize(("digest", "state"), [(b"d", "unchanged"), (b"other", "failed")])
def test_another_run_at_the_same_time_may_have_been_first(digest: bytes, state: str) -> None:
    importing = Importing()
    others = importing.deal("B", digest=digest)
    record = importing.desk.crm.record_bulk
    done: list[bool] = []

    def slow(
        events: Sequence[Event],
        claims: Sequence[Claim] = (),
        contact_points: Sequence[ContactPoint] = (),
        idempotency: Sequence[Any] = (),
    ) -> list[int]:
        if not done:
            done.append(True)
            importing.run(others)
        return record(events, claims, contact_points, idempotency)

    importing.desk.crm.record_bulk = slow  # type: ignore[method-assign]
    outcomes = importing.run(importing.deal("A"), importing.deal("B"), importing.deal("C"))
    assert [outcome.state for outcome in outcomes] == ["created", state, "created"]
    assert outcomes[1].id == id_of(others)
    assert len(importing.desk.crm.stored) == 3


def test_a_run_that_was_killed_goes_on_where_it_stood() -> None:
    importing = Importing()
    importing.run(importing.deal("A", WON))
    outcomes = importing.run(importing.deal("A", WON), importing.deal("B", WON))
    assert [outcome.state for outcome in outcomes] == ["unchanged", "created"]
    for claim in importing.desk.claims.rows.values():
        state = importing.desk.crm.load("opportunity", opportunity.evolve, claim.id)
        assert state.outcome == "won"


def test_what_is_referred_to_is_read_once() -> None:
    importing = Importing()
    owner = importing.desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    importing.desk.crm.loads = 0
    importing.run(*(importing.deal(f"{n}", owner_id=owner) for n in range(50)))
    assert importing.desk.crm.loads == 1


def test_a_history_that_changes_another_record_is_a_mistake_of_the_program() -> None:
    importing = Importing()
    other = importing.desk.do(OpenOpportunity(pipeline="sales")).id
    id = importing.desk.new_id()
    history = History(
        commands=(OpenOpportunity(pipeline="sales", id=id), WinOpportunity(id=other)),
        claim=Claim("test", "A", id, b"d"),
    )
    with pytest.raises(ValueError, match="changes another one"):
        importing.run(history)
