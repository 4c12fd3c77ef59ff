"""Keeps services and children running: starts again what dies, and leaves no process at the end."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deploy.local.errors import LocalServiceError
from deploy.local.process import GuardedProcess, tail
from deploy.local.service import ProcessService

FIRST_DELAY_SECONDS = 0.2  # seconds before the first new start
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 30.0  # a service that lived so long starts again after the first delay
POLL_SECONDS = 0.1
ERROR = "error: "  # begins the sentence that a command of ours leaves with
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Service(Protocol):
    """What can be kept running, as `LocalPostgres` and `LocalKafka`."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def running(self) -> bool:
        """Whether its process lives."""

    @property
    def pid(self) -> int | None:
        """Its process id, None when it does not run."""

    @property
    def ended(self) -> str:
        """How its process ended, as "signal 9" or "exit code 1"."""

    @property
    def log(self) -> Path:
        """The file it logs to."""

    def start(self) -> None:
        """Start and wait until it serves; raises `LocalServiceError`."""

    def stop(self) -> None:
        """Stop in order; returns when no process of it is left."""

    def kill(self) -> None:
        """Kill -9; returns when no process of it is left."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A command to keep running.

    Attributes:
        name: what it is called in messages, and its log file.
        argv: program and arguments.
        env: variables on top of those of the starter.
        grace: seconds it may take to stop before it is killed.
        before: called before each start, while no process of it runs; raises `LocalServiceError` where it
            cannot be started now.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    grace: float = 10.0
    before: Callable[[], None] | None = None


class ChildService(ProcessService):
    """A child as a service: serving means started."""

    def __init__(self, child: Child, log: Path) -> None:
        super().__init__(log)
        self.name = child.name
        self._child = child

    @property
    def ended(self) -> str:
        """How it ended: "signal 9" or "exit code 1", with the sentence that its log ends with, if it does."""
        failed = self._process is not None and (self._process.returncode or 0) > 0
        last = tail(self.log, 1) if failed else ""
        reason = f": {last.removeprefix(ERROR)}" if last.startswith(ERROR) else ""
        return f"{super().ended}{reason}"

    def start(self) -> None:
        """Start the command."""
        if self._child.before is not None:
            self._child.before()
        self._process = GuardedProcess(
            self._child.argv, log=self.log, env=self._child.env, grace=self._child.grace
        )

    def stop(self) -> None:
        """Ask it to stop, kill it after its grace."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """Kill -9 it and its children."""
        if self._process is not None:
            self._process.kill()


class Keeper:
    """Keeps one service running, in a thread of its own, so that a slow start holds up no other."""

    def __init__(self, service: Service, say: Callable[[str], None]) -> None:
        self.service = service
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {service.name}", daemon=True)

    def start(self) -> None:
        """Start the service, then watch it."""
        self.service.start()
        self._thread.start()

    def stop(self, kill: bool) -> None:
        """Stop the service, also one that is being started again at this moment."""
        self._stop.set()
        end = self.service.kill if kill else self.service.stop
        end()
        if self._thread.is_alive():
            self._thread.join()
        end()

    def _keep(self) -> None:
        delay = FIRST_DELAY_SECONDS
        started = time.monotonic()
        while not self._stop.wait(POLL_SECONDS):
            if self.service.running:
                continue
            if time.monotonic() - started > HEALTHY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            died = f"{self.service.name} died ({self.service.ended})"
            if delay > 2:
                self._say(f"{died}, is started again in {delay:.0f} seconds; its log is {self.service.log}")
            if self._stop.wait(delay):
                return
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)
            started = time.monotonic()
            if self._start_again():
                self._say(f"{died}, started again")

    def _start_again(self) -> bool:
        try:
            self.service.start()
        except (LocalServiceError, OSError) as error:  # OSError: no process or file more is to be had now
            if not self._stop.is_set():
                self._say(f"{self.service.name} could not be started again: {error}")
            return False
        return True


class Supervisor:
    """Starts services and children, keeps them running, and stops them in reverse order.

    A context manager. Inside it SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt; leaving it stops all, and
    a second signal meanwhile kills what is left. Killed -9 itself, its children end by their guards.

    Args:
        log_folder: `<name>.log` of each child goes there.
        say: called with one line on who died and was started again; from threads, one at a time.
    """

    def __init__(self, log_folder: Path, say: Callable[[str], None]) -> None:
        self._log_folder = log_folder
        self._tell = say
        self._say_lock = threading.Lock()
        self._keepers: list[Keeper] = []
        self._handlers: dict[signal.Signals, object] = {}
        self._hurry = threading.Event()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                self._handlers[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in self._handlers:
            signal.signal(number, self._hurry_up)
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave

    def start(self, what: Service | Child) -> None:
        """Start a service (waits until it serves) or a child, and keep it running from now on."""
        if isinstance(what, Child):
            self._log_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            what = ChildService(what, self._log_folder / f"{what.name}.log")
        keeper = Keeper(what, self._say)
        self._keepers.append(keeper)
        keeper.start()

    def pids(self) -> dict[str, int]:
        """Name -> process id of all that run now, in the order of their start."""
        found = {keeper.service.name: keeper.service.pid for keeper in self._keepers}
        return {name: pid for name, pid in found.items() if pid is not None}

    def wait(self) -> None:
        """Stand by until a signal comes."""
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop all, last started first; returns when no process is left. A second time does nothing."""
        while self._keepers:
            self._stop_one(self._keepers[-1])
            self._keepers.pop()

    def _stop_one(self, keeper: Keeper) -> None:
        """Stops in a thread, so that a second signal is seen at once and ends the wait."""
        ending = threading.Thread(target=keeper.stop, args=(self._hurry.is_set(),))
        ending.start()
        while ending.is_alive():
            if self._hurry.is_set():
                keeper.service.kill()
            ending.join(POLL_SECONDS)

    def _interrupt(self, *_: object) -> None:
        raise KeyboardInterrupt

    def _hurry_up(self, *_: object) -> None:
        self._hurry.set()

    def _say(self, line: str) -> None:
        with self._say_lock:
            self._tell(line)
