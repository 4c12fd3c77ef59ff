"""The relay: one leader seals the store up to its high-water mark and publishes it to Kafka, each event once.

    range below the high-water mark -> seal row in the store -> range and seal in one Kafka transaction

The last committed seal record is the checkpoint. Whenever a relay dies, the next leader fences it, reads that
record and goes on behind it. The parts:

- `leader`: the lock that makes one relay the leader, and the report that `relay status` shows
- `sealer` and `publisher`: the two halves, a thread each, and `seal_buffer` between them
- `agreement`: whether topics and store agree, and `topic_watch`: whether they stay so
- `republish`: lost topics restored; `topic_survey` finds them, `restore` fills them
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.incarnation import BEHIND, RecoveryNeeded, check, found_behind
from commands.store.seals import SealConflict
from consumers.kafka.address import KafkaAddress
from consumers.kafka.failures import BrokerFailure
from consumers.relay.agreement import StoreBehind
from consumers.relay.leader import SILENCE_SECONDS, Leadership, LeadershipLost, relay_name
from consumers.relay.publisher import Publisher
from consumers.relay.seal_buffer import SealBuffer
from consumers.relay.sealer import Sealer
from consumers.relay.topic_watch import TopicWatch
from domain.kernel.user_errors import FailureFound

log = logging.getLogger(__name__)

STANDBY_SECONDS: Final = 0.5
REPORT_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 2.0
STORE_RETRY_SECONDS: Final = 1.0
RECOVERY_RETRY_SECONDS: Final = 2.0
AGREEMENT_SECONDS: Final = 5.0
STORE_AWAY: Final = (psycopg2.OperationalError, psycopg2.InterfaceError)


class RelayStopped(FailureFound):
    """The relay met a problem that does not pass by itself. Its text says the position, the cause, and what
    to do."""


class Relay:
    """Leads, or waits until it can.

    Args:
        store_url: PostgreSQL of the store, as role `rapport_relay`, directly and not through a pooler.
        address: the Kafka cluster.
        signing_key: signs the seals; its public half checks the last one found.
        families: the event families, each of which has a topic.
        name: what `relay status` calls this process.
        poll: seconds between two reads of the store when it is quiet.
        silence: seconds after which the server ends a silent leader's session.
        timeouts: seconds for the acknowledgement of a range, at first and at most.
        clock: the time of sealing, UTC.
        failpoint: gets the relay's step, for tests: "before the seal row", "after the seal row",
            "in the transaction", "before the commit", "after the commit".
    """

    def __init__(
        self,
        *,
        store_url: str,
        address: KafkaAddress,
        signing_key: Ed25519PrivateKey,
        families: tuple[str, ...],
        name: str | None = None,
        poll: float = 0.02,
        silence: int = SILENCE_SECONDS,
        timeouts: tuple[float, float] = (6.0, 60.0),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._url, self._name, self._silence = store_url, name or relay_name(), silence
        self._parts = _Parts(
            url=store_url,
            address=address,
            key=signing_key,
            families=families,
            poll=poll,
            timeouts=timeouts,
            clock=clock,
            failpoint=failpoint,
        )

    def run(self, stop: threading.Event) -> None:
        """Relays until `stop` is set. While another relay leads, it tries to lead twice a second.

        While PostgreSQL or Kafka is away it waits, and goes on by itself. While the store needs a recovery it
        waits too, and neither seals nor publishes. Raises `RelayStopped` for a problem that does not pass;
        `relay status` then shows the same text.
        """
        # Events hold no cycles: at Python's own pace the collector would take a tenth of this process's time.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        told = needed = ""
        while not stop.is_set():
            leadership = Leadership(self._url, self._name, silence=self._silence)
            try:
                self._stand_by(leadership, stop)
                told = ""
                if not stop.is_set():
                    self._lead(leadership, stop)
                needed = ""
            except (LeadershipLost, SealConflict) as error:
                # The sealer of a frozen relay may meet its successor's seal before it notices the lost
                # session.
                log.warning("This relay leads no longer: %s", error)
                stop.wait(STANDBY_SECONDS)
            except RecoveryNeeded as error:
                if str(error) != needed:
                    log.error("%s", error)
                needed = str(error)
                leadership.close()  # the recovery needs the lock
                stop.wait(RECOVERY_RETRY_SECONDS)
            except STORE_AWAY as error:
                cause = str(error).strip()
                if cause != told:  # once an outage, not once a second
                    log.warning("The store does not answer: %s. The relay tries again.", cause)
                told = cause
                stop.wait(STORE_RETRY_SECONDS)
            except (LookupError, psycopg2.Error) as error:
                raise RelayStopped(f"The relay cannot work with this store: {str(error).strip()}") from error
            finally:
                leadership.close()

    def _stand_by(self, leadership: Leadership, stop: threading.Event) -> None:
        """Returns when this relay leads or must stop."""
        announced = False
        while not stop.is_set() and not leadership.acquire():
            if not announced:
                log.info("Another relay leads; this one, %s, stands by.", self._name)
                announced = True
            stop.wait(STANDBY_SECONDS)

    def _lead(self, leadership: Leadership, stop: threading.Event) -> None:
        try:
            check(self._url)
        except RecoveryNeeded as needed:
            leadership.report(BEHIND, str(needed), 0, 0.0)
            raise
        term = _Term(self._parts, leadership)
        log.info("This relay, %s, leads.", self._name)
        try:
            while not stop.is_set() and not term.ended.is_set():
                term.report()
                _wait_for_either(stop, term.ended, REPORT_SECONDS)
        finally:
            term.end()
        error = term.error
        if error is None:
            term.report("stopped", "An operator stopped the relay.")
        elif isinstance(error, StoreBehind):
            term.report(BEHIND, str(error))
            raise RecoveryNeeded(str(error)) from error
        elif isinstance(error, (LeadershipLost, SealConflict, *STORE_AWAY)):
            raise error
        else:
            sentence = term.sentence(error)
            term.report("stopped", sentence)
            raise RelayStopped(sentence) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The arguments of each term's sealer, publisher and topic watch; see `Relay`."""

    url: str
    address: KafkaAddress
    key: Ed25519PrivateKey
    families: tuple[str, ...]
    poll: float
    timeouts: tuple[float, float]
    clock: Callable[[], datetime]
    failpoint: Callable[[str], None]


