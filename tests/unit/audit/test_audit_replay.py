"""Histories replayed: states, differences, steps, groups and pages are what the events say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.audit.replay import EVOLVE, Fact, Moment, Step, diff, plain, state_at, steps
from commands.audit.text_format import difference_lines, field_lines, group_lines
from commands.audit.timeline import (
    Group,
    Period,
    data_of,
    event_json,
    group_json,
    grouped,
    page_of,
    state_json,
    step_json,
)
from commands.store.event_reader import StoredRow
from domain.kernel.as_of import AsOf
from domain.kernel.errors import Invalid, NotFound
from domain.privacy.history_export import HistoryExported
from domain.record_types import AUDITED
from tests.support import frozen_histories
from tests.support.memory import START
from tests.support.payloads import example, example_event
from tests.support.replayed import HistoriesInMemory, Sold


@cache
def sold() -> Sold:
    return Sold()


def closed() -> HistoriesInMemory:
    return HistoriesInMemory(sold().rows)


def opened() -> HistoriesInMemory:
    return HistoriesInMemory(sold().rows, cipher=sold().desk.crm.cipher)


def everything(histories: HistoriesInMemory) -> list[Group]:
    return grouped(page_of(histories, sold().scope, after=0, limit=100, full=True).steps)


def records() -> list[list[Fact]]:
    """Every record of the story, private values opened."""
    found: dict[Any, list[Fact]] = {}
    for row in sold().rows:
        fact = opened().fact(row)
        found.setdefault(row.aggregate_id, []).append(fact)
    return list(found.values())


def test_each_kind_can_be_replayed() -> None:
    assert {each.name for each in AUDITED} <= set(EVOLVE)


@pytest.mark.parametrize("kind", ["lead", "customer", "opportunity"])
def test_a_state_is_the_aggregate_at_each_version(kind: Any) -> None:
    id = getattr(sold(), kind)
    facts = opened().facts(kind, id)
    for version in range(1, len(facts) + 1):
        loaded = sold().desk.crm.load(kind, EVOLVE[kind], id, version)
        found = state_at(kind, id, facts, Moment(version=version))
        assert found.fields == plain(loaded)
        assert state_json(found)["version"] == version


def test_a_state_at_a_time_is_that_of_the_last_event_by_then() -> None:
    facts = closed().facts("lead", sold().lead)
    for fact in facts:
        for as_of in (AsOf(as_of=fact.event.time), AsOf(known_at=fact.event.recorded)):
            by_then = [other for other in facts if other.event.time <= fact.event.time]
            found = state_at("lead", sold().lead, facts, Moment(as_of=as_of))
            assert found.fact == by_then[-1]
    with pytest.raises(NotFound):
        state_at("lead", sold().lead, facts, Moment(as_of=AsOf(as_of=START - timedelta(seconds=1))))


def test_a_record_of_another_kind_and_a_version_that_never_was_are_refused() -> None:
    with pytest.raises(NotFound, match="There is no case"):
        closed().facts("case", sold().lead)
    with pytest.raises(NotFound, match="There is no case"):
        closed().require("case", sold().lead)
    with pytest.raises(Invalid, match="There is no version 5 of it: it has the versions 1 to 4"):
        Moment(version=5).of(closed().facts("lead", sold().lead))


def frozen() -> list[list[Fact]]:
    """Every record of the frozen histories that is whole, private values closed."""
    streams: dict[UUID, list[StoredRow]] = {}
    for name in frozen_histories.names(EVOLVE):
        for row in frozen_histories.history(name):
            streams.setdefault(row.aggregate_id, []).append(row)
    found = []
    for rows in streams.values():
        facts = [closed().fact(row) for row in rows]
        if facts[0].family in EVOLVE:
            with suppress(NotFound, KeyError):  # examples that stand alone
                list(steps(facts))
                found.append(facts)
    return found


def test_the_steps_of_any_record_add_up_to_what_it_is() -> None:
    """Law: from nothing, each change leads from the value before to the value after, and in the end to all
    that the record is."""
    everything = [*records(), *frozen()]
    assert {facts[0].family for facts in everything} == set(EVOLVE)
    for facts in everything:
        fields: dict[str, Any] = {}
        state = None
        for step in steps(facts):
            state = EVOLVE[facts[0].family](state, step.fact.event)
            for change in step.changes:
                assert change.before != change.after
                assert fields.get(change.field) == change.before or change.before == []
                fields[change.field] = change.after
        for name, value in plain(state).items():
            if isinstance(getattr(state, name), Mapping):
                assert {each: fields[f"{name}.{each}"] for each in value} == value
            elif name not in ("id", "version", "party", "time", "recorded"):
                assert fields.get(name) == value or value == []


def test_an_entry_named_by_several_parts_is_a_field_that_can_be_read() -> None:
    point, purpose = UUID(int=7), "news"
    assert plain({(point, purpose): START}) == {f"{point}/news": "2026-03-01T09:00:00.000000Z"}


def test_a_difference_names_the_event_that_made_it_and_what_was_changed_back() -> None:
    facts = closed().facts("opportunity", sold().opportunity)
    whole = {each.field: each for each in diff(facts, Moment(version=1), Moment())}

    assert (whole["outcome"].before, whole["outcome"].after) == ("open", "lost")
    assert [fact.type for fact in whole["outcome"].facts] == ["crm.opportunity.lost"]
    assert [fact.event.originator_version for fact in whole["amount"].facts] == [2, 3, 4]
    assert whole["amount"].before is None
    assert whole["amount"].after["amount"] == "10"

    (back,) = diff(facts, Moment(version=2), Moment(version=4))
    assert back.before == back.after
    assert "changed and changed back" in next(iter(difference_lines([back])))
    assert diff(facts, Moment(version=2), Moment(version=2)) == []
    with pytest.raises(Invalid, match="Swap them"):
        diff(facts, Moment(version=3), Moment(version=2))


def test_a_difference_between_times_is_that_between_their_versions() -> None:
    facts = closed().facts("opportunity", sold().opportunity)
    start, end = facts[1].event.time, facts[3].event.time
    between = diff(facts, Moment(as_of=AsOf(as_of=start)), Moment(as_of=AsOf(as_of=end)))
    assert between == diff(facts, Moment(version=2), Moment(version=4))


def test_a_change_of_a_closed_value_is_seen_and_nothing_of_the_value() -> None:
    told = str([group_json(group, full=True) for group in everything(closed())])
    lines = [line for group in everything(closed()) for line in group_lines(group, full=True)]
    for secret in ("Ada", "Lovelace", "ada@example.org", "Too dear"):
        assert secret not in told
        assert secret not in "\n".join(lines)
    changed = list(steps([closed().fact(row) for row in closed().streams([sold().contact])]))[-1]
    (change,) = changed.changes
    assert change.field == "name"
    assert change.before == {"closed": "not_opened", "of": f"{sold().contact}:1"}
    assert change.after == {"closed": "not_opened", "of": f"{sold().contact}:3"}


def test_opened_values_are_in_clear_and_erased_ones_say_so() -> None:
    rows = sold().rows
    cipher = type(sold().desk.crm.cipher)()
    histories = HistoriesInMemory(rows, cipher=cipher)
    assert state_at("lead", sold().lead, histories.facts("lead", sold().lead)).fields["name"] == "Ada"
    cipher.destroyed.add(sold().lead)
    found = state_at("lead", sold().lead, histories.facts("lead", sold().lead))
    assert found.fields["name"] == {"closed": "erased", "of": f"{sold().lead}:1"}
    assert any(line.endswith("(erased)") for line in field_lines(found.fields))


def test_what_one_request_did_is_one_group_in_order_with_its_reasons() -> None:
    groups = everything(closed())
    conversion = next(group for group in groups if len(group.steps) > 2)
    assert [step.fact.type for step in conversion.steps] == [
        "crm.lead.converted", "crm.customer.registered", "crm.contact.registered",
        "crm.contact.point_added", "crm.opportunity.opened",
    ]  # fmt: skip
    assert len({group.correlation for group in groups}) == len(groups)
    lost = group_json(groups[-1], full=False)["events"][0]
    assert lost["reasons"] == {"reason": "price"}
    assert "changes" not in lost
    assert next(iter(group_lines(groups[-1], full=False))).endswith("opportunity lost (reason: price)")


def test_a_group_names_the_event_outside_of_it_that_led_to_it() -> None:
    facts = closed().facts("lead", sold().lead)[:2]
    inner, outer = facts[0].event.id, "00000000-0000-0000-0000-00000000beef:7"
    caused = [
        type(fact)(fact.position, _with(fact.event, cause=cause))
        for fact, cause in zip(facts, (outer, inner), strict=True)
    ]
    (group,) = grouped(list(steps(caused)))
    assert group.cause == outer
    assert outer in next(iter(group_lines(group, full=True)))
    assert [event["cause"] for event in group_json(group, full=False)["events"]] == [outer, inner]


def test_a_group_that_nothing_outside_of_it_led_to_has_no_cause() -> None:
    first, second = closed().facts("lead", sold().lead)[:2]
    within = [
        Fact(fact.position, _with(fact.event, cause=cause))
        for fact, cause in ((first, None), (second, first.event.id))
    ]
    (group,) = grouped(list(steps(within)))
    assert group.cause is None


def test_what_a_new_record_does_not_have_is_no_change_of_it() -> None:
    opened_with = next(iter(steps(closed().facts("opportunity", sold().opportunity))))
    assert {change.field for change in opened_with.changes}.isdisjoint({"team", "items", "closes", "amount"})


def _with(event: Any, cause: str | None) -> Any:
    return replace(event, cause=cause, correlation=UUID(int=1))


@given(st.integers(1, 20))
def test_pages_of_any_size_are_the_whole_history_once(size: int) -> None:
    whole = page_of(closed(), sold().scope, after=0, limit=100, full=True)
    after, found = 0, list[Step]()
    while True:
        page = page_of(closed(), sold().scope, after=after, limit=size, full=True)
        found += page.steps
        if page.after is None:
            assert not page.as_of
            break
        assert len(page.steps) == size
        following = whole.steps[len(found)]
        assert page.as_of == (following.fact.event.correlation == found[-1].fact.event.correlation)
        after = page.after
    assert tuple(found) == whole.steps
    assert whole.after is None


def test_a_period_holds_its_start_and_not_its_end() -> None:
    times = sorted({step.fact.event.time for group in everything(closed()) for step in group.steps})
    page = page_of(
        closed(), sold().scope, after=0, limit=100, full=False, period=Period(start=times[1], end=times[3])
    )
    assert {step.fact.event.time for step in page.steps} == set(times[1:3])


def test_a_history_holds_what_was_given_to_it_and_not_what_was_given_away() -> None:
    scope = sold().scope
    given = type(scope)(
        kind="customer", id=sold().other, parties=(sold().other,), records=(sold().opportunity,)
    )
    assert {row.aggregate_id for row in closed().rows(given)} == {sold().other, sold().opportunity}
    without = type(scope)(
        kind="customer", id=sold().customer, parties=(sold().customer,), without=(sold().opportunity,)
    )
    assert sold().opportunity not in {row.aggregate_id for row in closed().rows(without)}


def test_an_event_tells_who_when_and_its_data_with_private_values_as_they_were_read() -> None:
    row = sold().rows[0]
    told = event_json(opened().fact(row), names=lambda _: "Grace")
    assert told["actor"] == {"id": "00000000-0000-0000-0000-00000000000a", "kind": "user", "name": "Grace"}
    assert (told["time"], told["record"]) == ("2026-03-01T09:00:00.000000Z", str(sold().lead))
    assert data_of(opened().fact(row))["email"] == "ada@example.org"
    assert data_of(closed().fact(row))["email"] == {"closed": "not_opened", "of": told["id"]}
    assert step_json(next(iter(steps([opened().fact(row)]))))["changes"]


def test_what_changes_no_record_stands_in_a_history_without_changes() -> None:
    fact = Fact(3, example_event(example(HistoryExported)))
    (step,) = steps([fact])
    assert step.changes == ()
