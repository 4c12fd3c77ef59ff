"""Runs a function in a process of its own, so that every round begins with the same, empty memory."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable
from typing import Any, Final

TIMEOUT_SECONDS: Final = 600.0


class BenchFailed(Exception):
    """A measurement could not be taken. Its text says why."""


def alone(function: Callable[..., float], *arguments: Any) -> float:
    """What `function`, one of a module, answers in a fresh process. Raises `BenchFailed`."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_answer, args=(function, arguments, answers), daemon=True)
    process.start()
    try:
        answer = answers.get(timeout=TIMEOUT_SECONDS)
    except queue.Empty:
        process.kill()
        raise BenchFailed(f"{function.__name__} gave no answer in {TIMEOUT_SECONDS:.0f} seconds.") from None
    except BaseException:  # Ctrl-C: nobody waits for what is not wanted any more
        process.kill()
        raise
    finally:
        process.join(timeout=10)
        if process.is_alive():
            process.kill()
    if isinstance(answer, str):
        raise BenchFailed(f"{function.__name__} failed: {answer}")
    return float(answer)


def leave_ctrl_c_to_the_starter() -> None:
    """A terminal sends it to all processes; the one that the user started ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _answer(function: Callable[..., float], arguments: tuple[Any, ...], answers: Any) -> None:
    leave_ctrl_c_to_the_starter()
    try:
        answers.put(function(*arguments))
    except Exception as error:
        answers.put(f"{type(error).__name__}: {error}")
