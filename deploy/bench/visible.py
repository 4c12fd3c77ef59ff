"""How long a command takes at 200 a second: until it is committed, and until its read model shows it.

Commands are due at fixed times, whether earlier ones are done or not, and the time of each counts from when
it was due. A sender that waits for responses would send less while the system is slow, and hide that it is
slow.
"""

from __future__ import annotations

import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Commands
from commands.store.application import Crm
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.mapper import EventMapper
from commands.store.pool import Pool, connect
from commands.store.recorder import PostgresApplicationRecorder
from consumers.kafka.address import KafkaAddress
from consumers.relay.relay import Relay
from consumers.worker.worker import Worker
from deploy.bench.alone import BenchFailed, Companion, result_of
from deploy.bench.benchmarks import Bench
from deploy.bench.findings import Times
from deploy.bench.samples import NoSecrets
from deploy.configuration.files import load_pipelines
from deploy.settings import load
from domain.events.catalogue import CATALOGUE
from domain.events.event import SYSTEM
from domain.kernel.money import Money
from domain.sales.opportunity.commands import OpenOpportunity
from projections.registry import named

EVENTS: Final = 4_000
"""Commands by default: 20 seconds."""
COMMANDS_PER_SECOND: Final = 200
"""Commands a second."""
WARMING_COMMANDS: Final = 2 * COMMANDS_PER_SECOND
"""Commands before the measured ones: they open connections and fill caches."""
SENDERS: Final = 16
LOOK_SECONDS: Final = 0.002
"""Between two looks at the read model's position; "visible" is as exact as this."""
GOAL_MILLISECONDS: Final = 250.0
"""Milliseconds from command to visible that 99 of 100 are to stay below."""
MODEL: Final = "pipeline"
TIMEOUT_SECONDS: Final = 120.0

Sent = list[tuple[float, float, int]]
"""For each command: when it was due, when it was committed (monotonic seconds), and its position."""


def measure(bench: Bench) -> Iterator[Times]:
    """One relay and one worker, a process each, and a third that sends; no rounds: each command is one."""
    services, store, events = bench.services, bench.services.published, bench.events or EVENTS
    read_side, kafka, key = services.read_side(), services.kafka, services.seal_key
    bench.say(f"visible: {events:,} commands, {COMMANDS_PER_SECOND} a second")
    with ExitStack() as running:
        relay = running.enter_context(Companion(run_relay, store.relay, kafka, key.private_bytes_raw()))
        worker = running.enter_context(
            Companion(run_worker, read_side.worker, kafka, key.public_key().public_bytes_raw())
        )
        sent, seen = result_of(send_and_watch, store.app, read_side.worker, events)
        relay.check()
        worker.check()
    committed = tuple((done - due) * 1000 for due, done, _ in sent)
    yield Times(
        name="committed",
        what="command to commit",
        milliseconds=committed,
        note=f"opportunities opened through the command handlers, {COMMANDS_PER_SECOND} a second, each "
        f"counted from when it was due; visible when {MODEL} stands at its position in all partitions (one "
        "relay, one worker).",
    )
    yield Times(
        name="visible",
        what="command to read model",
        milliseconds=visible(sent, seen),
        goal=GOAL_MILLISECONDS,
        goal_of=99,
    )


def visible(sent: Sent, seen: list[tuple[float, int]]) -> tuple[float, ...]:
    """Milliseconds from when each command was due until its position was first seen in the read model.

    `seen`: times and positions of the read model, both ascending; the last one is past all commands.
    """
    positions = [position for _, position in seen]
    return tuple((seen[bisect_left(positions, at)][0] - due) * 1000 for due, _, at in sent)


def send_and_watch(app_url: str, read_url: str, events: int) -> tuple[Sent, list[tuple[float, int]]]:
    """Sends the commands and watches the read model until it has them all."""
    # With many threads one that was woken for its command must not wait 5 ms for the interpreter.
    sys.setswitchinterval(0.0005)
    watch = _Watch(read_url)
    execute, close = _commands(app_url)
    try:
        _send(execute, WARMING_COMMANDS)
        watch.wait_for(execute()[1])
        sent = _send(execute, events)
        watch.wait_for(max(position for _, _, position in sent))
        return sent, watch.seen
    finally:
        watch.close()
        close()


def _send(execute: Callable[[], tuple[float, int]], commands: int) -> Sent:
    """Sends `RATE` commands a second from several threads, each command at its time."""
    numbers, sent, failures = count(), list[tuple[float, float, int]](), list[Exception]()
    begun = time.monotonic() + 0.05

    def work() -> None:
        try:
            while not failures and (number := next(numbers)) < commands:
                due = begun + number / COMMANDS_PER_SECOND
                time.sleep(max(0.0, due - time.monotonic()))
                done, position = execute()
                sent.append((due, done, position))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sorted(sent)


class _Watch:
    """Looks all the time how far the read model is, in a thread, and keeps when it got where."""

    def __init__(self, read_url: str) -> None:
        self.seen: list[tuple[float, int]] = []
        self._connection = connect(read_url)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def wait_for(self, position: int) -> None:
        """Returns when the read model stands there. Raises `BenchFailed` after two minutes."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not self.seen or self.seen[-1][1] < position:
            if time.monotonic() > deadline or not self._thread.is_alive():
                stands = self.seen[-1][1] if self.seen else 0
                raise BenchFailed(f"{MODEL} stands at {stands} and never came to {position}.")
            time.sleep(0.01)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def _look(self) -> None:
        known = 0
        while not self._ended.is_set():
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT min(position) FROM control.share WHERE projection = %s", (MODEL,))
                position = int(cursor.fetchall()[0][0] or 0)
            if position > known:
                self.seen.append((time.monotonic(), position))
                known = position
            time.sleep(LOOK_SECONDS)


def _commands(url: str) -> tuple[Callable[[], tuple[float, int]], Callable[[], None]]:
    """Returns a function that executes one command and returns its commit time and position, and one that
    closes it."""
    pool = Pool(url, SENDERS)
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, NoSecrets()))
    commands = Commands(crm, Idempotency(pool, bytes(32)), load_pipelines(load()), Identifiers(bytes(32)))
    command = OpenOpportunity(pipeline="sales", amount=Money(amount=Decimal(1054), currency="USD"))

    def execute() -> tuple[float, int]:
        now = datetime.now(UTC)
        context = Context(actor=SYSTEM, correlation=uuid4(), cause=None, now=now, new_id=uuid4)
        position = commands.execute(command, context).position
        return time.monotonic(), position

    return execute, pool.close


def run_relay(stop: Any, relay_url: str, kafka: KafkaAddress, key: bytes) -> None:
    """A relay, in a process of its own."""
    Relay(
        store_url=relay_url,
        address=kafka,
        signing_key=Ed25519PrivateKey.from_private_bytes(key),
        families=CATALOGUE.families,
    ).run(stop)


def run_worker(stop: Any, read_url: str, kafka: KafkaAddress, public: bytes) -> None:
    """A worker, in a process of its own."""
    Worker(
        named(MODEL),
        read_url=read_url,
        address=kafka,
        registry=CATALOGUE,
        public_key=Ed25519PublicKey.from_public_bytes(public),
    ).run(stop)
