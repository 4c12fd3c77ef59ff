"""Which event it was: every tampering of a range, with the sealed events beside it and with sums alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache, lru_cache, partial
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.audit import diagnose as naming
from commands.audit.diagnose import Difference, Gap, by_copy, by_sums, joined
from commands.audit.messages import BY_SUMS, BY_TOPICS, NOT_ASKED, outside, told, truncated
from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from domain.events.ids import event_id
from domain.events.seal import Seal
from tests.support.auditing import sealed, stored
from tests.support.database import PARTITIONS

HOME = partial(partition_of, partitions=PARTITIONS)


@lru_cache(maxsize=64)
def world(count: int) -> tuple[tuple[StoredRow, ...], Seal]:
    """Events at the odd positions, and their seal: the even positions are burnt."""
    rows = tuple(stored(count, step=2))
    return rows, sealed(rows, count)[0]


def name(row: StoredRow) -> str:
    return event_id(row.aggregate_id, row.version)


def copy(rows: Sequence[StoredRow]) -> list[tuple[int, bytes]]:
    return [(row.position, row.event) for row in rows]


def no_gaps() -> list[Gap]:
    return []


def gap(row: StoredRow) -> Gap:
    return Gap(
        aggregate=row.aggregate_id, version=row.version, place=("crm.opportunity.v1", HOME(row.party)),
        low=row.position - 2, high=row.position + 2,
    )  # fmt: skip


def changed(row: StoredRow) -> StoredRow:
    assert b'"time":"20' in row.event
    return row._replace(event=row.event.replace(b'"time":"20', b'"time":"19', 1))


def foreign(rows: Sequence[StoredRow], position: int) -> StoredRow:
    """An event that was never sealed."""
    return strangers()[len(rows) - 1]._replace(position=position)


@cache
def strangers() -> list[StoredRow]:
    """Events of another store."""
    return stored(40, seed=6)


def ordered(rows: Sequence[StoredRow]) -> list[StoredRow]:
    return sorted(rows, key=lambda row: row.position)


indexes = st.tuples(st.integers(2, 40), st.integers(0, 39), st.integers(0, 39)).map(
    lambda drawn: (drawn[0], drawn[1] % drawn[0], drawn[2] % drawn[0])
)


@settings(max_examples=40)
@given(indexes)
def test_a_changed_event_is_named_and_by_sums_narrowed_to_its_partition(drawn: tuple[int, int, int]) -> None:
    count, at, _ = drawn
    rows, seal = world(count)
    now = [changed(row) if number == at else row for number, row in enumerate(rows)]
    assert by_copy(now, copy(rows)) == Difference(
        kind="changed", position=rows[at].position, event=name(rows[at]), members=("time",), others=0
    )
    found = by_sums(seal, now, HOME, no_gaps)
    beside = [row for row in rows if HOME(row.party) == HOME(rows[at].party)]
    if len(beside) == 1:
        assert (found.kind, found.event) == ("changed", name(rows[at]))
    else:
        place = ("crm.opportunity.v1", HOME(rows[at].party))
        assert (found.kind, found.position) == ("range", beside[0].position)
        assert found.places == ((place, len(beside)),)


def test_a_changed_event_that_is_alone_in_its_partition_is_named_by_sums() -> None:
    rows, seal = world(4)
    homes = [HOME(row.party) for row in rows]
    at = next(n for n, home in enumerate(homes) if homes.count(home) == 1)
    now = [changed(row) if number == at else row for number, row in enumerate(rows)]
    found = by_sums(seal, now, HOME, no_gaps)
    assert found == Difference(kind="changed", position=rows[at].position, event=name(rows[at]), others=0)


@settings(max_examples=40)
@given(indexes)
def test_a_removed_event_is_named_by_its_copy_or_by_the_gap_it_leaves(drawn: tuple[int, int, int]) -> None:
    count, at, _ = drawn
    rows, seal = world(count)
    now = [*rows[:at], *rows[at + 1 :]]
    assert by_copy(now, copy(rows)) == Difference(
        kind="removed", position=rows[at].position, event=name(rows[at]), others=0
    )
    found = by_sums(seal, now, HOME, lambda: [gap(rows[at])])
    assert (found.kind, found.event) == ("removed", name(rows[at]))
    assert seal.first <= found.position <= rows[at].position
    elsewhere = dataclasses.replace(gap(rows[at]), place=("crm.case.v1", 0))
    late = dataclasses.replace(gap(rows[at]), low=seal.last + 1, high=seal.last + 9)
    early = dataclasses.replace(gap(rows[at]), low=seal.first - 9, high=seal.first)
    assert by_sums(seal, now, HOME, lambda: [elsewhere, late, early]).kind == "range"
    assert by_sums(seal, now, HOME, lambda: [gap(rows[at]), gap(rows[at])]).kind == "range"
    assert by_sums(seal, now, HOME, no_gaps).kind == "range"


@settings(max_examples=40)
@given(indexes)
def test_an_inserted_event_is_named_by_either(drawn: tuple[int, int, int]) -> None:
    count, at, _ = drawn
    rows, seal = world(count)
    extra = foreign(rows, rows[at].position - 1 or 2)
    now = ordered([*rows, extra])
    named = Difference(kind="inserted", position=extra.position, event=name(extra), others=0)
    assert by_copy(now, copy(rows)) == by_sums(seal, now, HOME, no_gaps) == named


@settings(max_examples=40)
@given(indexes)
def test_an_event_moved_to_a_burnt_position_is_named_by_either(drawn: tuple[int, int, int]) -> None:
    count, at, to = drawn
    rows, seal = world(count)
    target = min(2 * (to + 1), 2 * (count - 1))
    now = ordered([row._replace(position=target) if n == at else row for n, row in enumerate(rows)])
    for found in (by_copy(now, copy(rows)), by_sums(seal, now, HOME, no_gaps)):
        assert found is not None
        assert (found.kind, found.event) == ("moved", name(rows[at]))
        assert (found.sealed, found.stands) == (rows[at].position, target)
        assert found.position == min(rows[at].position, target)


@settings(max_examples=40)
@given(indexes)
def test_two_events_that_changed_places_are_named_by_either(drawn: tuple[int, int, int]) -> None:
    count, one, other = drawn
    if one == other:
        other = (one + 1) % count
    rows, seal = world(count)
    swap = {one: rows[other].position, other: rows[one].position}
    now = ordered([row._replace(position=swap.get(n, row.position)) for n, row in enumerate(rows)])
    first = rows[min(one, other)]
    for found in (by_copy(now, copy(rows)), by_sums(seal, now, HOME, no_gaps)):
        assert found is not None
        assert found.kind == "moved"
        assert found.position == first.position
        assert {found.sealed, found.stands} == {rows[one].position, rows[other].position}
        assert found.event == name(rows[max(one, other)])


@settings(max_examples=40)
@given(st.integers(3, 40), st.data())
def test_several_tamperings_at_once_never_accuse_a_sound_event(count: int, data: st.DataObject) -> None:
    rows, seal = world(count)
    harmed = data.draw(st.lists(st.integers(0, count - 1), min_size=2, max_size=4, unique=True))
    now = [row for n, row in enumerate(rows) if n not in harmed[1:]]
    now = [changed(row) if row.position == rows[harmed[0]].position else row for row in now]
    bad = {name(rows[n]) for n in harmed}
    exact = by_copy(now, copy(rows))
    assert exact is not None
    assert exact.position == rows[min(harmed)].position
    assert exact.event in bad
    assert exact.others == len(harmed) - 1
    found = by_sums(seal, now, HOME, lambda: [gap(rows[n]) for n in harmed[1:]])
    assert found.event is None or found.event in bad


def test_what_is_the_same_has_no_difference() -> None:
    rows, _ = world(7)
    assert by_copy(rows, copy(rows)) is None


def test_an_event_moved_under_another_seal_is_joined() -> None:
    rows = stored(12, step=2)
    first, second = sealed(rows, 6)
    moved = rows[2]._replace(position=second.first)
    under_first = by_copy([row for row in rows[:6] if row != rows[2]], copy(rows[:6]))
    under_second = by_copy(ordered([*rows[6:], moved]), copy(rows[6:]))
    assert under_first is not None
    assert under_second is not None
    for found in joined([under_first, under_second]):
        assert (found.kind, found.sealed, found.stands) == ("moved", rows[2].position, moved.position)
    assert joined([under_first]) == [under_first]
    assert first.last < second.first


def test_a_wide_range_is_not_searched_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, seal = world(30)
    now = [changed(row) if number == 3 else row for number, row in enumerate(rows)]
    monkeypatch.setattr(naming, "MAX_TRIES", 1)
    assert by_sums(seal, now, HOME, no_gaps).kind in ("range", "changed")


def test_bytes_that_are_no_event_are_told_without_an_id() -> None:
    rows, seal = world(4)
    now = [rows[0]._replace(event=b"{"), *rows[1:]]
    found = by_copy(now, copy(rows))
    assert found == Difference(kind="changed", position=1, event=name(rows[0]), others=0)
    inserted = by_copy(ordered([*rows, rows[0]._replace(position=2, event=b"{")]), copy(rows))
    assert inserted == Difference(kind="inserted", position=2, others=0)
    assert "an event that can't be read at position 2" in told(inserted, seal, BY_TOPICS).fact


def test_findings_are_sentences_without_a_value_of_the_event() -> None:
    rows, seal = world(9)
    one = name(rows[0])
    place = (("crm.opportunity.v1", 3), 4)
    said = [
        told(Difference(kind="changed", position=1, event=one, members=("time", "data")), seal, BY_TOPICS),
        told(Difference(kind="removed", position=1, event=one, others=2), seal, BY_TOPICS),
        told(Difference(kind="removed", position=1, event=one), seal, BY_SUMS),
        told(Difference(kind="moved", position=1, event=one, sealed=1, stands=4), seal, BY_SUMS),
        told(Difference(kind="inserted", position=2, event=one), seal, BY_SUMS),
        told(Difference(kind="range", position=1, places=(place,)), seal, NOT_ASKED),
        truncated(4, 17, Difference(kind="removed", position=5, event=one)),
        truncated(4, 17, None),
        outside(-1),
    ]
    for each, words in zip(
        said,
        (
            "What differs: time, data.",
            "2 more positions under this seal differ.",
            "sealed at position 1 or later",
            "sealed at position 1, stands at position 4",
            "was not there when it was sealed",
            "crm.opportunity.v1 partition 3 (4 there now)",
            f"the first one missing is {one} at position 5.",
            "the store's last event is at 4.",
            "positions begin with 1",
        ),
        strict=True,
    ):
        assert words in each.fact
        assert all(text.endswith(".") and ".." not in text for text in (each.fact, each.cause, each.act))
    assert [each.kind for each in said[-3:]] == ["cut_tail", "cut_tail", "inserted"]
    assert said[0].aggregate == rows[0].aggregate_id == UUID(one.split(":")[0])
