"""All read models with workers in seats, a relay, and clients that never stop: what faults befall."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg2

from commands.store.event_reader import StoredRow
from consumers.kafka.topics import partition_of
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from domain.events.catalogue import CATALOGUE
from projections.registry import PROJECTIONS, named
from projections.runtime.replay import fold_all
from tests.support.befalling import Seat
from tests.support.crm_clients import Clients, open_bus
from tests.support.database import PARTITIONS
from tests.support.histories import opened
from tests.support.kafka import repeated_seals
from tests.support.laws import one_party
from tests.support.read_side import normal, table_rows
from tests.support.relay_runner import Trap
from tests.support.relaying import Relays, until
from tests.support.store import execute
from tests.support.story import Story, ends_of
from tests.support.working import ALL, Workers

LONG = 300.0
"""Seconds that anything may take on a busy machine before it counts as never."""
TIMEOUTS = {"lease": 4.0, "mismatch": 2.0, "stall": 5.0, "broker": 1.0, "pause": 1.0}
EVENTS = "SELECT position, aggregate_id, version, type, party, event FROM store.event ORDER BY position"


class WorkerEnded(AssertionError):
    """A worker gave up, which no fault here is a reason for."""


@dataclass
class Scene:
    """What the faults befall, and the questions and waits around them."""

    postgres: LocalPostgres
    kafka: LocalKafka
    workers: Workers
    relays: Relays
    clients: Clients
    seats: list[Seat]
    relay: subprocess.Popen[bytes]
    story: Story = field(default_factory=Story)
    started: int = 0

    def fill(self) -> None:
        """Each seat has a worker."""
        for seat in self.seats:
            if not seat.alive:
                self.started += 1
                seat.name = f"{self.started}{seat.letter}"
                seat.process = self.workers.start(seat.name, projection=",".join(ALL), traps=True)

    def a_seat(self, chance: Random) -> Seat:
        """Any seat whose workers hold shares of every read model."""
        seat = chance.choice(self.seats)
        self.until_at_work(seat)
        return seat

    def until_at_work(self, seat: Seat) -> None:
        """Its workers hold shares of every read model."""
        until(lambda: self.owned(seat) == set(ALL), f"{seat.name} holds shares", LONG)

    def owned(self, seat: Seat) -> set[str]:
        """The read models of which its workers hold shares."""
        assert seat.process is not None
        found = execute(
            self.workers.urls.admin,
            "SELECT DISTINCT s.projection FROM control.share s JOIN control.worker w ON w.id = s.worker"
            " WHERE w.pid = %s",
            (seat.process.pid,),
        )
        return {name for (name,) in found}

    def until_free_of(self, seat: Seat) -> None:
        """Others have taken its shares over."""
        until(lambda: not self.owned(seat), f"others have the shares of {seat.name}", LONG)

    def trap(self, seat: Seat, at: str, which: str, times: int = 1) -> None:
        """Its worker dies ("SIGKILL") or stops ("SIGSTOP") at that failpoint; returns when it has."""
        assert seat.process is not None
        self.workers.set_trap(seat.process, Trap(at=at, time=times, pause=0.0, signal=which))
        until(lambda: seat.frozen or not seat.alive, f"{seat.name} at: {at}", LONG)

    def log(self, seat: Seat) -> str:
        """What its worker has said."""
        return self.workers.log(seat.name)

    def goes_on(self, seat: Seat) -> None:
        """SIGCONT; returns when its workers have shares again."""
        seat.signal(signal.SIGCONT)
        self.until_at_work(seat)

    def stop_relay(self) -> None:
        """As an operator does before a repair."""
        assert self.relays.stop(self.relay) == 0, "the relay did not end in order"

    def start_relay(self) -> None:
        """And after it."""
        self.relay = self.relays.start(f"relay-{len(self.relays.started)}")

    def reading(self, topic: str) -> list[str]:
        """The read models that read that topic."""
        return [p.name for p in PROJECTIONS if topic.split(".")[1] in p.families]

    def shares(self) -> list[tuple[str, dict[str, Any]]]:
        """Every share, with its read model."""
        return [(name, share) for name in ALL for share in self.workers.shares(name)]

    def catch_up(self) -> None:
        """Everything that is in the store now gets published and shown, by every share."""
        head = self.relays.head()

        def caught_up() -> bool:
            self.see_that_none_gave_up()
            least = execute(self.workers.urls.admin, "SELECT min(position) FROM control.share")
            return int(least[0][0]) >= head

        until(caught_up, f"position {head} is shown", LONG)

    def heal(self) -> None:
        """No fault lasts."""
        for seat in self.seats:
            if seat.alive:
                assert seat.process is not None
                self.workers.set_trap(seat.process, None)
                seat.signal(signal.SIGCONT)

    def see_that_none_gave_up(self) -> None:
        """Raises `WorkerEnded` for a worker that ended by itself, and for the relay."""
        for seat in self.seats:
            if seat.process is not None and seat.process.poll() not in (None, 0, -signal.SIGKILL):
                raise WorkerEnded(f"{seat.name} ended by itself:\n{self.log(seat)[-3000:]}")
        assert self.relay.poll() is None, "the relay ended by itself"

    def stored(self) -> list[StoredRow]:
        """The whole store, in order."""
        found = execute(self.workers.urls.admin, EVENTS)
        return [StoredRow._make((*row[:-1], bytes(row[-1]))) for row in found]

    def check(self) -> int:
        """While nothing new comes: the rows of every table are those of an independent fold over the store,
        written by one party or aggregate each, and every seal was applied once. The number of events."""
        self.catch_up()
        rows = self.stored()
        last = execute(self.workers.urls.admin, "SELECT max(sequence) FROM store.seal")[0][0]
        for name in ALL:
            projection = named(name)
            with closing(psycopg2.connect(self.workers.urls.admin)) as connection:
                found = normal(table_rows(connection, projection))
            wanted = normal(fold_all(projection, rows, CATALOGUE, opened))
            assert found == wanted, differences(name, found, wanted)
            one_party(projection, rows)
            mine = [row for row in rows if row.type.split(".")[1] in projection.families]
            counts = Counter(partition_of(str(row.party), PARTITIONS) for row in mine)
            shares = self.workers.shares(name)
            received = {share["partition"]: int(share["received"]) for share in shares}
            assert received == {p: counts[p] for p in range(PARTITIONS)}, f"{name}: events taken in"
            assert {share["seal_sequence"] for share in shares} == {last}, f"{name}: not at the last seal"
            assert {share["state"] for share in shares} == {"running"}, f"{name}: {shares}"
        assert execute(self.workers.urls.admin, "SELECT * FROM control.held") == [], "sound events are parked"
        return len(rows)

    def check_while_clients_rest(self) -> int:
        """The same amid a run."""
        self.clients.rest()
        try:
            return self.check()
        finally:
            self.clients.go_on()

    def report(self) -> list[str]:
        """How the shares stand, seals that are there twice, the ends of the logs that were written last."""
        shares = [f"{name} {share}" for name, share in self.shares()] if self.postgres.running else []
        seals = repeated_seals(self.kafka.bootstrap) if self.kafka.running else []
        return [*shares, *seals, *ends_of(self.workers.logs, 9)]


def differences(name: str, found: Any, wanted: Any) -> str:
    """The first few rows that are not as they should be."""
    lines = [
        f"{name}.{table} {key}: found {found[table].get(key)}, wanted {wanted[table].get(key)}"
        for table in wanted
        for key in sorted({*found[table], *wanted[table]})
        if found[table].get(key) != wanted[table].get(key)
    ]
    return "\n".join([f"{len(lines)} rows differ", *lines[:5]])


@contextmanager
def scene(workers: Workers, kafka: LocalKafka, postgres: LocalPostgres, seed: int) -> Iterator[Scene]:
    """All read models with two workers each. Services that a fault left dead are started again at the end."""
    with ExitStack() as stack:
        stack.callback(kafka.start)
        stack.callback(postgres.start)
        workers.timeouts |= TIMEOUTS
        relays = Relays(workers.urls, workers.bootstrap, workers.logs)
        stack.callback(relays.close)
        workers.key = relays.key
        clients = Clients(stack.enter_context(open_bus(workers.urls.app)), seed)
        seats = [Seat(letter) for letter in "AB"]
        stage = Scene(postgres, kafka, workers, relays, clients, seats, relays.start("relay-0"))
        clients.start()
        stack.callback(clients.stop)
        yield stage
