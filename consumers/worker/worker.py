"""The worker: one process of a read model. Takes shares, follows their topics, applies whole seals.

    claim shares -> seat the reader -> assemble until a seal is whole and proven -> commit rows and position

The last commit is always the end of a seal that was proven complete. Going on from there gives the same rows,
so after every failure the worker goes back to its last commit, with a new session or a new seat.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from threading import Event as Flag
from typing import Final
from uuid import UUID, uuid4

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import BrokerAway, OutOfRange
from consumers.kafka.topics import topic
from consumers.worker.dropped import wait_while_dropped
from consumers.worker.group import Group
from consumers.worker.groups import Groups
from consumers.worker.seals import Batch, Mismatch
from consumers.worker.state_reporter import StateReporter
from consumers.worker.timeouts import Backoff, Timeouts
from consumers.worker.upgrade import Upgrade
from consumers.worker.writer import Meter, Writer, connect
from domain.events.registry import Registry
from domain.kernel.user_errors import EnvironmentProblem
from projections.control.shares import (
    KEYS,
    WAITING,
    Shares,
    SharesLost,
)
from projections.runtime.apply import Applier
from projections.runtime.decode import (
    Decoder,
    KeyStoreAway,
    OpeningCipher,
    category_of,
    is_away,
    is_data_fault,
    told,
)
from projections.runtime.folding import Folded
from projections.runtime.projection import Projection

__all__ = ["Timeouts", "Worker", "WorkerStopped"]

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
"""Seconds that a poll waits for records; the worker notices a stop within this time."""
BATCH_EVENTS: Final = 10_000
"""Events after which no further seal joins a transaction."""


class WorkerStopped(EnvironmentProblem):
    """The worker met a problem that does not pass by itself. Its text says what to do."""


class Worker:
    """One worker of one projection version; any number of them share the work, in any processes.

    Args:
        projection: the read model.
        read_url: the read side's database, as a role that may write it.
        address: the Kafka cluster.
        registry: the event types; events of other types are parked until an upgrade.
        public_key: checks the signatures of seals.
        cipher: opens private values, for a read model that needs them.
        failpoint: gets "batch assembled", then in the transaction "rows written" and "before the commit".
    """

    def __init__(
        self,
        projection: Projection,
        *,
        read_url: str,
        address: KafkaAddress,
        registry: Registry,
        public_key: Ed25519PublicKey,
        cipher: OpeningCipher | None = None,
        timeouts: Timeouts | None = None,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self.id: UUID = uuid4()
        self._projection = projection
        self._topics = tuple(topic(family) for family in projection.families)
        self._read_url = read_url
        self._failpoint = failpoint
        self._shares = Shares(
            projection, self.id, lease=self._timeouts.lease, host=socket.gethostname(), pid=os.getpid()
        )
        self._applier = Applier(projection, Decoder(registry, cipher))
        main, quarantine = (
            Group(
                address, projection.group, self._topics, public_key, self._timeouts,
                StateReporter(self._shares), heals=heals,
            )
            for heals in (False, True)
        )  # fmt: skip
        self._groups = Groups(main, quarantine, self._shares, self._timeouts.mismatch)
        self._upgrade = Upgrade(self._applier, self._shares, self._timeouts.lease)
        self._backoff = Backoff(self._timeouts.pause)
        self._forget_everything()
        self.meter = Meter()
        """Counts the events it has applied."""

    def run(self, stop: Flag) -> None:
        """Works until `stop` is set, and then releases its shares.

        It tries a database or broker that is away again until it is back. Raises `WorkerStopped` for a
        problem that waiting does not solve: a read side that is not installed, a role that may not write.
        """
        # Events hold no cycles. At Python's own pace the collector would take half of this process's time.
        gc.freeze()
        gc.set_threshold(200_000, 20, 50)
        try:
            while not stop.is_set():
                try:
                    self._session(stop)
                except psycopg2.Error as error:
                    if is_away(error):
                        self.meter.away = True
                        log.warning(
                            "The read side's database is away (%s); trying again.", _first_line(error)
                        )
                        stop.wait(self._backoff.pause())
                        continue
                    if not isinstance(error, psycopg2.ProgrammingError):
                        raise
                    if wait_while_dropped(self._projection, self._connect, stop):
                        continue
                    raise WorkerStopped(
                        f"The read side is not ready for {self._projection.schema} ({_first_line(error)}). "
                        "Run `rapport migrate`, then start the worker again."
                    ) from error
        finally:
            self._groups.close()

    def _session(self, stop: Flag) -> None:
        """Works with one pair of database sessions, from claiming shares to releasing them."""
        with closing(self._connect()) as connection, closing(self._connect()) as loading:
            loading.autocommit = True
            self._forget_everything()
            self._writer, self._loading = Writer(connection), loading
            try:
                with connection, connection.cursor() as c:
                    self._applier.prepare(c)
                while not stop.is_set():
                    self._turn(connection, stop)
                self._finish_write()
                with connection, connection.cursor() as c:
                    self._shares.let_go(c, self._groups.owned())
                    self._shares.leave(c)
            finally:
                self._writer.close()

    def _connect(self) -> Connection:
        return connect(self._read_url, f"rapport {self._projection.name}", self._timeouts.lease)

    def _forget_everything(self) -> None:
        self._began = time.monotonic()
        self._groups.clear()
        self._tended = -1e9
        self._careful_until = -1

    def _turn(self, connection: Connection, stop: Flag) -> None:
        """One turn of the loop: heartbeat if due, then for each group a batch, or reading more."""
        now = time.monotonic()
        try:
            # Best while no write is under way, since the heartbeat would wait for it.
            due = now - self._tended
            lease = self._timeouts.lease
            if due > lease / 2 or (due > lease / 4 and self._writer.wait(0)):
                self._finish_write()
                self._tend(connection)
            self._groups.wake(now)
            waiting = POLL_SECONDS
            for group in (self._groups.main, self._groups.quarantine):
                if group.due(now):
                    self._follow(connection, group, waiting)
                    waiting = POLL_SECONDS / 10  # the quarantine does not keep the others waiting
            if waiting == POLL_SECONDS:
                stop.wait(POLL_SECONDS)
        except SharesLost as error:
            log.info("%s; going on with the others.", error)
            self._tended = -1e9
            self._groups.unseat()

    def _follow(self, connection: Connection, group: Group, seconds: float) -> None:
        """Reads or writes, and handles what can go wrong with Kafka and the key store."""
        try:
            if not group.seated:
                self._prepare(connection)
                group.seat()
            # While it looks for a refused value it commits seal by seal. At that position too: the events of
            # a topic that joins do not move their share.
            careful = any(s.checkpoint.position <= self._careful_until for s in group.shares.values())
            batch = group.take(1 if careful else BATCH_EVENTS)
            if batch is not None:
                self._commit(batch, careful=careful)
            elif group.read(seconds):
                self._tell_running(connection, group)
            if self._writer.done:
                self._finish_write()
        except (Mismatch, OutOfRange) as error:
            self._finish_write()
            self._groups.mismatch(connection, group, error)
        except BrokerAway as error:
            group.close()
            self._finish_write()
            self._wait(connection, group, WAITING, error)
        except KeyStoreAway as error:
            group.unseat()  # the assembled records are read again
            self._finish_write()
            self._wait(connection, group, KEYS, error)

    def _wait(self, connection: Connection, group: Group, state: str, error: Exception) -> None:
        group.wait(connection, state, str(error))

    def _commit(self, batch: Batch, *, careful: bool) -> None:
        """Folds a batch while the one before is being written, then starts to write it."""
        self._failpoint("batch assembled")
        folded = None
        if not careful:
            try:
                with self._loading.cursor() as c:
                    folded = self._applier.fold(c, batch.events)
            except Exception as error:
                if category_of(error) is None:
                    raise
                if self._finish_write():
                    self._be_careful(batch, error)
                return
        if self._finish_write():
            owned = self._groups.owned()
            epochs = {partition: owned[partition] for partition in batch.moved}
            self._writer.start(batch, partial(self._write, batch, epochs, folded))
        if careful:
            self._finish_write()  # the thread folds too: the next batch has to wait

    def _write(
        self, batch: Batch, epochs: Mapping[int, int], folded: Folded[bytes] | None, c: Cursor
    ) -> None:
        """Writes rows, positions and leases in one transaction, under the epochs with which it claimed the
        shares.

        Runs in the writer's thread. Without `folded` it folds there too, and parks events that are refused.
        """
        if folded is None:
            self._applier.apply_carefully(c, batch.events)
        else:
            self._applier.write(c, folded)
        self._failpoint("rows written")
        self._shares.advance(
            c, [(p, epochs[p], checkpoint, count) for p, (checkpoint, count) in batch.moved.items()]
        )
        self._failpoint("before the commit")

    def _finish_write(self) -> bool:
        """Waits for the write under way and takes over the new checkpoints.

        Returns False if the database refused a value; then reading begins again at the checkpoints. Raises
        any other error of the write.
        """
        while not self._writer.wait(self._timeouts.lease / 4):
            # Without it a long write would lose the shares, and their next owner would begin it anew.
            with self._loading.cursor() as c:
                self._shares.stay(c, self._groups.owned(), self.meter.rate())
        finished = self._writer.finish()
        if finished is None:
            return True
        batch, error = finished
        if isinstance(error, psycopg2.Error) and is_data_fault(error):
            self._be_careful(batch, error)
            return False
        if error is not None:
            raise error
        self._groups.moved({p: checkpoint for p, (checkpoint, _) in batch.moved.items()})
        self._backoff.clear()
        self.meter.add(len(batch.events))
        return True

    def _be_careful(self, batch: Batch, error: Exception) -> None:
        """Looks for the event of this batch that is to blame; the other events are applied."""
        said = told(error, private=self._projection.private)
        log.warning("An event cannot be applied (%s); looking for it.", said)
        self._careful_until = max(self._careful_until, *(s.position for s, _ in batch.moved.values()))
        self._groups.unseat()

    def _tend(self, connection: Connection) -> None:
        """Sends the heartbeat, drops lost shares, releases those above the fair part and claims up to it."""
        self._tended = time.monotonic()
        owned = self._groups.owned()
        with connection, connection.cursor() as c:
            kept, fair = self._shares.tend(c, owned, self.meter.rate())
            lost = owned.keys() - kept
            surplus = sorted(kept)[fair:]
            self._shares.let_go(c, {p: owned[p] for p in surplus})
            claimed = (
                self._shares.claim(c, {p: owned[p] for p in kept}, fair - len(kept))
                if fair > len(kept)
                else []
            )
        for partition in (*lost, *surplus):
            self._groups.drop(partition)
        for share in claimed:
            self._groups.add(share)
        self.meter.away = False
        if self._tended - self._began > self._timeouts.lease:
            self._backoff.clear()  # only after a session that lasts: one that ends at once is not healthy
        if lost or surplus or claimed:
            log.info("Holds the shares %s of %s.", sorted(self._groups.owned()), self._projection.schema)
        main = self._groups.main
        if main.reader is not None and main.shares:
            main.reader.show(main.shown())

    def _prepare(self, connection: Connection) -> None:
        """Forgets rows and applies events of an upgrade, before reading begins at the checkpoints."""
        self._finish_write()
        with connection, connection.cursor() as c:
            self._applier.forget(c)
        claimed = {p: share.epoch for p, share in self._groups.main.shares.items()}
        self._upgrade.run(connection, claimed, self._groups.owned(), self.meter.rate())

    def _tell_running(self, connection: Connection, group: Group) -> None:
        if group.shows_waiting():
            self._finish_write()
            group.resume(connection)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
