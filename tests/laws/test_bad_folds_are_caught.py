"""Folds that break a law, each in one way: the law that they break catches them.

The sound read model beside them is a toy that no registry has: the laws know nothing of the models they try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from projections.runtime.projection import EventMap, Key, Projection, Row, Table
from tests.support import laws
from tests.support.histories import STEPS, Step, history_of
from tests.support.laws import BEHIND, CHOICES, SIZES, TURNS


def count(row: Row | None, event: EventMap) -> Row:
    """How many events a party has had, and when the latest was."""
    return {
        "party": event["partitionkey"],
        "events": (row["events"] if row else 0) + 1,
        "latest": max(event["time"], row["latest"] if row else ""),
    }


def own_party(event: EventMap) -> Sequence[Key]:
    """The party as the one key."""
    return (event["partitionkey"],)


def toy(
    fold: Callable[[Row | None, EventMap], Row] = count,
    touches: Callable[[EventMap], Sequence[Key]] = own_party,
) -> Projection:
    """A read model of that fold."""
    columns = {"party": "uuid", "events": "int", "latest": "timestamptz"}
    table = Table(name="party", columns=columns, key="party", keys_of=touches, fold=fold)
    return Projection(
        name="toy",
        version=1,
        families=("customer", "opportunity", "case"),
        tables=(table,),
        folder=Path(),
        views=(),
    )


def last_come_wins() -> Projection:
    """Takes the time of the event that came last, in place of the latest: it minds the order."""
    return toy(lambda row, event: {**count(row, event), "latest": event["time"]})


def counts_outside_its_rows() -> Projection:
    """Keeps its count in memory: what is folded again is counted again."""
    seen: dict[str, int] = {}

    def fold(row: Row | None, event: EventMap) -> Row:
        party = event["partitionkey"]
        seen[party] = seen.get(party, 0) + 1
        return {**count(row, event), "events": seen[party]}

    return toy(fold)


def changes_the_row_it_is_given() -> Projection:
    """What a worker that dies has folded shows all the same."""

    def fold(row: Any, event: EventMap) -> Row:
        after = count(row, event)
        if row is None:
            return after
        row.update(after)
        return dict(row)

    return toy(fold)


def one_row_for_many() -> Projection:
    """A row per type: every party's events write it."""
    return toy(
        lambda row, event: {**count(row, event), "party": event["type"]}, lambda event: (event["type"],)
    )


Check = Callable[[Callable[[], Projection]], None]
"""Tries a law on a read model, made anew for each history. Raises `AssertionError`."""

# Found once, a breach is enough: it is not made smaller, and the same histories are tried each time.
trying = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
)


def any_order(make: Callable[[], Projection]) -> None:
    @trying
    @given(steps=STEPS, choices=CHOICES)
    def check(steps: list[Step], choices: list[int]) -> None:
        laws.any_order(make(), history_of(steps).rows, choices)

    check()


def twice(make: Callable[[], Projection]) -> None:
    @trying
    @given(steps=STEPS, sizes=SIZES, published=st.integers(0, 80))
    def check(steps: list[Step], sizes: list[int], published: int) -> None:
        laws.twice(make(), history_of(steps).rows, sizes, published)

    check()


def some_behind(make: Callable[[], Projection]) -> None:
    @trying
    @given(steps=STEPS, sizes=SIZES, behind=BEHIND, published=st.integers(0, 80))
    def check(steps: list[Step], sizes: list[int], behind: set[int], published: int) -> None:
        laws.some_behind(make(), history_of(steps).rows, sizes, behind, published)

    check()


def stopped_anywhere(make: Callable[[], Projection]) -> None:
    @trying
    @given(steps=STEPS, sizes=SIZES, turns=TURNS)
    def check(steps: list[Step], sizes: list[int], turns: list[laws.Turn]) -> None:
        laws.stopped_anywhere(make(), history_of(steps).rows, sizes, turns)

    check()


def one_party(make: Callable[[], Projection]) -> None:
    @trying
    @given(steps=STEPS)
    def check(steps: list[Step]) -> None:
        laws.one_party(make(), history_of(steps).rows)

    check()


LAWS: list[Check] = [any_order, twice, some_behind, stopped_anywhere, one_party]
MUTANTS: list[tuple[Callable[[], Projection], Check]] = [
    (last_come_wins, any_order),
    (counts_outside_its_rows, any_order),
    (counts_outside_its_rows, twice),
    (counts_outside_its_rows, some_behind),
    (counts_outside_its_rows, stopped_anywhere),
    (changes_the_row_it_is_given, stopped_anywhere),
    (one_row_for_many, one_party),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_sound_read_model_keeps_every_law(law: Check) -> None:
    law(toy)


@pytest.mark.parametrize(("make", "law"), MUTANTS, ids=lambda each: each.__name__)
def test_a_fold_that_breaks_a_law_is_caught_by_it(make: Callable[[], Projection], law: Check) -> None:
    with pytest.raises(AssertionError):
        law(make)
