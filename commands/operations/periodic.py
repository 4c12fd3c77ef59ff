"""Periodic work of a process beside its main work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Turn = Callable[[threading.Event], float]
"""Does it once, ending early if the flag is set; returns the seconds until it is due again."""


@contextmanager
def repeating(name: str, turn: Turn) -> Iterator[None]:
    """While the block runs, a thread of that name takes turns: the first at once, since a process may never
    live until a second one. The end of the block waits for a running turn."""
    stop = threading.Event()

    def run() -> None:
        wait = 0.0
        while not stop.wait(wait):
            wait = turn(stop)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
