"""A store with a relay, and read models in several versions with workers: what a rebuild needs, and what it
must come to."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from commands.store.event_reader import StoredRow
from consumers.kafka.address import KafkaAddress
from consumers.rebuild.rebuild import Endpoints
from consumers.worker.worker import Timeouts, Worker
from domain.events.catalogue import CATALOGUE
from projections.release.schema import Installation, install
from projections.runtime.projection import Projection
from projections.runtime.replay import fold_all
from tests.support.database import PARTITIONS, Urls
from tests.support.histories import CIPHER, HistoryCipher, opened
from tests.support.read_side import normal, table_rows
from tests.support.relaying import Relays, until
from tests.support.store import execute

INSERT = "INSERT INTO store.event (aggregate_id, version, type, party, event) VALUES %s"


def cipher() -> HistoryCipher:
    """What opens the histories' private values, in any process."""
    return CIPHER


def next_of(projection: Projection, folder: Path) -> Projection:
    """A next version that makes the same of every event; its files are written to `folder`."""
    place, version = folder / projection.name, projection.version + 1
    place.mkdir()
    following = replace(projection, version=version, folder=place)
    for name in ("schema.sql", "views.sql"):
        text = (projection.folder / name).read_text()
        (place / name).write_text(text.replace(projection.schema, following.schema))
    return following


@dataclass
class Rebuilding:
    """Read models on a store and a broker, with a relay; `close` ends what runs."""

    urls: Urls
    bootstrap: str
    relays: Relays
    known: tuple[Projection, ...] = ()
    running: list[tuple[threading.Event, threading.Thread]] = field(default_factory=list)

    @property
    def places(self) -> Endpoints:
        """Where a rebuild finds everything."""
        return Endpoints(
            owner_url=self.urls.owner,
            store_url=self.urls.store,
            address=KafkaAddress(bootstrap=self.bootstrap),
            registry=CATALOGUE,
            cipher=cipher,
        )

    def install(self, *projections: Projection) -> Installation:
        """A release with these versions."""
        self.known = projections
        return install(self.urls.owner, projections, partitions=PARTITIONS)

    def append(self, rows: Sequence[StoredRow], c: Cursor | None = None) -> None:
        """Appends the events in one transaction of its own, or in that of `c`."""
        values = [(str(r.aggregate_id), r.version, r.type, str(r.party), r.event) for r in rows]
        if c is not None:
            execute_values(c, INSERT, values, page_size=1000)
            return
        with closing(psycopg2.connect(self.urls.app)) as connection, connection, connection.cursor() as own:
            execute_values(own, INSERT, values, page_size=1000)

    def stored(self) -> list[StoredRow]:
        """The whole store, in order."""
        found = execute(
            self.urls.admin,
            "SELECT position, aggregate_id, version, type, party, event FROM store.event ORDER BY position",
        )
        return [StoredRow._make((*row[:-1], bytes(row[-1]))) for row in found]

    def sealed(self) -> int:
        """The end of the newest seal."""
        return int(execute(self.urls.admin, "SELECT coalesce(max(last), 0) FROM store.seal")[0][0])

    def until_sealed(self) -> int:
        """Waits until the relay has sealed the whole store; the last position."""
        last = int(execute(self.urls.admin, "SELECT coalesce(max(position), 0) FROM store.event")[0][0])
        until(lambda: self.sealed() >= last, f"a seal up to {last}", 60)
        return last

    def work(self, projection: Projection) -> threading.Event:
        """Starts a worker of that version in a thread; it ends when the event is set."""
        worker = Worker(
            projection,
            read_url=self.urls.worker,
            address=KafkaAddress(bootstrap=self.bootstrap),
            registry=CATALOGUE,
            public_key=self.relays.key.public_key(),
            cipher=CIPHER if projection.private else None,
            timeouts=Timeouts(lease=4.0, mismatch=5.0, stall=10.0, broker=2.0),
        )
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop,), name=f"worker {projection.schema}")
        thread.start()
        self.running.append((stop, thread))
        return stop

    def shares(self, projection: Projection) -> list[dict[str, Any]]:
        """The version's shares by partition."""
        names = ("partition", "epoch", "state", "reason", "position", "seal_sequence", "offsets", "received")
        found = execute(
            self.urls.admin,
            f"SELECT {', '.join(names)} FROM control.share WHERE projection = %s AND version = %s "
            "ORDER BY partition",
            (projection.name, projection.version),
        )
        return [dict(zip(names, row, strict=True)) for row in found]

    def until_at(self, projection: Projection, position: int) -> None:
        """Waits until all shares of the version stand at the position."""
        until(
            lambda: all(share["position"] >= position for share in self.shares(projection)),
            f"{projection.title} at {position}",
            60,
        )

    def check(self, projection: Projection) -> None:
        """The version's rows are those of an independent fold over the whole store, and each event was
        counted once."""
        rows = self.stored()
        with closing(psycopg2.connect(self.urls.admin)) as connection:
            found = table_rows(connection, projection)
        assert normal(found) == normal(fold_all(projection, rows, CATALOGUE, opened))
        wanted = sum(row.type.split(".")[1] in projection.families for row in rows)
        assert sum(share["received"] for share in self.shares(projection)) == wanted

    def state(self, projection: Projection) -> str | None:
        """The state of the version's open rebuild."""
        found = execute(
            self.urls.admin,
            "SELECT state FROM control.rebuild WHERE projection = %s AND version = %s AND ended_at IS NULL",
            (projection.name, projection.version),
        )
        return found[0][0] if found else None

    def close(self) -> None:
        """Ends workers and relay."""
        for stop, _ in self.running:
            stop.set()
        for _, thread in self.running:
            thread.join(30)
        self.relays.close()


@contextmanager
def rebuilding(urls: Urls, bootstrap: str, folder: Path) -> Iterator[Rebuilding]:
    """Such a store with its relay, whose keys are in `folder`; what runs inside it is ended afterwards."""
    relays = Relays(urls, bootstrap, folder)
    relays.start()
    with collector_left_alone():
        made = Rebuilding(urls, bootstrap, relays)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def collector_left_alone() -> Iterator[None]:
    """A worker sets Python's collector for its process; in a test's it is put back afterwards."""
    before = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
