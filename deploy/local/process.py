"""A child process that never outlives its starter and leaves no process of its own behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

NOT_STARTED = "not started"
GUARD = Path(__file__).with_name("guard.py")
LOG_LIMIT_BYTES = 20 * 1024 * 1024  # bytes; a longer log is moved aside when its process starts again


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log file; empty without a file."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        return gist(file.read().decode("utf-8", "replace"), lines)


def gist(text: str, lines: int = 8) -> str:
    """The last lines without the frames of Java's stack traces, which would push the cause out of sight."""
    said = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "\t..."))]
    return "\n".join(said[-lines:])


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie, which only waits to be reaped by a parent that is not us, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def tree(pid: int) -> list[psutil.Process]:
    """A process's living descendants, itself not included."""
    try:
        return [child for child in psutil.Process(pid).children(recursive=True) if alive(child)]
    except psutil.NoSuchProcess:
        return []


class GuardedProcess:
    """A command run under `guard.py`: it stops when this process ends, even by kill -9.

    Args:
        argv: program and arguments.
        log: file that its output is appended to, made with mode 0600.
        env: variables on top of those of this process.
        cwd: its working folder.
        user: (uid, gid) to run as; only root can give it.
        stop_signal: what asks it to stop.
        grace: seconds between that and kill -9.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
    ) -> None:
        self.argv = list(argv)
        self.log = log
        self.grace = grace
        spec = {
            "argv": self.argv,
            "env": dict(env or {}),
            "cwd": str(cwd) if cwd else None,
            "user": user,
            "stop_signal": int(stop_signal),
            "grace": grace,
            "starter": os.getpid(),
        }
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_name(log.name + ".1"))
        self._log_start = log.stat().st_size if log.exists() else 0
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in a terminal is for the starter, which stops in order
                bufsize=0,
            )
        finally:
            os.close(output)
        assert self._guard.stdin is not None
        self._lifeline = self._guard.stdin
        self._lifeline.write(json.dumps(spec).encode() + b"\n")

    def output(self) -> bytes:
        """What it has written to its log since this start."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read()

    @property
    def guard_pid(self) -> int:
        """The guard's process id."""
        return self._guard.pid

    @property
    def pid(self) -> int | None:
        """The service's own process id, None when it has ended."""
        try:
            children = psutil.Process(self._guard.pid).children()
        except psutil.NoSuchProcess:
            return None
        living = [child for child in children if alive(child)]
        return min(living, key=lambda child: child.create_time()).pid if living else None

    @property
    def returncode(self) -> int | None:
        """None while it runs, else its exit code, or the signal that ended it, negated."""
        code = self._guard.poll()
        if code is not None:
            self._lifeline.close()
        return code

    @property
    def ended(self) -> str:
        """How it ended: "signal 9" or "exit code 1"; "running" while it does."""
        code = self.returncode
        if code is None:
            return "running"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.returncode is None

    def wait(self, timeout: float) -> int:
        """Its return code; raises `subprocess.TimeoutExpired` after so many seconds."""
        self._guard.wait(timeout)
        code = self.returncode
        assert code is not None
        return code

    def stop(self) -> None:
        """Ask it to stop, and kill what is left of it after the grace; returns when all is gone."""
        self.request_stop()
        try:
            self._guard.wait(self.grace + 10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._lifeline.close()

    def request_stop(self) -> None:
        """Ask it to stop, without waiting."""
        if self.running:
            self._guard.terminate()

    def kill(self) -> None:
        """Kill -9 it and all its children; returns when all are gone."""
        if not self.running:
            return
        # The guard goes last: it reaps the others, which would stay zombies where no init does it.
        victims = tree(self._guard.pid)
        while victims:
            for victim in victims:
                try:
                    victim.kill()
                except psutil.NoSuchProcess:
                    continue
            victims = [victim for victim in victims if alive(victim)] or tree(self._guard.pid)
        try:
            self._guard.wait(10)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._lifeline.close()
