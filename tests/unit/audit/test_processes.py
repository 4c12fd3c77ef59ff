"""How many processes verifications may use."""

from __future__ import annotations

from multiprocessing.context import BaseContext

import pytest

from commands.processes import possible_workers


def test_where_the_machine_has_no_semaphores_one_process_does_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a machine whose /dev/shm is missing, then a pool, which would fail there, is not begun."""

    def lock(self: BaseContext) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(BaseContext, "Lock", lock)
    assert possible_workers(4) == 1


def test_else_as_many_do_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaseContext, "Lock", lambda _: None)
    assert possible_workers(4) == 4
