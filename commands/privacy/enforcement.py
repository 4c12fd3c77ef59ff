"""Keeps erased persons erased and expired texts closed: when a process starts, and periodically afterwards.

A restore can bring keys back, and rows of read models; and a process that erases can die in the middle. What
this finds is put right before the process says that it is ready, and before it gives anything personal. Rows
that were restored are put right by the workers, who come to the erasure again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.operations.periodic import repeating
from commands.privacy.erasure import Erasures

LOG: Final = logging.getLogger("rapport.privacy")
INTERVAL_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 2.0
"""Seconds until it is tried again where the store or the keys could not be asked, or a read model shows
somebody."""
LOCK_WAIT_SECONDS: Final = 5.0
"""Seconds that a caller waits for another one that applies erasures."""

_AWAY: Final = (
    "Whether every erased person is still erased could not be checked yet: the store or the keys do not "
    "answer. Check PostgreSQL, RAPPORT_STORE_URL and RAPPORT_KEYS_URL."
)


class ErasureEnforcement:
    """Applies erasures of `erasing` again; `context` says who goes on with one that was interrupted.

    `close_again` closes expired texts again and returns which were open. `showing` returns the read models
    that show something of these persons.
    """

    def __init__(
        self,
        erasing: Callable[[], Erasures],
        context: Callable[[], Context],
        close_again: Callable[[], Collection[object]],
        showing: Callable[[Sequence[UUID]], Sequence[str]],
    ) -> None:
        self._erasing, self._context, self._close_again = erasing, context, close_again
        self._showing = showing
        self._once, self._alone = threading.Event(), threading.Lock()
        self._why, self._tried = _AWAY, float("-inf")

    @property
    def complete(self) -> bool:
        """Whether they were applied and nothing known would undo it. Makes no request."""
        return self._once.is_set()

    def begin_anew(self) -> None:
        """The store has to be recovered, so whatever was applied may be undone."""
        self._once.clear()
        self._tried = float("-inf")

    def missing(self) -> list[str]:
        """What keeps this process from serving, as a sentence; empty once all erasures were applied. Whoever
        asks first applies them; where that failed, the next one some seconds later."""
        if self._due() and self._alone.acquire(timeout=LOCK_WAIT_SECONDS):
            try:
                if self._due():
                    self._apply()
            finally:
                self._alone.release()
        return [] if self._once.is_set() else [self._why]

    def turn(self, _: threading.Event | None = None) -> float:
        """Applies them once; the seconds until the next time."""
        with self._alone:
            return self._apply()

    def _due(self) -> bool:
        return not self._once.is_set() and time.monotonic() >= self._tried + RETRY_SECONDS

    def _apply(self) -> float:
        try:
            return self._look()
        finally:
            # Not earlier: callers wait for the result in the meantime.
            self._tried = time.monotonic()

    def _look(self) -> float:
        try:
            erasing = self._erasing()
            back = erasing.again()
            finished = erasing.resume(self._context())
            opened = self._close_again()
            shown = [] if self._once.is_set() else self._showing(erasing.erased())
        except Exception as error:  # whatever it is, the process lives on, is not ready, and tries again
            LOG.warning("erasures could not be applied again: %s", type(error).__name__)
            self._why = _AWAY
            return RETRY_SECONDS
        if back:
            LOG.warning("%d keys of erased persons had come back, and are destroyed again", len(back))
        if opened:
            LOG.warning(
                "the texts of %d closed months could be read again, and are closed again", len(opened)
            )
        for each in finished:
            LOG.info("the erasure %s was interrupted, and is finished", each)
        if shown:
            self._why = (
                f"Erased persons still show in {' and '.join(shown)}. Nothing personal is given until the "
                "workers have come to the erasure; see `rapport projection status`."
            )
            return RETRY_SECONDS
        self._once.set()
        return INTERVAL_SECONDS

    def keeping(self) -> AbstractContextManager[None]:
        """Applies them at once, in a thread, and again and again while the block runs."""
        return repeating("erasures", self.turn)
