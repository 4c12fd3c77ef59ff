"""Erasures are applied again before anything personal is given, and again and again afterwards."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from commands.privacy import enforcement as applied
from commands.privacy.enforcement import INTERVAL_SECONDS, ErasureEnforcement

ADA = UUID(int=1)


class World:
    """Keys that came `back`, read models `shown`, and a store that is `away`; `turns` counts how often they
    were looked at."""

    def __init__(self) -> None:
        self.back: list[UUID] = []
        self.shown: list[str] = []
        self.away = False
        self.turns = 0
        self.at_work = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def applied(self) -> ErasureEnforcement:
        """What is tested."""
        world: Any = self
        return ErasureEnforcement(lambda: world, lambda: world, lambda: (), self.showing)

    def again(self) -> list[UUID]:
        """As `Erasing.again`."""
        self.turns += 1
        self.at_work.set()
        self.may_go_on.wait(20)
        if self.away:
            raise OSError("the store is away")
        found, self.back = self.back, []
        return found

    def resume(self, _context: Any) -> list[UUID]:
        """As `Erasing.resume`."""
        return []

    def erased(self) -> list[UUID]:
        """As `Erasing.erased`."""
        return [ADA]

    def showing(self, persons: Sequence[UUID]) -> Sequence[str]:
        """As `deploy.wiring.persons.showing`."""
        assert persons == [ADA]
        return self.shown


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(applied, "RETRY_SECONDS", 0)


def test_until_they_were_applied_something_is_missing() -> None:
    """Given a store that is away, then that is said; once it is there, the keys go and nothing is missing."""
    world = World()
    checked = world.applied()
    world.away = True
    assert "the store or the keys do not answer" in checked.missing()[0]
    world.away, world.back = False, [ADA]
    assert checked.missing() == []
    assert world.back == []


def test_while_a_read_model_shows_an_erased_person_something_is_missing() -> None:
    """As after its restore from before the erasure, until its workers have come there again."""
    world = World()
    checked = world.applied()
    world.shown = ["customer_360 version 1"]
    assert checked.turn() == 0
    assert checked.missing()[0].startswith("Erased persons still show in customer_360 version 1.")
    world.shown = []
    assert (checked.turn(), checked.missing()) == (INTERVAL_SECONDS, [])


def test_who_asks_afterwards_is_answered_without_a_look_and_each_turn_looks_again() -> None:
    world = World()
    checked = world.applied()
    assert checked.missing() == []
    world.shown, world.back = ["customer_360 version 1"], [ADA]
    assert (checked.missing(), world.turns) == ([], 1)
    assert (checked.turn(), world.turns, world.back) == (INTERVAL_SECONDS, 2, [])


def test_where_the_store_has_to_be_recovered_all_begins_anew() -> None:
    world = World()
    checked = world.applied()
    seen = [checked.complete]
    checked.missing()
    seen.append(checked.complete)
    checked.begin_anew()
    seen.append(checked.complete)
    assert seen == [False, True, False]
    world.back = [ADA]
    assert (checked.missing(), world.back, checked.complete) == ([], [], True)


def test_a_look_that_failed_is_not_repeated_by_each_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied, "RETRY_SECONDS", 60)
    world = World()
    checked = world.applied()
    world.away = True
    assert checked.missing() == checked.missing() != []
    assert world.turns == 1
    checked.turn()
    assert world.turns == 2


def test_many_who_ask_at_once_wait_for_one_look_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    checked = world.applied()
    world.may_go_on.clear()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(checked.missing)
        world.at_work.wait(20)
        with monkeypatch.context() as patched:
            patched.setattr(applied, "LOCK_WAIT_SECONDS", 0.01)
            assert checked.missing() != []
        asked = [threads.submit(checked.missing) for _ in range(7)]
        world.may_go_on.set()
        assert [each.result(20) for each in [first, *asked]] == [[]] * 8
    assert world.turns == 1


def test_who_asks_while_they_are_first_applied_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a start, where the first request may meet the thread that is at it: it gets the outcome."""
    monkeypatch.setattr(applied, "RETRY_SECONDS", 60)
    world = World()
    checked = world.applied()
    world.may_go_on.clear()
    with ThreadPoolExecutor(max_workers=2) as threads:
        turn = threads.submit(checked.turn)
        assert world.at_work.wait(20)
        asked = threads.submit(checked.missing)
        with pytest.raises(TimeoutError):
            asked.result(0.2)
        world.may_go_on.set()
        assert (turn.result(20), asked.result(20)) == (INTERVAL_SECONDS, [])
    assert world.turns == 1
