"""Runs functions in processes of their own: every round begins with the same, empty memory."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable
from typing import Any, Final, Self, TypeVar, cast

from deploy.bench.benchmarks import BENCHMARKS
from domain.kernel.user_errors import FailureFound

TIMEOUT_SECONDS: Final = 600.0
T = TypeVar("T")
CONTEXT: Final = multiprocessing.get_context("forkserver")
"""Processes are forked from one that has done nothing but import what they need: they start at once."""
CONTEXT.set_forkserver_preload(["__main__", *BENCHMARKS.values()])


class BenchFailed(FailureFound):
    """A measurement could not be taken. Its text says why."""


def alone(function: Callable[..., float], *arguments: Any) -> float:
    """The number that `function`, one of a module, answers in a fresh process. Raises `BenchFailed`."""
    return float(answered(function, *arguments))


def answered(function: Callable[..., T], *arguments: Any) -> T:
    """What `function`, one of a module, answers in a fresh process. Raises `BenchFailed`."""
    answers = CONTEXT.Queue()
    process = CONTEXT.Process(target=_answer, args=(function, arguments, answers), daemon=True)
    process.start()
    try:
        failed, answer = answers.get(timeout=TIMEOUT_SECONDS)
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
    if failed:
        raise BenchFailed(f"{function.__name__} failed: {answer}")
    return cast(T, answer)


class Companion:
    """A process that runs `function(stop, *arguments)` while something else is measured.

    `function` is one of a module and works until `stop`, an event shared with its process, is set.
    """

    def __init__(self, function: Callable[..., object], *arguments: Any) -> None:
        self._stop = CONTEXT.Event()
        self._process = CONTEXT.Process(
            target=_accompany, args=(function, self._stop, arguments), daemon=True
        )

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._process.join(timeout=20)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process.pid is not None
        return self._process.pid

    def check(self) -> None:
        """Raises `BenchFailed` when it ended by itself."""
        if not self._process.is_alive():
            raise BenchFailed(f"A process that was to run ended with the code {self._process.exitcode}.")


def leave_ctrl_c_to_the_starter() -> None:
    """A terminal sends it to all processes; the one that the user started ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...], answers: Any) -> None:
    leave_ctrl_c_to_the_starter()
    try:
        answers.put((False, function(*arguments)))
    except Exception as error:
        answers.put((True, f"{type(error).__name__}: {error}"))


def _accompany(function: Callable[..., object], stop: Any, arguments: tuple[Any, ...]) -> None:
    leave_ctrl_c_to_the_starter()
    function(stop, *arguments)
