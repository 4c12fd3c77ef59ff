"""Reading your own writes: a read that sends a command's position waits until the read models have passed it.

The wait is bounded, and it holds no thread: while anybody waits, one query every few milliseconds serves all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import Header, Query, Request
from starlette.concurrency import run_in_threadpool

from api.http.problems import Problem
from api.reads.snapshot import positions
from api.services import Services

POLL_SECONDS: Final = 0.02
"""Seconds between two looks while somebody waits."""

MAX_WAIT_MILLISECONDS: Final = 10_000
DEFAULT_WAIT_MILLISECONDS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Consistency:
    """A read's promise: it sees the change at position `token`. With `or_stale` it takes older rows if the
    read models do not reach that position within `wait_ms`."""

    token: int | None
    wait_ms: int = 0
    or_stale: bool = False

    def stale_at(self, position: int) -> bool:
        """Whether a response made at `position` lacks the promised change.

        Raises `Problem` (`not-yet-visible`) without `or_stale`. `position` is that of the rows read: the wait
        may have been for another version, before a swap.
        """
        if self.token is None or position >= self.token:
            return False
        if not self.or_stale:
            raise self.not_yet()
        return True

    def not_yet(self) -> Problem:
        """The problem of a change that is not visible yet."""
        return Problem(
            "not-yet-visible",
            f"The change at position {self.token} was not visible here within {self.wait_ms} ms. "
            "Repeat the read, or send on_timeout=stale to get older rows.",
        )


class Visibility:
    """The read models' positions, looked up at most every `EVERY` seconds for all who wait."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = asyncio.Lock()
        self._looked = -1.0
        self._positions: dict[str, int] = {}

    async def reached(self, projections: Sequence[str], position: int, seconds: float) -> bool:
        """Waits at most `seconds` until all `projections` have passed `position`; returns whether they
        have."""
        deadline = time.monotonic() + seconds
        while True:
            known = await self._look()
            if all(known.get(name, 0) >= position for name in projections):
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self) -> dict[str, int]:
        asked = time.monotonic()
        async with self._lock:
            # Others may have looked it up while this one waited for the lock.
            if self._looked < asked:
                started = time.monotonic()
                self._positions = await run_in_threadpool(positions, self._services.read_pool)
                self._looked = started
            return self._positions


def consistent(*projections: str) -> Callable[..., Coroutine[Any, Any, Consistency]]:
    """A dependency: waits for the caller's `Consistency-Token`, if it sent one."""

    async def wait(
        request: Request,
        consistency_token: Annotated[
            str | None,
            Header(
                description="The `consistency_token` of a command: the read waits until it sees that change.",
                examples=["1042"],
                max_length=19,
            ),
        ] = None,
        wait_ms: Annotated[
            int, Query(ge=0, le=MAX_WAIT_MILLISECONDS, description="The longest wait in milliseconds.")
        ] = DEFAULT_WAIT_MILLISECONDS,
        on_timeout: Annotated[
            Literal["error", "stale"],
            Query(description="`error`: 503 when the wait was too short. `stale`: older rows, marked so."),
        ] = "error",
    ) -> Consistency:
        if consistency_token is None:
            return Consistency(None)
        if not (consistency_token.isascii() and consistency_token.isdecimal()):
            raise Problem(
                "malformed",
                "The Consistency-Token is not one of a command's response. "
                "Send it unchanged, or leave it out.",
            )
        promised = Consistency(int(consistency_token), wait_ms, on_timeout == "stale")
        visibility: Visibility = request.app.state.visibility
        reached = await visibility.reached(projections, int(consistency_token), wait_ms / 1000)
        if not reached and not promised.or_stale:
            raise promised.not_yet()
        return promised

    return wait
