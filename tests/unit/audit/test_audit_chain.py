"""The topics as a witness: believed where a seal proves them, done without where they are away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast
from uuid import UUID

import pytest

from commands.audit import chain
from commands.audit.chain import CopyAway, OptionalCopy, beside_copy, beside_kept
from commands.audit.kept_seal import KeptSeal
from commands.store.seals import Seals
from domain.events.seal import Seal, sign
from tests.support.auditing import KEY, sealed, stored

ROWS = stored(20)
CHAIN = sealed(ROWS, 5)
PUBLIC = KEY.public_key()
REWRITTEN = sealed([*ROWS[:7], ROWS[7]._replace(event=ROWS[7].event + b" "), *ROWS[8:]], 5)


@dataclass
class Shelf:
    """Seals in memory: a copy, and the store's rows."""

    held: Sequence[Seal]
    content: Sequence[tuple[int, bytes]] = tuple((row.position, row.event) for row in ROWS)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def head(self) -> Seal | None:
        """See `Copy`."""
        self._ask("head")
        return self.held[-1] if self.held else None

    def seals(self, passed: Callable[[Seal], bool]) -> Iterator[Seal]:
        """See `Copy`."""
        self._ask("seals")
        return (seal for seal in self.held if not passed(seal))

    def events(self, seal: Seal) -> Sequence[tuple[int, bytes]]:
        """See `Copy`."""
        self._ask("events")
        return [(position, event) for position, event in self.content if seal.first <= position <= seal.last]

    def by_sequence(self, sequence: int) -> Seal | None:
        """See `Seals`."""
        return next((seal for seal in self.held if seal.sequence == sequence), None)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise CopyAway("Kafka can't be asked: it is away.")


def rows_of(seals: Sequence[Seal]) -> Seals:
    """The store's side."""
    return cast(Seals, Shelf(seals))


def test_only_what_the_seal_proves_is_believed() -> None:
    """Whoever changed the store may have changed the topics as well."""
    assert OptionalCopy(Shelf(CHAIN)).proven(CHAIN[1]) == [(row.position, row.event) for row in ROWS[5:10]]
    told = [(row.position, row.event) for row in ROWS]
    changed = [*told[:7], (8, b"{}"), *told[8:]]
    for other in (changed, told[:7], [*told, (10, b"{}")], []):
        assert OptionalCopy(Shelf(CHAIN, content=other)).proven(CHAIN[1]) is None


def test_topics_that_are_away_are_asked_once_and_told() -> None:
    shelf = Shelf(CHAIN, away=True)
    asked = OptionalCopy(shelf)
    assert asked.head() is None
    assert asked.proven(CHAIN[0]) is None
    assert asked.fork(None, rows_of(CHAIN), PUBLIC, CHAIN[-1]).findings == ()
    assert (shelf.asked, asked.why_not) == (["head"], "Kafka can't be asked: it is away.")
    empty = OptionalCopy(Shelf([]))
    assert (empty.head(), empty.why_not) == (None, "They hold no seal.")
    assert (OptionalCopy(None).head(), OptionalCopy(None).why_not) == (None, "They were not asked.")


def test_topics_that_lag_behind_are_no_fork() -> None:
    for published in range(1, 5):
        copy = Shelf(CHAIN[:published])
        found = beside_copy(copy, copy.head(), rows_of(CHAIN), PUBLIC, CHAIN[-1])
        assert (found.findings, found.other) == ((), None)
    assert beside_copy(Shelf([]), None, rows_of(CHAIN), PUBLIC, CHAIN[-1]).findings == ()


def test_a_fork_names_the_first_seal_that_has_other_events(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Shelf(CHAIN)
    found = beside_copy(copy, copy.head(), rows_of(REWRITTEN), PUBLIC, REWRITTEN[-1])
    assert [(one.kind, one.position) for one in found.findings] == [("rewritten", 6)]
    assert found.other == CHAIN[1]
    # Sealed anew from the beginning, the events are the same up to the second seal all the same.
    again = [*CHAIN[:1], *REWRITTEN[1:]]
    anew = replace(again[0], sealed="2026-01-01T00:00:00.000000Z")
    again[0] = replace(anew, record=sign(anew, KEY))
    found = beside_copy(copy, copy.head(), rows_of(again), PUBLIC, again[-1])
    assert [(one.kind, one.position) for one in found.findings] == [("rewritten", 1)]
    assert found.other == CHAIN[1]
    monkeypatch.setattr(chain, "WINDOW_RECORDS", 1)
    assert beside_copy(copy, copy.head(), rows_of(again), PUBLIC, again[-1]).other is None


def test_a_store_that_lacks_the_newest_seals_is_cut() -> None:
    copy = Shelf(CHAIN)
    found = beside_copy(copy, copy.head(), rows_of(CHAIN[:2]), PUBLIC, CHAIN[1])
    assert [(one.kind, one.position) for one in found.findings] == [("cut_tail", 11)]
    assert found.other == CHAIN[2]
    found = beside_copy(copy, copy.head(), rows_of([]), PUBLIC, None)
    assert [(one.kind, one.position) for one in found.findings] == [("cut_tail", 1)]
    assert found.other == CHAIN[0]


def test_kept_seals_bracket_what_was_rewritten() -> None:
    kept = [KeptSeal(seal=seal, public=PUBLIC) for seal in reversed(CHAIN)]
    assert list(beside_kept(kept, rows_of(CHAIN), PUBLIC, CHAIN[-1])) == []
    [found] = beside_kept(kept, rows_of(REWRITTEN), PUBLIC, REWRITTEN[-1])
    assert (found.kind, found.position) == ("rewritten", 6)
    assert "at the positions 6 to 10." in found.fact
    cut = list(beside_kept(kept, rows_of(CHAIN[:3]), PUBLIC, CHAIN[2]))
    assert [(one.kind, one.position) for one in cut] == [("cut_tail", 16)]
    foreign = replace(CHAIN[0], store=UUID(int=6))
    other = KeptSeal(seal=replace(foreign, record=sign(foreign, KEY)), public=PUBLIC)
    assert [one.kind for one in beside_kept([other], rows_of(CHAIN), PUBLIC, CHAIN[-1])] == ["other_store"]
