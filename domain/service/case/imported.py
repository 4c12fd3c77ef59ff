"""Cases out of an imported log: the states that it skips, and the log's own stamp of a step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from domain.kernel.errors import Invalid
from domain.service.case.events import WAITING, CaseState

_WAY: Final[tuple[CaseState, ...]] = ("new", "assigned", "in_progress", "resolved", "closed")


def states_between(start: str, end: str) -> tuple[CaseState, ...]:
    """The states that a case passes from `start` to `end`, without both; empty on the way back."""
    if start in WAITING and end in WAITING:
        return ("in_progress",)
    return _WAY[_place(start) + 1 : _place(end)]


def _place(state: str) -> int:
    """How far a case has come in a state: one that waits is in progress, one that ended is resolved."""
    if state in WAITING:
        return _WAY.index("in_progress")
    return _WAY.index(state) if state in _WAY else _WAY.index("resolved")


def logged_at(stamp: datetime | None, *, imported: bool) -> datetime | None:
    """The log's stamp in UTC. Raises `Invalid` where nothing was imported, or it has no time zone."""
    if stamp is None:
        return None
    if not imported:
        raise Invalid("Only imported history has a log's own stamp. Leave logged_at out.")
    if stamp.tzinfo is None:
        raise Invalid(f"The time {stamp.isoformat()} has no time zone. Add one, such as Z for UTC.")
    return stamp.astimezone(UTC)
