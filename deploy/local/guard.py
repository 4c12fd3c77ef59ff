"""The program between a starter and a service: it ends the service when the starter is gone.

Run as a script by `process.py`, on the standard library alone so that it is up in milliseconds.
Standard input is a pipe, the lifeline: its first line is a JSON object that says what to run, and its
end means that the starter died, however it died. A parent-death signal set by the starter itself would
fire when the *thread* that started the service ends, which is why this process stands between.

It ends with the exit status of its service, or by the same signal.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LEFTOVER_SECONDS = 1.0  # what a service leaves behind may take so long to end by itself


def prctl(option: int, value: int) -> None:
    """Set one attribute of this process on Linux; elsewhere the lifeline alone has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def read_spec(fd: int) -> dict[str, Any]:
    """The first line of the lifeline: argv, env, cwd, user, stop_signal, grace, starter."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(fd, 1)
        if not piece:
            raise SystemExit("the starter ended before it said what to run")
        line += piece
    spec: dict[str, Any] = json.loads(line)
    return spec


def become_service(spec: dict[str, Any], guard: int) -> None:
    """In the forked child: shed what is the guard's, then become the service. Does not return."""
    # The guard could be killed -9 as well; the kernel then ends the service for it.
    prctl(PR_SET_PDEATHSIG, spec["stop_signal"])
    if os.getppid() != guard:
        os._exit(125)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.environ.update(spec["env"])
    for caught in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(caught, signal.SIG_DFL)
    try:
        if spec["cwd"]:
            os.chdir(spec["cwd"])
        if spec["user"]:
            uid, gid = spec["user"]
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            prctl(PR_SET_PDEATHSIG, spec["stop_signal"])  # a change of user clears it
        os.execvp(spec["argv"][0], spec["argv"])  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{spec['argv'][0]} could not be started: {error}\n".encode())
    os._exit(127)


def children() -> list[int]:
    """Process ids whose parent is this process, orphans that came to it included."""
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:
                # The name in parentheses may hold spaces; the parent is the second field behind it.
                if int(stat.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.append(int(entry))
    return found


class Guard:
    """One service and its end."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.stopping = threading.Lock()
        guard = os.getpid()
        self.service = os.fork()
        if self.service == 0:
            become_service(spec, guard)

    def stop(self) -> None:
        """Ask the service to stop; kill what is left of it after the grace. Once."""
        if self.stopping.acquire(blocking=False):
            threading.Thread(target=self.stop_then_kill, daemon=True).start()

    def stop_then_kill(self) -> None:
        """The service's stop signal, its grace in seconds, then -9, also for what it left behind."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.service, self.spec["stop_signal"])
        time.sleep(self.spec["grace"])
        self.kill_for_good()

    def kill_for_good(self) -> None:
        """Kill -9 every child until none is left; children's children come here and are met again."""
        while True:
            for pid in children() or [self.service]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def watch(self, lifeline: int) -> None:
        """Stop the service when the starter is gone: the pipe ends, or (a forked copy of the starter may
        hold the pipe's other end) this process has got another parent."""
        while os.getppid() == self.spec["starter"]:
            if select.select([lifeline], [], [], 1.0)[0] and not os.read(lifeline, 4096):
                break
        self.stop()

    def wait(self) -> int:
        """Reap until nothing is left; the wait status of the service itself."""
        status = 0
        while True:
            try:
                pid, ended = os.wait()
            except ChildProcessError:
                return status
            if pid == self.service:
                status = ended
                # What a service leaves behind (PostgreSQL's backends after a kill -9) ends by itself or here.
                killer = threading.Timer(LEFTOVER_SECONDS, self.kill_for_good)
                killer.daemon = True
                killer.start()


def main() -> None:
    """Run the service that the lifeline names until it or the starter ends."""
    spec = read_spec(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard = Guard(spec)
    for caught in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(caught, lambda *_: guard.stop())
    threading.Thread(target=guard.watch, args=(0,), daemon=True).start()
    status = guard.wait()
    if os.WIFSIGNALED(status):
        ended_by = os.WTERMSIG(status)
        if ended_by != signal.SIGKILL:
            signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
