"""A store with events, relays as processes, and what became of the events in the topics."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg2.extras import execute_values

from tests.support.database import Urls
from tests.support.kafka import FAMILIES, SEALS, read_committed
from tests.support.nursery import nursery
from tests.support.relay_runner import Trap
from tests.support.seals import Stored, check_topics
from tests.support.store import execute

CHECKOUT = Path(__file__).parents[2]


def sample_event(aggregate: UUID, version: int, party: UUID, family: str, filler: int = 40) -> bytes:
    """The bytes of an event with the envelope's keys in their order; nobody decodes its data."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{aggregate}:{version}",
            "source": f"/rapport/{family}",
            "type": f"crm.{family}.registered",
            "subject": str(aggregate),
            "partitionkey": str(party),
            "sequence": f"{version:010d}",
            "time": "2026-01-02T03:04:05.000000Z",
            "recordedtime": "2026-01-02T03:04:05.678999Z",
            "datacontenttype": "application/json",
            "dataschema": f"urn:rapport:crm.{family}.registered:1",
            "correlationid": str(aggregate),
            "authid": str(UUID(int=0)),
            "authtype": "system",
            "data": {"filler": "x" * filler},
        }
    )


def append_events(url: str, count: int, *, parties: Sequence[UUID] = (), filler: int = 40) -> None:
    """Appends new aggregates' first events in one transaction, over all families and, unless told, 50
    parties."""
    parties = parties or [uuid4() for _ in range(50)]
    rows = []
    for number in range(count):
        aggregate, party, family = uuid4(), parties[number % len(parties)], FAMILIES[number % len(FAMILIES)]
        event = sample_event(aggregate, 1, party, family, filler)
        rows.append((str(aggregate), 1, f"crm.{family}.registered", str(party), event))
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            execute_values(
                cursor,
                "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES %s",
                rows,
                page_size=1000,
            )
    finally:
        connection.close()


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Waits for the condition; fails with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"in {seconds:g} s there was never: {what}"
        time.sleep(0.03)


def stable(seen: Callable[[], int], seconds: float = 3.0) -> int:
    """What `seen` answers once its assertions hold; they must within so many seconds.

    A commit is answered before its markers are written, partition by partition: for a moment a reader may see
    it in one partition and not yet in another. What is wrong stays wrong.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return seen()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


@dataclass
class Relays:
    """Relay processes on one store and one broker; `close` kills what is left of them."""

    urls: Urls
    bootstrap: str
    logs: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        name: str = "relay",
        *,
        die_at: str | None = None,
        die_time: int = 1,
        trap: Trap | None = None,
        silence: int = 10,
        timeouts: tuple[float, float] = (6.0, 60.0),
        store: str | None = None,
        bootstrap: str | None = None,
    ) -> subprocess.Popen[bytes]:
        """A relay process; its log is `<name>.log`. After `silence` seconds the server ends its session.
        `store` and `bootstrap` are for one that has ways of its own to its services."""
        if die_at:
            trap = Trap(at=die_at, time=die_time, pause=0.0, signal="SIGKILL")
        told = {
            "store": store or self.urls.relay,
            "bootstrap": bootstrap or self.bootstrap,
            "key": self.key.private_bytes_raw().hex(),
            "name": name,
            "trap": trap,
            "silence": silence,
            "timeouts": timeouts,
        }
        with (self.logs / f"{name}.log").open("ab") as log:
            process = nursery().bear("relay", told, log, stdin=True)
        self.started.append(process)
        return process

    def set_trap(self, process: subprocess.Popen[bytes], trap: Trap | None) -> None:
        """This trap is set for the relay, or none; one that is dead has no use for it."""
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(trap).encode() + b"\n")
            process.stdin.flush()

    def log(self, name: str = "relay") -> str:
        """What that relay said."""
        return (self.logs / f"{name}.log").read_text()

    def row(self) -> dict[str, Any]:
        """What the leader says about itself."""
        found = execute(self.urls.admin, "SELECT state, reason, leader, position FROM store.relay")
        return dict(zip(("state", "reason", "leader", "position"), found[0], strict=True)) if found else {}

    def head(self) -> int:
        """The highest position in the store."""
        return int(execute(self.urls.admin, "SELECT coalesce(max(position), 0) FROM store.event")[0][0])

    def stored(self) -> list[Stored]:
        """All events of the store."""
        rows = execute(self.urls.admin, "SELECT position, event FROM store.event ORDER BY position")
        return [(position, bytes(event)) for position, event in rows]

    def seals(self) -> int:
        """How many seals the store has."""
        return int(execute(self.urls.admin, "SELECT count(*) FROM store.seal")[0][0])

    def seal_records(self) -> list[bytes]:
        """The store's seals, byte for byte."""
        return [
            bytes(r) for (r,) in execute(self.urls.admin, "SELECT record FROM store.seal ORDER BY sequence")
        ]

    def sealed(self) -> int:
        """The last position that is sealed."""
        return int(execute(self.urls.admin, "SELECT coalesce(max(last), 0) FROM store.seal")[0][0])

    def until_published(self, seconds: float = 120.0) -> None:
        """Waits until the leader says that the store's last event is published."""
        head = self.head()
        until(lambda: self.row().get("position") == head, f"position {head} published", seconds)

    def check(self) -> int:
        """The topics hold the store's events once, in order, sealed; the number of seals in the topics."""

        def seen() -> int:
            records = read_committed(self.bootstrap)
            sealed = check_topics(records, self.stored(), self.key.public_key())
            published = [record.value for record in records if record.topic == SEALS]
            assert published == self.seal_records(), "the topics have other seals than the store"
            return sealed

        return stable(seen)

    def check_what_is_visible(self) -> None:
        """What committed readers see is the store's events up to a seal's end, once, in order, sealed."""

        def seen() -> int:
            records = read_committed(self.bootstrap)
            upto = max((record.position or 0 for record in records), default=0)
            stored = [row for row in self.stored() if row[0] <= upto]
            return check_topics(records, stored, self.key.public_key())

        stable(seen)

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and the exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def close(self) -> None:
        """Kills what is left."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
