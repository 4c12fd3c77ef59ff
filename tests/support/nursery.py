"""Relays, workers and command lines as processes that begin where their imports end.

Most of what a young process does is to import. The nursery, one process for all of a session, has done that,
and forks for each of them. What runs then is what `python -m` would run, in a process of its own, which is
stopped, continued and killed as any other. When the tests end, so do all.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from tests.support import command_runner, relay_runner, republish_runner, worker_runner

CHECKOUT: Final = Path(__file__).parents[2]
RUNNERS: Final[Mapping[str, Callable[[], object]]] = {
    "relay": relay_runner.main,
    "worker": worker_runner.main,
    "command": command_runner.main,
    "republish": republish_runner.main,
}


class Born(subprocess.Popen[bytes]):
    """A process of the nursery, for whoever had it started: how it ended is read from the pipe `end`."""

    def __init__(self, pid: int, end: int, stdin: IO[bytes] | None) -> None:
        # Not Popen's own: that would start something, and wait for a child, which this is not.
        self.args, self.pid, self.returncode, self._end = [], pid, None, end
        self.stdin, self.stdout, self.stderr = stdin, None, None
        self._child_created = False

    def poll(self) -> int | None:
        """How it ended, None while it lives."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended; raises `subprocess.TimeoutExpired`."""
        code = self._ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def _ended(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], seconds)[0]:
            self.returncode = int(os.read(self._end, 32) or -signal.SIGKILL)
            os.close(self._end)
        return self.returncode


class Nursery:
    """The nursery as its starter sees it."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.support.nursery", str(theirs.fileno())],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.close)

    def bear(
        self,
        runner: str,
        told: Mapping[str, Any],
        log: IO[bytes],
        *,
        stdin: bool = False,
        errors: IO[bytes] | None = None,
    ) -> Born:
        """A process of that runner, told this; with `stdin` it is spoken to. It writes to `log`, and its
        errors to `errors` where that is given."""
        ear, mouth = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), None)
        end, to_tell = os.pipe()
        request = json.dumps([runner, json.dumps(told)]).encode() + b"\n"
        streams = [ear, log.fileno(), (errors or log).fileno()]
        socket.send_fds(self._ours, [request], [*streams, to_tell])
        os.close(ear)
        os.close(to_tell)
        pid = self._ours.recv(32)
        assert pid, "the nursery ended"
        return Born(int(pid), end, os.fdopen(mouth, "wb") if mouth is not None else None)

    def close(self) -> None:
        """Ends it, and all its processes."""
        self._ours.close()
        self._process.wait(10)


@cache
def nursery() -> Nursery:
    """The nursery of this session."""
    return Nursery()


def main() -> None:
    """Forks on each request, until the requester is gone."""
    asks = socket.socket(fileno=int(sys.argv[1]))
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.freeze()
    living: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([asks.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 1024)
            _tell_ends(living)
        if asks.fileno() in ready:
            request, descriptors, _, _ = socket.recv_fds(asks, 1 << 20, 4)
            if not request:
                break
            *streams, end = descriptors
            runner, told = json.loads(request)
            pid = os.fork()
            if pid == 0:
                _become(runner, told, streams, [end, wake, woken, asks.fileno(), *living.values()])
            living[pid] = end
            for stream in streams:
                os.close(stream)
            asks.sendall(str(pid).encode())
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _tell_ends(living: dict[int, int]) -> None:
    """Tells of those that ended how they did, as `Popen.returncode` has it."""
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        end = living.pop(pid)
        try:
            os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
        except BrokenPipeError:
            pass  # nobody asks any more
        finally:
            os.close(end)


def _become(runner: str, told: str, streams: list[int], others: list[int]) -> NoReturn:
    """In the forked process: it sheds what is the nursery's, runs and ends."""
    code: object = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A shell has its background jobs ignore SIGINT, and whoever they start inherits that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for here, there in enumerate(streams):
            os.dup2(there, here)
        for other in (*streams, *others):
            os.close(other)
        sys.argv[1:] = [told]
        code = RUNNERS[runner]()
    except SystemExit as left:
        code = left.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
