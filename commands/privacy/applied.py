"""Sees to it that whoever was erased stays erased, and what was kept long enough stays closed: when a process
starts, and from time to time afterwards.

A restore can bring keys back, and a process that erases can die in the middle. What this finds is put right
before the process says that it is ready.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Final

from commands.context import Context
from commands.privacy.erasing import Erasing
from commands.repeating import repeating

LOG: Final = logging.getLogger("rapport.privacy")
EVERY: Final = 60.0
AGAIN: Final = 2.0
"""Seconds until it is tried again where the store or the keys could not be asked."""


class Applied:
    """Applies erasures of `erasing` again; `context` says who goes on with one that was interrupted.

    `close_again` closes texts again whose retention was over, and answers which were open.
    """

    def __init__(
        self,
        erasing: Callable[[], Erasing],
        context: Callable[[], Context],
        close_again: Callable[[], Collection[object]],
    ) -> None:
        self._erasing, self._context, self._close_again = erasing, context, close_again
        self._once, self._alone = threading.Event(), threading.Lock()

    def missing(self) -> list[str]:
        """What keeps this process from serving, as a sentence; empty once all erasures were applied. Whoever
        asks first applies them."""
        if not self._once.is_set():
            self.turn()
        if self._once.is_set():
            return []
        return [
            "Whether every erased person is still erased could not be checked yet: the store or the keys do "
            "not answer. Check PostgreSQL, RAPPORT_STORE_URL and RAPPORT_KEYS_URL."
        ]

    def turn(self, _: threading.Event | None = None) -> float:
        """Applies them once; the seconds until the next time."""
        with self._alone:
            return self._apply()

    def _apply(self) -> float:
        try:
            erasing = self._erasing()
            back = erasing.again()
            finished = erasing.resume(self._context())
            opened = self._close_again()
        except Exception as error:  # whatever it is, the process lives on, is not ready, and tries again
            LOG.warning("erasures could not be applied again: %s", type(error).__name__)
            return AGAIN
        if back:
            LOG.warning("%d keys of erased persons had come back, and are destroyed again", len(back))
        if opened:
            LOG.warning(
                "the texts of %d closed months could be read again, and are closed again", len(opened)
            )
        for each in finished:
            LOG.info("the erasure %s was interrupted, and is finished", each)
        self._once.set()
        return EVERY

    def keeping(self) -> AbstractContextManager[None]:
        """Applies them at once, in a thread, and again and again while the block runs."""
        return repeating("erasures", self.turn)
