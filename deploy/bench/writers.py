"""Processes that append single events at once, each over a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

from commands.store.mapper import StoredCrmEvent
from deploy.bench.alone import CONTEXT, BenchFailed, leave_ctrl_c_to_the_starter, receive
from deploy.bench.samples import stored_events

WRITERS: Final = 8
READY_SECONDS: Final = 120.0


Append = Callable[[StoredCrmEvent], object]
"""Appends one event, in a transaction of its own."""

MakeAppend = Callable[[str], tuple[Append, Callable[[], None]]]
"""Takes a database's URL and returns what appends and what closes it: a module's function, so that a process
can find it."""


def append_rate(make: MakeAppend, url: str, events: int, seed: int) -> float:
    """Events a second of 8 processes that append `events` in all, one a transaction.

    Counted from when the first one begins until the last one is done; making the events, starting and
    connecting come before.
    """
    pipes = [CONTEXT.Pipe() for _ in range(WRITERS)]
    each = max(1, events // WRITERS)
    processes = [
        CONTEXT.Process(target=_write, args=(make, url, each, seed + number, theirs), daemon=True)
        for number, (_, theirs) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    for _, theirs in pipes:
        theirs.close()
    try:
        for ours, _ in pipes:
            _answer(ours)  # it is ready
        for ours, _ in pipes:
            ours.send("begin")
        times = [_answer(ours) for ours, _ in pipes]
    except BaseException:  # Ctrl-C as well: nobody wants the result any more
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


def _write(make: MakeAppend, url: str, count: int, seed: int, starter: Connection) -> None:
    leave_ctrl_c_to_the_starter()
    try:
        events = stored_events(count + 1, seed)
        append, close = make(url)
        append(events[0])  # connects
        starter.send((0.0, 0.0))
        starter.recv()
        # The monotonic clock counts from the machine's start: it is the same in all processes.
        begun = time.monotonic()
        for event in events[1:]:
            append(event)
        starter.send((begun, time.monotonic()))
        close()
    except Exception as error:
        starter.send(f"{type(error).__name__}: {error}")


def _answer(writer: Connection) -> tuple[float, float]:
    result: Any = receive(writer, READY_SECONDS * 2, "A writer")
    if isinstance(result, str):
        raise BenchFailed(f"A writer failed: {result}")
    begun, done = result
    return float(begun), float(done)
