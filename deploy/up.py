"""Everything on this machine: PostgreSQL, Kafka, relay, workers and API, kept running until it is left.

A service with an address in the settings is used, not started.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from commands.store.incarnation import RECOVER, RecoveryNeeded
from consumers.relay.status import relay_status
from deploy import setup
from deploy.demo.tansu import StandIn
from deploy.first_key import ensure_key
from deploy.health.projection_health import projection_health
from deploy.local.errors import LocalServiceError
from deploy.local.jars import JarsUnavailable, ensure_jars
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.local.process import tail
from deploy.local.state import StateFolder
from deploy.local.supervisor import Child, Supervisor
from deploy.serve import listen
from deploy.settings import PREFIX, Settings, write_env_file
from deploy.wiring import wiring
from deploy.wiring.wiring import kafka_address
from domain.kernel.user_errors import FailureFound
from projections.registry import PROJECTIONS, named

READY_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.2

STAND_IN: Final = (
    "Apache Kafka could not be fetched ({}...), so this demo goes on with Tansu in its place: in memory, and "
    "its transactions do not hold. The figures are true; that each event is published once is not shown."
)

Progress = Callable[[int, int], None]
"""Called with the number done and the total."""


class NotVisible(FailureFound):
    """The read models did not reach a position in time. The text says how far each is."""


class Stack:
    """A context manager: inside it everything runs.

    Args:
        settings: what `settings.load(use_env_file=False)` gives; addresses that are set are used as they are.
        say: called with a line for each thing that happens, from threads as well.
        may_stand_in: whether a stand-in is used, and said, where Apache Kafka cannot be fetched: the demo's.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None], *, may_stand_in: bool = False) -> None:
        self.settings = settings
        self.key = ""
        """An API key with all scopes, kept in the secrets folder."""
        self._say = say
        self._may_stand_in = may_stand_in
        self._state = StateFolder(settings.home)
        self._stand_in = StandIn(self._state.kafka / "stand-in", self._end_relay)
        self._inside = ExitStack()
        self.supervisor = Supervisor(self._state.log, say)

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    def __enter__(self) -> Self:
        with self._inside:
            self._inside.enter_context(self._state.locked())
            self._inside.enter_context(self.supervisor)
            # Checked before anything starts: a busy port would show only after all the rest is up.
            listen(self.settings.api_host, self.settings.api_port).close()
            self._start_services()
            prepared = setup.prepare(self.settings, say=self._say)
            self.settings = prepared.settings
            write_env_file(self.settings)
            for line in setup.not_built(prepared.read_side):
                self._say(line)
            self._start_children()
            # A restored store takes no command yet; all else runs, so that an operator can recover it.
            with wiring.Wiring(self.settings) as wired, suppress(RecoveryNeeded):
                self.key = ensure_key(wired)
            self._wait_ready()
            self._inside = self._inside.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.__exit__(kind, error, trace)

    def _start_services(self) -> None:
        update: dict[str, object] = {}
        if self.settings.admin_url is None and self.settings.store_url is None:
            self._say("PostgreSQL starts")
            postgres = LocalPostgres(self._state.postgres)
            self.supervisor.start(postgres)
            update["admin_url"] = postgres.admin_url
        if self.settings.kafka_bootstrap is None:
            update["kafka_bootstrap"] = self._start_kafka()
        self.settings = self.settings.model_copy(update=update)

    def _start_kafka(self) -> str:
        """The address of the Kafka that was started, or of its stand-in."""
        if self._may_stand_in:
            try:
                ensure_jars(self.settings.kafka_jars, self._say)
            except JarsUnavailable as error:
                self._say(STAND_IN.format(error.cause))
                self.supervisor.start(self._stand_in.begin())
                return self._stand_in.broker.bootstrap
        self._say("Apache Kafka starts")
        kafka = LocalKafka(self._state.kafka, self.settings.kafka_jars, say=self._say)
        self.supervisor.start(kafka)
        return kafka.bootstrap

    def _start_children(self) -> None:
        self._say("Relay, workers and API start")
        relay = self._child("relay", "relay", "run")
        if self._stand_in.used:
            relay = replace(relay, before=partial(self._stand_in.refill, self.settings))
        else:
            self._stand_in.end(self.settings)
        self.supervisor.start(relay)
        ports = count((self.settings.metrics_port or 0) + 1)  # the relay has the setting's own
        for projection in PROJECTIONS:
            for number in range(1, self.settings.workers + 1):
                # Every version that has a folder: those of a candidate, or of one that was dropped, wait
                # until it is rebuilt, and after a swap the version before is kept up to date.
                newest = named(projection.name).version == projection.version
                name = f"worker-{projection.name if newest else projection.schema}-{number}"
                words = ["projection", "run", projection.name, "--version", str(projection.version)]
                if self.settings.metrics_port:
                    words += ["--metrics-port", str(next(ports))]
                self.supervisor.start(self._child(name, *words))
        self.supervisor.start(self._child("api", "api"))

    def _end_relay(self) -> None:
        pid = self.supervisor.pids().get("relay")
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _child(self, name: str, *words: str) -> Child:
        # -P: a folder named like one of ours in the working folder must not be imported in its place.
        argv = [sys.executable, "-P", "-m", "deploy.cli", *words]
        return Child(name=name, argv=argv, env={PREFIX + "HOME": str(self.settings.home)})

    def _wait_ready(self) -> None:
        last = "it doesn't answer"

        def ready() -> bool:
            nonlocal last
            try:
                answer = client.get(f"{self.url}/readyz")
            except httpx.HTTPError as error:
                last = f"it doesn't answer ({type(error).__name__})"
                return False
            last = f"it answers {answer.status_code} {answer.text}"
            if RECOVER in answer.text:
                self._say(f"The API takes no commands yet: {answer.json()['detail']}")
                return True
            return answer.status_code == httpx.codes.OK

        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(timeout=5) as client:
            while not ready():
                if time.monotonic() > deadline:
                    raise LocalServiceError(
                        f"The API is not ready after {READY_SECONDS:.0f} seconds: {last}. "
                        f"The last lines of {self.log('api')}:\n{tail(self.log('api'))}"
                    )
                time.sleep(POLL_SECONDS)

    def log(self, name: str) -> Path:
        """The log file of a child."""
        return self._state.log / f"{name}.log"

    def wait_visible(self, position: int, timeout: float, progress: Progress | None = None) -> None:
        """Returns when every read model has applied the store up to `position`. Raises `NotVisible` with
        where each stands after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            seen = projection_health(self.settings)
            lowest = min((row.position for row in seen.rows if row.active), default=0)
            if progress is not None:
                progress(min(lowest, position), position)
            if lowest >= position and self._topics_reach(position):
                return
            if time.monotonic() > deadline:
                stand = "; ".join(f"{row.projection} at {row.position} ({row.state})" for row in seen.rows)
                raise NotVisible(
                    f"The read models did not reach position {position} in {timeout:.0f} seconds: {stand}. "
                    f"{' '.join(map(str, seen.findings))} See `rapport doctor`."
                )
            time.sleep(POLL_SECONDS)

    def _topics_reach(self, position: int) -> bool:
        """A read model is behind the topics, but for those of a stand-in, which are being filled again."""
        if not self._stand_in.used:
            return True
        seen = relay_status(self.settings.need("relay_url"), kafka_address(self.settings))
        return (seen.published or 0) >= position

    def welcome(self) -> list[str]:
        """The welcome: addresses, the key, how to look."""
        reader = self.settings.need("reader_url")
        example = f"{self.url}/v1/opportunities?page_size=3"
        return [
            "Everything runs. Stop it with Ctrl-C.",
            f"  HTTP API    {self.url}/docs",
            f"  API key     {self.key or 'made at the next start, once the store is recovered'}",
            f"  try it      curl -H 'Authorization: Bearer {self.key}' '{example}'",
            f"  metrics     curl -H 'Authorization: Bearer {self.key}' {self.url}/metrics",
            f"  SQL views   {reader}",
            f"  Kafka       {self.settings.kafka_bootstrap}",
            f"  logs        {self._state.log}",
            "  look        rapport projection status; rapport relay status; rapport doctor",
        ]

    def wait(self) -> None:
        """Stays until Ctrl-C, SIGTERM or SIGHUP."""
        self.supervisor.wait()
