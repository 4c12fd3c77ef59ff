"""How many processes a pool may have on this machine."""

from __future__ import annotations

import multiprocessing


def possible_workers(workers: int) -> int:
    """Returns `workers`, or 1 where the machine has no semaphores, which a pool of processes needs.

    So it is on Linux where /dev/shm is missing or cannot be written, as in some containers: a pool would fail
    there before it does any work. One process does the same work, and takes longer.
    """
    try:
        multiprocessing.get_context("spawn").Lock()
    except (ImportError, OSError):
        return 1
    return workers
