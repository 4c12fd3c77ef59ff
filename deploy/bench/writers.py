"""Processes that append single events at once, each over a connection of its own."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any, Final

from commands.store.mapper import StoredCrmEvent
from deploy.bench.alone import CONTEXT, BenchFailed, leave_ctrl_c_to_the_starter
from deploy.bench.samples import stored_events

WRITERS: Final = 8
READY_SECONDS: Final = 120.0


Append = Callable[[StoredCrmEvent], object]
"""Appends one event, in a transaction of its own."""

MakeAppend = Callable[[str], tuple[Append, Callable[[], None]]]
"""From a database's URL to what appends and what closes it: a module's function, which a process can find."""


def append_rate(make: MakeAppend, url: str, events: int, seed: int) -> float:
    """Events a second of 8 processes that append `events` in all, one a transaction.

    Counted from when the first one begins until the last one is done; making the events, starting and
    connecting come before.
    """
    ready = CONTEXT.Barrier(WRITERS)
    answers = CONTEXT.Queue()
    each = max(1, events // WRITERS)
    processes = [
        CONTEXT.Process(target=_write, args=(make, url, each, seed + number, ready, answers), daemon=True)
        for number in range(WRITERS)
    ]
    for process in processes:
        process.start()
    try:
        times = [_answer(answers) for _ in processes]
    except BaseException:  # Ctrl-C as well: nobody waits for what is not wanted any more
        for process in processes:
            process.kill()
        raise
    finally:
        for process in processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
    begun, done = min(begin for begin, _ in times), max(end for _, end in times)
    return each * WRITERS / (done - begun)


def _write(make: MakeAppend, url: str, count: int, seed: int, ready: Any, answers: Any) -> None:
    leave_ctrl_c_to_the_starter()
    try:
        events = stored_events(count + 1, seed)
        append, close = make(url)
        append(events[0])  # connects
        ready.wait(READY_SECONDS)
        # The monotonic clock counts from the machine's start: it is the same in all processes.
        begun = time.monotonic()
        for event in events[1:]:
            append(event)
        answers.put((begun, time.monotonic()))
        close()
    except Exception as error:
        ready.abort()
        answers.put(f"{type(error).__name__}: {error}")


def _answer(answers: Any) -> tuple[float, float]:
    try:
        answer = answers.get(timeout=READY_SECONDS * 2)
    except queue.Empty:
        raise BenchFailed("A writer gave no answer. See whether the machine has memory left.") from None
    if isinstance(answer, str):
        raise BenchFailed(f"A writer failed: {answer}")
    begun, done = answer
    return float(begun), float(done)
