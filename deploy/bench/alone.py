"""Runs functions in processes of their own, so that every round begins with the same, empty memory."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final, Self, TypeVar, cast

from deploy.bench.benchmarks import BENCHMARKS
from domain.kernel.user_errors import FailureFound

TIMEOUT_SECONDS: Final = 600.0
T = TypeVar("T")
CONTEXT: Final = multiprocessing.get_context("forkserver")
"""Processes are forked from one that has only imported what they need, so they start at once."""
CONTEXT.set_forkserver_preload(["__main__", *BENCHMARKS.values()])


class BenchFailed(FailureFound):
    """A measurement was not possible. Its text says why."""


def alone(function: Callable[..., float], *arguments: Any) -> float:
    """Runs a module's `function` in a fresh process and returns its number. Raises `BenchFailed`."""
    return float(result_of(function, *arguments))


def result_of(function: Callable[..., T], *arguments: Any) -> T:
    """Runs a module's `function` in a fresh process and returns its result. Raises `BenchFailed`."""
    # Pipes, not queues and events: these need semaphores, which a machine without /dev/shm does not have.
    answers, to_answer = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_answer, args=(function, arguments, to_answer), daemon=True)
    process.start()
    to_answer.close()
    try:
        failed, answer = receive(answers, TIMEOUT_SECONDS, function.__name__)
    except BaseException:  # Ctrl-C: nobody wants the result any more
        process.kill()
        raise
    finally:
        process.join(timeout=10)
        if process.is_alive():
            process.kill()
    if failed:
        raise BenchFailed(f"{function.__name__} failed: {answer}")
    return cast(T, answer)


def receive(answers: Connection, seconds: float, who: str) -> Any:
    """Returns what `who` sends within so many seconds. Raises `BenchFailed`."""
    if not answers.poll(seconds):
        raise BenchFailed(f"{who} sent no result within {seconds:.0f} seconds.")
    try:
        return answers.recv()
    except EOFError:
        raise BenchFailed(f"{who} ended without a result.") from None


class Companion:
    """A process that runs `function(stop, *arguments)` while something else is measured.

    `function` belongs to a module and works until the event `stop` of its process is set.
    """

    def __init__(self, function: Callable[..., object], *arguments: Any) -> None:
        self._stopping, self._lifeline = CONTEXT.Pipe(duplex=False)
        self._process = CONTEXT.Process(
            target=_accompany, args=(function, self._stopping, arguments), daemon=True
        )

    def __enter__(self) -> Self:
        self._process.start()
        self._stopping.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._lifeline.close()
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
        """Raises `BenchFailed` if the process ended by itself."""
        if not self._process.is_alive():
            code = self._process.exitcode
            raise BenchFailed(f"A process that should keep running ended with the code {code}.")


def leave_ctrl_c_to_the_starter() -> None:
    """A terminal sends it to all processes; the one that the user started ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...], answers: Connection) -> None:
    leave_ctrl_c_to_the_starter()
    try:
        answers.send((False, function(*arguments)))
    except Exception as error:
        answers.send((True, f"{type(error).__name__}: {error}"))


def _accompany(function: Callable[..., object], stopping: Connection, arguments: tuple[Any, ...]) -> None:
    leave_ctrl_c_to_the_starter()
    stop = threading.Event()

    def listen() -> None:
        stopping.poll(None)  # the starter closes its end, or is gone
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    function(stop, *arguments)
