"""Kills a piece of work with -9 at one place in it, in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn


def killed_in(module: ModuleType, name: str, work: Callable[[], Any], *, call: int = 1) -> None:
    """Runs `work` in a forked process that is killed where it calls `module.name` for the `call`-th time.

    Forked, since a new interpreter would take longer than the work; what the work opens is its own.
    """
    pid = os.fork()
    if pid == 0:
        calls = 0
        real = getattr(module, name)

        def die(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                _die()
            return real(*arguments, **named)

        try:
            setattr(module, name, die)
            work()
        finally:
            os._exit(3)  # it came to its end, or failed before
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"it was not killed in {module.__name__}.{name}: status {status}"


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
