"""`rapport up` as a real process, and the other commands beside it."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local.guard import PR_SET_PDEATHSIG
from deploy.local.ports import free_port
from deploy.local.process import alive
from tests.support.command_line import CommandLine

RAPPORT = [sys.executable, "-P", "-m", "deploy.cli"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a command on this home folder."""
    return {**os.environ, "RAPPORT_HOME": str(home), **more}


def rapport(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end. `more` are further variables."""
    if words[:1] == ("api",):
        more.setdefault("RAPPORT_API_PORT", str(free_port()))  # tests at once would meet at the usual one
    command = CommandLine(*words, variables=environment(home, **more))
    try:
        out, err = command.communicate(60)
    finally:
        command.kill()
    return subprocess.CompletedProcess(words, command.wait(), out, err)


def told(home: Path, *words: str, **more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and envelope of one command with `--json`."""
    done = rapport(home, *words, "--json", **more)
    return done.returncode, json.loads(done.stdout)


def end_with_parent() -> None:
    """In the started process: it gets SIGTERM when the tests end, however they end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Up:
    """A running `rapport up`."""

    def __init__(self, home: Path, port: int | None = None, **more: str) -> None:
        self.home = home
        self.port = port or free_port()
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*RAPPORT, "up"],
            env=environment(home, RAPPORT_API_PORT=str(self.port), **more),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            preexec_fn=end_with_parent,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The API key that was printed."""
        return next(found[1] for line in self.lines if (found := re.match(r" +API key +(rk_\S+)$", line)))

    def wait_ready(self, seconds: float = 90) -> None:
        """Returns when it has told that everything runs, to the last line of that."""
        self.wait_line("rapport doctor", seconds)

    def wait_line(self, text: str, seconds: float = 60, after: int = 0) -> str:
        """The first line behind number `after` that holds `text`."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [line for line in self.lines[after:] if text in line]
            assert found or self.process.poll() is None, f"it ended; it said {self.lines}"
            return bool(found)

        wait(there, seconds, lambda: f"no line with {text!r} in {self.lines}")
        return found[0]

    def processes(self) -> list[psutil.Process]:
        """Itself and everything it started."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def pid_of(self, *words: str) -> int:
        """The process whose command line holds all these words; the oldest of them."""
        found = self.pids_of(*words)
        assert found, f"no process runs {words}"
        return found[0]

    def pids_of(self, *words: str) -> list[int]:
        """All of them, the oldest first; none while it is being started again."""
        found = [p for p in self.processes()[1:] if _runs(p, words)]
        return [p.pid for p in sorted(found, key=lambda p: p.create_time())]

    def client(self) -> httpx.Client:
        """A client of its API with its key."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=httpx.Timeout(20)
        )

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 60) -> int:
        """Ends it by a signal; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.close()
        return code

    def close(self) -> None:
        """Reads what it said to the end; for one that has ended."""
        self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def everything(home: Path) -> Iterator[Up]:
    """`rapport up` on that folder, ready; ended afterwards, where the test has not ended it."""
    up = Up(home)
    try:
        up.wait_ready()
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def wait(until: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Returns when `until` holds; fails with `otherwise` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


def none_left(processes: list[psutil.Process], seconds: float) -> None:
    """Fails when one of the processes still lives after so many seconds."""
    wait(
        lambda: not any(alive(p) for p in processes),
        seconds,
        lambda: f"still alive: {[p.cmdline() for p in processes if alive(p)]}",
    )


def visible_after_a_command(up: Up, seconds: float = 60) -> str:
    """Opens an opportunity and reads it through the read model; its id. Services may just be starting."""
    deadline = time.monotonic() + seconds
    with up.client() as client:
        while True:
            try:
                opened = client.post("/v1/opportunities", json={"pipeline": "sales"})
                if opened.status_code == httpx.codes.CREATED:
                    break
                last = opened.text
            except httpx.TransportError as error:
                last = repr(error)
            assert time.monotonic() < deadline, (last, up.lines[11:])
            time.sleep(0.1)
        body = opened.json()
        while True:
            read = client.get(
                f"/v1/opportunities/{body['id']}",
                params={"wait_ms": 5000},
                headers={"Consistency-Token": body["consistency_token"]},
            )
            if read.status_code == httpx.codes.OK:
                assert read.json()["opportunity"]["id"] == body["id"]
                return str(body["id"])
            assert time.monotonic() < deadline, read.text


def _runs(process: psutil.Process, words: tuple[str, ...]) -> bool:
    """Whether its command line holds all these words; not that of one that ended in between."""
    try:
        line = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return all(word in line for word in words)