class _Term:
    """One term as leader: its threads, and the first error that ended it."""

    def __init__(self, parts: _Parts, leadership: Leadership) -> None:
        self._leadership = leadership
        self.ended = threading.Event()
        self.error: BaseException | None = None
        facts = leadership.facts()
        self._noted = facts.noted
        # The API refuses commands because of this report: it stays until store and topics were compared.
        self._behind = found_behind(parts.url)
        self._buffer = SealBuffer()
        self._publisher = Publisher(
            url=parts.url,
            facts=facts,
            address=parts.address,
            families=parts.families,
            key=parts.key.public_key(),
            leadership=leadership,
            buffer=self._buffer,
            poll=parts.poll,
            timeouts=parts.timeouts,
            failpoint=parts.failpoint,
        )
        sealer = Sealer(
            url=parts.url,
            store=facts.id,
            partitions=facts.partitions,
            key=parts.key,
            leadership=leadership,
            buffer=self._buffer,
            clock=parts.clock,
            poll=parts.poll,
            failpoint=parts.failpoint,
        )
        # Daemons: a thread that waits for a lost broker must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._watched, args=(run,), name=name, daemon=True)
            for name, run in (
                ("relay-sealer", partial(self._seal, sealer)),
                ("relay-publisher", self._publisher.run),
                ("relay-watch", TopicWatch(parts.address, parts.families, self._buffer).run),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _seal(self, sealer: Sealer, ended: threading.Event) -> None:
        """Seals once store and topics agree, or while the broker is away and nobody has found the store
        behind. A store that was restored from an older state would make seals that contradict those of the
        topics."""
        patient = time.monotonic() + AGREEMENT_SECONDS
        while not (self._buffer.connected or ended.wait(0.01)):
            if self._behind is None and self._publisher.trouble and time.monotonic() > patient:
                break
        sealer.run(ended)

    def _watched(self, run: Callable[[threading.Event], None]) -> None:
        try:
            run(self.ended)
        except Exception as error:
            # The first error is the cause; errors of the other threads follow from it.
            if self.error is None:
                self.error = error
        finally:
            self.ended.set()

    def end(self) -> None:
        """Ends the threads, within the grace period."""
        self.ended.set()
        for thread in self._threads:
            thread.join(GRACE_SECONDS)

    def report(self, state: str | None = None, reason: str | None = None) -> None:
        """Reports the state. `state` and `reason` replace what the publisher knows."""
        trouble = self._publisher.trouble
        if state is None:
            state, reason = ("waiting_for_broker", trouble) if trouble else ("leading", None)
            if self._behind is not None and not self._buffer.connected:
                state, reason = BEHIND, self._behind
        rate = 0.0 if state == "stopped" else self._buffer.rate()
        self._leadership.report(state, reason, self._buffer.position, rate)

    def sentence(self, error: BaseException) -> str:
        """Returns a sentence with the position, the cause and what to do."""
        position = self._buffer.position or self._noted
        if isinstance(error, BrokerFailure):
            about = f" about the event at position {error.position}" if error.position else ""
            return (
                f"The relay stopped; position {position} was the last it published. Kafka refuses{about}: "
                f"{error}. Remove the cause, then start the relay again; it goes on behind that position."
            )
        return f"The relay stopped; position {position} was the last it published. {error}"


def _wait_for_either(stop: threading.Event, ended: threading.Event, seconds: float) -> None:
    """Waits until one of the two is set, at most `seconds`."""
    for _ in range(int(seconds / 0.05)):
        if stop.is_set() or ended.wait(0.05):
            return
