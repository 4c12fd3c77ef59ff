"""The worker: one process of a read model. Takes shares, follows their topics, applies whole seals.

    claim shares -> seat the reader -> gather until a seal is whole and proven -> commit rows and position

Whatever fails, what is committed is the end of a seal that was proven complete, and going on from there gives
the same rows. So every fault is met by going back to what is committed: a new session, a new seat.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from threading import Event as Flag
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from consumers.kafka.address import KafkaAddress
from consumers.kafka.reader import BrokerAway, OutOfRange
from consumers.kafka.topics import partition_of, topic
from consumers.worker_dropped import wait_while_dropped
from consumers.worker_group import Group
from consumers.worker_patience import Backoff, Patience
from consumers.worker_seals import SEAL_PLACE, Batch, Mismatch, Place
from consumers.worker_telling import Telling
from consumers.worker_writer import Meter, Writer, connect
from domain.events.registry import Registry
from projections.apply import Applier
from projections.control.shares import (
    KEYS,
    MISMATCH,
    RUNNING,
    WAITING,
    Share,
    Shares,
    SharesLost,
    partition_count,
)
from projections.decode import Decoder, KeyStoreAway, OpeningCipher, is_data_fault
from projections.folding import Folded
from projections.projection import Projection

__all__ = ["Patience", "Worker", "WorkerStopped"]

log = logging.getLogger(__name__)

POLL: Final = 0.1
"""Seconds that a poll waits for records; how soon a stop is noticed."""
BATCH: Final = 10_000
"""Events after which no further seal joins a transaction."""


NEAR: Final = 50
"""Seals that a share of the ward may be behind the others when it joins them; they wait for it then."""


class Parked(NamedTuple):
    """A share that does not fit its seals, when it is tried again, and what is then read from the start."""

    share: Share
    until: float
    again: set[Place]


class WorkerStopped(Exception):
    """The worker met what does not pass by itself. Its text says what to do."""


class Worker:
    """One worker of one projection version; any number of them share the work, in any processes.

    Args:
        projection: the read model.
        read_url: the read side's database, as a role that may write it.
        address: the Kafka cluster.
        registry: the event types; those of a newer program are held until an upgrade.
        public_key: what seals are signed with.
        cipher: opens private values, for a read model that needs them.
        checkpoint: is told "batch gathered", then in the transaction "rows written" and "before the commit".
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
        patience: Patience | None = None,
        checkpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._patience = patience or Patience()
        self.id: UUID = uuid4()
        self._projection = projection
        self._topics = tuple(topic(family) for family in projection.families)
        self._read_url = read_url
        self._checkpoint = checkpoint
        self._shares = Shares(
            projection, self.id, lease=self._patience.lease, host=socket.gethostname(), pid=os.getpid()
        )
        self._applier = Applier(projection, Decoder(registry, cipher))
        self._main, self._ward = (
            Group(
                address, projection.group, self._topics, public_key, self._patience, Telling(self._shares),
                heals=heals,
            )
            for heals in (False, True)
        )  # fmt: skip
        self._backoff = Backoff()
        self._forget_everything()
        self.meter = Meter()
        """What it has applied since it was made."""

    def run(self, stop: Flag) -> None:
        """Works until `stop` is set, and then lets its shares go.

        A database or broker that is away is tried again for as long as it takes. Raises `WorkerStopped` for
        what no waiting heals: a read side that is not installed, a role that may not write.
        """
        # Events hold no cycles. At Python's own pace the collector would take half of this process's time.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        try:
            while not stop.is_set():
                try:
                    self._session(stop)
                except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                    log.warning("The read side's database is away (%s); trying again.", _first_line(error))
                    stop.wait(self._backoff.pause())
                except psycopg2.ProgrammingError as error:
                    if wait_while_dropped(self._projection, self._connect, stop):
                        continue
                    raise WorkerStopped(
                        f"The read side is not ready for {self._projection.schema} ({_first_line(error)}). "
                        "Run `rapport migrate`, then start the worker again."
                    ) from error
        finally:
            self._main.close()
            self._ward.close()

    def _session(self, stop: Flag) -> None:
        """Works over one pair of database sessions, from claiming shares to letting them go."""
        with closing(self._connect()) as connection, closing(self._connect()) as loading:
            loading.autocommit = True
            self._forget_everything()
            self._writer = Writer(connection)
            try:
                with connection, connection.cursor() as c:
                    self._applier.prepare(c)
                while not stop.is_set():
                    self._turn(connection, loading, stop)
                self._settle()
                with connection, connection.cursor() as c:
                    self._shares.let_go(c, self._held())
                    self._shares.leave(c)
            finally:
                self._writer.close()

    def _connect(self) -> Connection:
        return connect(self._read_url, f"rapport {self._projection.name}", self._patience.lease)

    def _forget_everything(self) -> None:
        self._main.clear()
        self._ward.clear()
        self._parked: dict[int, Parked] = {}
        self._tended = -1e9
        self._careful_until = 0

    def _turn(self, connection: Connection, loading: Connection, stop: Flag) -> None:
        """One turn of the loop: heartbeat if due, then for each group a batch, or reading more."""
        now = time.monotonic()
        try:
            if now - self._tended > self._patience.lease / 4:
                self._settle()
                self._tend(connection)
            self._unpark(now)
            self.meter.strangers = sum(self._ward.strangers.values())
            waiting = POLL
            for group in (self._main, self._ward):
                if group.shares and group.rests_until <= now:
                    self._follow(connection, loading, group, waiting)
                    waiting = POLL / 10  # the ward does not keep the others waiting
            if waiting == POLL:
                stop.wait(POLL)
        except SharesLost as error:
            log.info("%s; going on with the others.", error)
            self._tended = -1e9
            self._main.unseat()
            self._ward.unseat()

    def _follow(self, connection: Connection, loading: Connection, group: Group, seconds: float) -> None:
        """Reads or writes, and meets what Kafka may answer with."""
        try:
            if not group.seated:
                self._prepare(connection)
                group.seat()
            batch = group.take(BATCH)
            if batch is not None:
                self._commit(loading, batch)
            elif group.read(seconds):
                self._tell_running(connection, group)
            if self._writer.done:
                self._settle()
        except (Mismatch, OutOfRange) as error:
            self._settle()
            self._mismatch(connection, group, error)
        except BrokerAway as error:
            group.close()
            self._settle()
            self._wait(connection, group, WAITING, error)
        except KeyStoreAway as error:
            group.unseat()  # what was gathered is read again
            self._settle()
            self._wait(connection, group, KEYS, error)

    def _wait(self, connection: Connection, group: Group, state: str, error: Exception) -> None:
        group.telling.waiting(connection, group.working(), state, str(error))
        group.rests_until = time.monotonic() + min(self._backoff.pause(), self._patience.lease / 8)

    def _commit(self, loading: Connection, batch: Batch) -> None:
        """Folds a batch while the one before is being written, then has it written too."""
        self._checkpoint("batch gathered")
        folded = None
        if min(standing.position for standing, _ in batch.moved.values()) > self._careful_until:
            with loading.cursor() as c:
                folded = self._applier.fold(c, batch.events)
        if self._settle():
            held = self._held()
            epochs = {partition: held[partition] for partition in batch.moved}
            self._writer.start(batch, partial(self._write, batch, epochs, folded))
        if folded is None:
            self._settle()  # event by event, the thread folds too: the next batch has to wait

    def _write(self, batch: Batch, epochs: Mapping[int, int], folded: Folded | None, c: Cursor) -> None:
        """Rows, positions and leases in one transaction, under the epochs of when the shares were claimed.

        Runs in the writer's thread. Without `folded`, each event is folded and written on its own.
        """
        if folded is None:
            self._applier.apply_each(c, batch.events)
        else:
            self._applier.write(c, folded)
        self._checkpoint("rows written")
        self._shares.advance(
            c, [(p, epochs[p], standing, count) for p, (standing, count) in batch.moved.items()]
        )
        self._checkpoint("before the commit")

    def _settle(self) -> bool:
        """Waits for the write under way and takes over what it moved.

        False where the database refused a value: then reading begins again at what is committed. Raises
        whatever else it failed with.
        """
        finished = self._writer.finish()
        if finished is None:
            return True
        batch, error = finished
        if isinstance(error, psycopg2.Error) and is_data_fault(error):
            # Up to here each event is now written on its own: that finds the one, and spares the others.
            log.warning("The database refused a value (%s); looking for its event.", _first_line(error))
            self._careful_until = max(standing.position for standing, _ in batch.moved.values())
            self._main.unseat()
            self._ward.unseat()
            return False
        if error is not None:
            raise error
        for partition, (standing, _) in batch.moved.items():
            group = self._group_of(partition)
            group.shares[partition] = replace(group.shares[partition], standing=standing, state=RUNNING)
            group.fits(partition)
            group.telling.clear()
        self._backoff.clear()
        self.meter.add(len(batch.events))
        self._discharge(batch.moved)
        return True

    def _group_of(self, partition: int) -> Group:
        return self._ward if partition in self._ward.shares else self._main

    def _discharge(self, moved: Iterable[int]) -> None:
        """Shares of the ward that fit again, and have come up to the others, go back to them."""
        least = min((share.standing.sequence for share in self._main.shares.values()), default=0)
        for partition in moved:
            share = self._ward.shares.get(partition)
            if share is not None and share.standing.sequence + NEAR >= least:
                self._main.add(self._ward.take_out(partition))

    def _tend(self, connection: Connection) -> None:
        """Heartbeat; drops shares that were lost, lets go of those above the fair part, claims up to it."""
        self._tended = time.monotonic()
        held = self._held()
        with connection, connection.cursor() as c:
            kept, fair = self._shares.tend(c, held, self.meter.rate())
            lost = held.keys() - kept
            surplus = sorted(kept)[fair:]
            self._shares.let_go(c, {p: held[p] for p in surplus})
            claimed = (
                self._shares.claim(c, {p: held[p] for p in kept}, fair - len(kept))
                if fair > len(kept)
                else []
            )
        for partition in (*lost, *surplus):
            if self._parked.pop(partition, None) is None:
                self._group_of(partition).take_out(partition)
        for share in claimed:
            (self._ward if share.state == MISMATCH else self._main).add(share)
        self._backoff.clear()
        if lost or surplus or claimed:
            log.info("Holds the shares %s of %s.", sorted(self._held()), self._projection.schema)
        if self._main.reader is not None and self._main.shares:
            self._main.reader.show(self._main.shown())

    def _prepare(self, connection: Connection) -> None:
        """Before reading begins at what is committed."""
        self._settle()
        with connection, connection.cursor() as c:
            self._applier.forget(c)
            self._retry_unknown(c)

    def _retry_unknown(self, c: Cursor) -> None:
        """Applies what was held for want of an event type, where this program knows it."""
        sound = {p: share for p, share in self._main.shares.items() if share.state == RUNNING}
        partitions = partition_count(c, self._projection)
        applied = self._applier.retry(
            c, "unknown_type", lambda party: partition_of(party, partitions) in sound
        )
        if applied:
            self._shares.advance(c, [(p, s.epoch, s.standing, 0) for p, s in sound.items()])
            log.info("Applied %d events that had waited for this version of the program.", applied)

    def _mismatch(self, connection: Connection, group: Group, error: Mismatch | OutOfRange) -> None:
        """Reads the topic concerned once more from its first record, in the ward; what that does not heal is
        parked."""
        place = error.place
        log.warning("What was read is not what was sealed: %s.", error)
        concerned = [p for p in group.shares if place in (SEAL_PLACE, (place[0], p))]
        if group is self._main:
            for partition in concerned:
                share = group.take_out(partition)
                # What was told of it stays in its row: the ward takes that back as soon as it reads.
                told = replace(share, state=WAITING) if group.telling.broker else share
                self._ward.add(told, {place, SEAL_PLACE})
            group.unseat()
            return
        if place not in group.again:
            group.again.add(place)
            group.unseat()
            return
        until = time.monotonic() + self._patience.mismatch
        reason = (
            f"{str(error)[:1000]}. Read again from the first record, it still does not fit. Find who wrote "
            f"into {place[0]}; then delete that topic and run `rapport relay republish`. Nothing of it is "
            "shown until then. This is tried again each minute."
        )
        with connection, connection.cursor() as c:
            self._shares.report(c, {p: group.shares[p].epoch for p in concerned}, MISMATCH, reason)
        for partition in concerned:
            again = {one for one in group.again if one[1] == partition} | {place}
            share = replace(group.take_out(partition), state=MISMATCH)
            self._parked[partition] = Parked(share, until, again)
        group.again.discard(place)
        group.unseat()

    def _unpark(self, now: float) -> None:
        for partition, parked in list(self._parked.items()):
            if now >= parked.until:
                del self._parked[partition]
                self._ward.add(parked.share, {*parked.again, SEAL_PLACE})

    def _held(self) -> dict[int, int]:
        """Partition to epoch of all shares held, parked ones too."""
        shares = [*self._main.shares.values(), *self._ward.shares.values()]
        shares += [parked.share for parked in self._parked.values()]
        return {share.partition: share.epoch for share in shares}

    def _tell_running(self, connection: Connection, group: Group) -> None:
        if group.telling.broker or any(share.state == WAITING for share in group.shares.values()):
            self._settle()
            group.telling.running(connection, group.working())
            group.shares = {
                p: s if s.state == MISMATCH else replace(s, state=RUNNING) for p, s in group.shares.items()
            }


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
