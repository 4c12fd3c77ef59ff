"""Workers as processes on one read side and one broker, and a publisher that stands in for the relay.

The publisher seals and publishes events of a generated history in the relay's own transactions, so that a
test decides what is in which seal; `tests/integration/worker/test_worker_flow.py` has the real relay instead.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import StoredRow
from consumers.kafka.address import KafkaAddress
from consumers.kafka.producer import SealingProducer
from consumers.relay.seals import seal_range
from domain.events.catalogue import CATALOGUE
from domain.events.seal import Seal
from projections.registry import PROJECTIONS
from projections.runtime.replay import fold_all
from tests.support.database import PARTITIONS, Urls
from tests.support.histories import opened
from tests.support.nursery import nursery
from tests.support.read_side import normal, table_rows
from tests.support.relay_runner import Trap
from tests.support.relaying import until
from tests.support.store import execute
from tests.support.worker_runner import known

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Publisher:
    """Seals and publishes rows, as the relay does."""

    def __init__(self, bootstrap: str, name: str = "test publisher") -> None:
        self._producer = SealingProducer(KafkaAddress(bootstrap=bootstrap), name, partitions=PARTITIONS)
        self._producer.init()
        self.last: Seal | None = None
        self.sealed: list[tuple[Sequence[StoredRow], bytes]] = []

    def publish(self, rows: Sequence[StoredRow], size: int = 2_500) -> None:
        """These rows, in seals of `size` events."""
        for at in range(0, len(rows), size):
            part = rows[at : at + size]
            self.last = seal_range(
                part, self.last, store=UUID(int=5), partitions=PARTITIONS, key=KEY, now=datetime.now(UTC)
            )
            self.sealed.append((part, self.last.record))
            self.send(part, self.last.record)

    def send(self, rows: Sequence[StoredRow], record: bytes) -> None:
        """One transaction with these rows and this seal, whether they fit each other or not."""
        self._producer.publish(rows, record)

    def close(self) -> None:
        """Lets go of the broker."""
        self._producer.close()


@dataclass
class Workers:
    """Worker processes; `close` kills what is left of them."""

    urls: Urls
    bootstrap: str
    logs: Path
    key: Ed25519PrivateKey = KEY
    timeouts: dict[str, float] = field(
        default_factory=lambda: {
            "lease": 2.0,
            "mismatch": 2.0,
            "stall": 2.0,
            "broker": 1.0,
            "pause": 1.0,
        }
    )
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        name: str = "worker",
        *,
        projection: str = "pipeline",
        halt_at: str | None = None,
        traps: bool = False,
    ) -> subprocess.Popen[bytes]:
        """A worker process; its log is `<name>.log`. With `halt_at` it stops there: see `halted`; with
        `traps` it takes traps: see `set_trap`."""
        told = {
            "projection": projection,
            "read": self.urls.worker,
            "bootstrap": self.bootstrap,
            "key": self.key.public_key().public_bytes_raw().hex(),
            "timeouts": self.timeouts,
            "halt_at": halt_at,
            "halt_file": str(self.logs / f"{name}.halted") if halt_at else None,
            "traps": traps,
        }
        with (self.logs / f"{name}.log").open("ab") as log:
            process = nursery().bear("worker", told, log, stdin=traps)
        self.started.append(process)
        return process

    def set_trap(self, process: subprocess.Popen[bytes], trap: Trap | None) -> None:
        """This trap is set for the worker, or none; one that is dead has no use for it."""
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(trap).encode() + b"\n")
            process.stdin.flush()

    def halted(self, name: str = "worker") -> Path:
        """The file that is there while that worker stands at its failpoint."""
        return self.logs / f"{name}.halted"

    def log(self, name: str = "worker") -> str:
        """What that worker said."""
        return (self.logs / f"{name}.log").read_text()

    def shares(self, projection: str = "pipeline") -> list[dict[str, Any]]:
        """The projection's shares by partition."""
        names = ("partition", "epoch", "worker", "state", "reason", "position", "seal_sequence", "received")
        found = execute(
            self.urls.admin,
            f"SELECT {', '.join(names)} FROM control.share WHERE projection = %s ORDER BY partition",
            (projection,),
        )
        return [dict(zip(names, row, strict=True)) for row in found]

    def position(self, projection: str = "pipeline") -> int:
        """The least position of its shares."""
        return min(int(share["position"]) for share in self.shares(projection))

    def until_at(self, position: int, projection: str = "pipeline", seconds: float = 30.0) -> None:
        """Waits until all shares stand at the position."""
        until(lambda: self.position(projection) >= position, f"{projection} at {position}", seconds)

    def check(self, rows: Sequence[StoredRow], projections: Sequence[str] = ("pipeline",)) -> None:
        """The tables hold what an independent fold gives, and every share took in each of its events once."""
        for name in projections:
            projection = known(name)
            with closing(psycopg2.connect(self.urls.admin)) as connection:
                found = table_rows(connection, projection)
            assert normal(found) == normal(fold_all(projection, rows, CATALOGUE, opened))
            received = sum(int(share["received"]) for share in self.shares(name))
            assert received == sum(row.type.split(".")[1] in projection.families for row in rows)
            parked = execute(
                self.urls.admin, "SELECT count(*) FROM control.held WHERE projection = %s", (name,)
            )
            assert parked == [(0,)], "sound events are parked"
            standings = {(share["position"], share["seal_sequence"]) for share in self.shares(name)}
            assert len(standings) == 1, f"shares stand at different seals: {standings}"

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and the exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(15)

    def close(self) -> None:
        """Kills what is left."""
        for process in self.started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait(10)
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()


ALL = tuple(projection.name for projection in PROJECTIONS)
