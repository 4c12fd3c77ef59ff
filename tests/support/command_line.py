"""A `rapport` command under way, in a process of the nursery: killed, stopped and read as any other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from tests.support.nursery import nursery


class CommandLine:
    """`rapport` with these words, begun at once, with `variables` as its whole environment.

    With `together` its errors go where its output goes.
    """

    def __init__(self, *words: str, variables: Mapping[str, str], together: bool = False) -> None:
        self._reading = ThreadPoolExecutor(max_workers=2)
        out, out_end = _pipe()
        err, err_end = _pipe()
        with out_end, err_end:
            told = {"words": words, "variables": dict(variables)}
            errors = out_end if together else err_end
            self._process = nursery().bear("command", told, out_end, errors=errors)
        # Read from the start: one that fills its pipe would wait for ever.
        self._said = [self._reading.submit(_read, pipe) for pipe in (out, err)]
        self._reading.shutdown(wait=False)

    @property
    def returncode(self) -> int | None:
        """None while it lives, else its exit code, or the signal that ended it, negated."""
        return self._process.poll()

    def poll(self) -> int | None:
        """As `returncode`."""
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        """How it ended. Raises `subprocess.TimeoutExpired`."""
        return self._process.wait(timeout)

    def send_signal(self, number: int) -> None:
        """Sends a signal; one that has ended gets none."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()

    def communicate(self, timeout: float = 60.0) -> tuple[str, str]:
        """Its output and its errors, when it has ended. Raises `subprocess.TimeoutExpired`."""
        self._process.wait(timeout)
        out, err = (said.result(timeout) for said in self._said)
        return out, err


def _pipe() -> tuple[IO[str], IO[bytes]]:
    reading, writing = os.pipe()
    return os.fdopen(reading, encoding="utf-8"), os.fdopen(writing, "wb")


def _read(pipe: IO[str]) -> str:
    with pipe:
        return pipe.read()
