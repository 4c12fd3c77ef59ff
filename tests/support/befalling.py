"""What the random fault tests of relays and workers share: seats for processes, and rounds of faults."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol, TypeVar

import psutil

from tests.support.story import Story


@dataclass(eq=False)
class Seat:
    """A place for one process after the other."""

    letter: str
    process: subprocess.Popen[bytes] | None = None
    name: str = ""

    @property
    def alive(self) -> bool:
        """Whether it has a process that runs, or is only stopped."""
        return self.process is not None and self.process.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether its process is stopped, by SIGSTOP."""
        return self.alive and self.status() == psutil.STATUS_STOPPED

    def status(self) -> str:
        """The state of its process, as the system has it."""
        assert self.process is not None
        try:
            return psutil.Process(self.process.pid).status()
        except psutil.NoSuchProcess:
            return psutil.STATUS_DEAD

    def signal(self, which: signal.Signals) -> None:
        """This signal for its process; a dead one gets none."""
        if self.process is not None:
            self.process.send_signal(which)


class Befallen(Protocol):
    """What faults befall."""

    story: Story

    def heal(self) -> None:
        """No fault lasts."""

    def fill(self) -> None:
        """Each seat has a process."""

    def catch_up(self) -> None:
        """Everything that is in the store now comes where it belongs."""


Stage = TypeVar("Stage", bound=Befallen)


def befall(
    stage: Stage,
    chance: Random,
    kinds: Mapping[str, Callable[[Stage, Random], str]],
    wanted: int,
    *,
    every: int,
    look: Callable[[], str],
) -> Counter[str]:
    """Round after round of these kinds, each in another order, until at least so many faults were done; how
    many of each. After `every` so many rounds `look` checks the state, and says what it found."""
    done: Counter[str] = Counter()
    for number in count(1):
        for kind in chance.sample(list(kinds), len(kinds)):
            stage.story.say(f"{done.total() + 1}: {kinds[kind](stage, chance)}")
            done[kind] += 1
            stage.heal()
            stage.fill()
            stage.catch_up()
        if done.total() >= wanted:
            break
        if number % every == 0:
            stage.story.say(look())
    return done
