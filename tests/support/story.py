"""What happens in a long test with faults, told while it happens and again where it fails."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TypeVar

Kind = TypeVar("Kind")

SHORT_KINDS = 6
"""Kinds of faults in a short form."""
NOISE = ("kafka.net", "kafka.cluster", "kafka.producer.sender", "  File ", "Traceback", "    ")
"""How lines begin, behind the time, that the Kafka client writes by the hundred while its broker is away."""


class Story:
    """Sentences, each with its second."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._told: list[str] = []

    def say(self, text: str) -> None:
        """Tells who watches (`pytest -s`), and keeps it for the report of a failure."""
        self._told.append(f"{time.monotonic() - self._begun:7.1f} s  {text}")
        sys.stdout.write(self._told[-1] + "\n")
        sys.stdout.flush()

    @contextmanager
    def told_with_errors(self, facts: Callable[[], Iterable[str]]) -> Iterator[None]:
        """Adds facts and story to what fails. The story comes last: of a long report often only the end is
        seen."""
        try:
            yield
        except BaseException as error:
            self.say(f"failed: {type(error).__name__} {str(error)[:300]}")
            error.add_note("\n".join([*facts(), *self._told]))
            raise


def some(chance: Random, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """Some of a short form's kinds: another choice each time, and in time all of them."""
    return {kind: kinds[kind] for kind in chance.sample(list(kinds), SHORT_KINDS)}


def ends_of(folder: Path, most: int, lines: int = 15) -> list[str]:
    """The last lines of the logs in a folder that were written last, without the client's noise."""
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)[-most:]
    found: list[str] = []
    for log in logs:
        told = [line for line in log.read_text().splitlines() if not _noise(line)]
        found += [f"--- {log.name}", *told[-lines:]]
    return found


def _noise(line: str) -> bool:
    return line.startswith(NOISE) or line[24:].startswith(NOISE)
