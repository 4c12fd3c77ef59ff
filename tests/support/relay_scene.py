"""Two relays, each with networks of its own to a store and a broker of this test alone; clients append."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy.local.kafka import LocalKafka
from deploy.local.ports import HOST, free_port
from deploy.local.postgres import LocalPostgres
from tests.support import befalling
from tests.support.appending import Appending
from tests.support.database import migrated
from tests.support.kafka import SEALS, TOPICS, make_topics, read
from tests.support.network import Network
from tests.support.relay_runner import TRAPPED, Trap
from tests.support.relaying import Relays, stable, until
from tests.support.seals import check_topics
from tests.support.store import execute
from tests.support.story import Story, ends_of

SILENCE = 2
TIMEOUTS = (3.0, 60.0)
LONG = 300.0
"""Seconds that anything may take on a busy machine before it counts as never."""
HOLDER = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND (classid, objid) = (1380012112, 2) AND granted"
)

EVENTS = "SELECT aggregate_id::text, version FROM store.event"


class RelayEnded(AssertionError):
    """A relay gave up, which no fault here is a reason for."""


@dataclass(eq=False)
class Seat(befalling.Seat):
    """A place for one relay after the other, with networks of its own to store and broker."""

    store: Network = field(kw_only=True)
    broker: Network = field(kw_only=True)
    over: set[str] = field(default_factory=set)


@dataclass
class Scene:
    """What the faults befall, and the questions and waits around them."""

    postgres: LocalPostgres
    kafka: LocalKafka
    relays: Relays
    seats: tuple[Seat, Seat]
    clients: Appending
    story: Story = field(default_factory=Story)
    started: int = 0

    def fill(self) -> None:
        """Each seat has a relay."""
        for seat in self.seats:
            if not seat.alive:
                self._start(seat)

    def leader(self) -> Seat | None:
        """Whose relay says that it leads, and lives. It may have lost that since."""
        name = self.relays.row().get("leader")
        return next((seat for seat in self.seats if seat.name == name and seat.alive), None)

    def a_leader(self) -> Seat:
        """The seat of a living leader."""
        until(lambda: self.leader() is not None, "a relay leads", LONG)
        return self.leader() or self.a_leader()

    def other(self, seat: Seat) -> Seat:
        """The other seat."""
        return self.seats[1 - self.seats.index(seat)]

    def trap(self, at: str, which: str, *, pause: float = 0.0, times: int = 1) -> Seat:
        """Whoever leads dies ("SIGKILL") or stops ("SIGSTOP") at that failpoint; its seat."""
        return self._caught(Trap(at=at, time=times, pause=pause, signal=which), lambda seat: seat.frozen)

    def hold(self, at: str) -> Seat:
        """The thread of the leader that comes to that failpoint stays there, until the relay is killed or
        `heal`; its seat."""
        said = {seat.name: len(self.log(seat)) for seat in self.seats}
        return self._caught(
            Trap(at=at, time=1, pause=10 * LONG, signal="SIGKILL"),
            lambda seat: TRAPPED in self.log(seat)[said[seat.name] :],
        )

    def _caught(self, trap: Trap, caught: Callable[[Seat], bool]) -> Seat:
        armed: Seat | None = None
        deadline = time.monotonic() + LONG
        while True:
            for seat in self.seats:
                if caught(seat) or (seat is armed and not seat.alive):
                    self._disarm(self.other(seat))
                    return seat
            leader = self.leader()
            if leader is not None and leader is not armed:
                if armed is not None:
                    self._disarm(armed)
                assert leader.process is not None
                self.relays.set_trap(leader.process, trap)
                armed = leader
            assert time.monotonic() < deadline, f"in {LONG:g} s no leader came to: {trap['at']}"
            time.sleep(0.02)

    def until_all_sealed_is_published(self, seat: Seat) -> None:
        """The leader of that seat has published all that is sealed, or is gone."""

        def published() -> bool:
            return not seat.alive or int(self.relays.row().get("position", 0)) >= self.relays.sealed()

        until(published, "all that is sealed is published", LONG)

    def until_another_leads(self, than: Seat) -> None:
        """The relay of the other seat leads."""
        other = self.other(than)

        def leads() -> bool:
            other.signal(signal.SIGCONT)  # should a trap have caught it too
            return self.leader() is other

        until(leads, f"the relay {other.name} leads instead of {than.name}", LONG)

    def until_said(self, seat: Seat, since: int, *words: str) -> None:
        """Its relay has said one of these behind the first `since` characters of its log."""
        until(lambda: any(word in self.log(seat)[since:] for word in words), f"{seat.name}: {words}", LONG)

    def log(self, seat: Seat) -> str:
        """What its relay has said."""
        return self.relays.log(seat.name)

    def end_leaders_session(self) -> None:
        """The server ends the session that holds the leader's lock."""
        execute(self.relays.urls.admin, f"SELECT pg_terminate_backend(pid) FROM ({HOLDER}) AS holder")

    def catch_up(self) -> None:
        """Everything that is in the store now gets published."""
        head = self.relays.head()

        def caught_up() -> bool:
            self.see_that_none_gave_up()
            return int(self.relays.row().get("position", 0)) >= head

        until(caught_up, f"position {head} is published", LONG)

    def heal(self) -> None:
        """No fault lasts."""
        for seat in self.seats:
            seat.store.heal()
            seat.broker.heal()
            if seat.alive:
                self._disarm(seat)
                seat.signal(signal.SIGCONT)

    def see_that_none_gave_up(self) -> None:
        """Raises `RelayEnded` for a relay that ended by itself."""
        for seat in self.seats:
            if seat.process is not None and seat.process.poll() not in (None, 0, -signal.SIGKILL):
                raise RelayEnded(f"the relay {seat.name} ended by itself:\n{self.log(seat)[-3000:]}")

    def check(self, whole: bool) -> int:
        """Reads all topics from the beginning. They hold the store's events, once, in order, sealed: all of
        them when `whole`, else up to the end of some seal. The number of events."""

        def seen() -> int:
            records = read(self.relays.bootstrap, (*TOPICS, SEALS), "read_committed", seconds=4 * LONG)
            stored = self.relays.stored()
            if not whole:
                upto = max((record.position or 0 for record in records), default=0)
                stored = [row for row in stored if row[0] <= upto]
            check_topics(records, stored, self.relays.key.public_key())
            published = [record.value for record in records if record.topic == SEALS]
            sealed = self.relays.seal_records()
            assert published == (sealed if whole else sealed[: len(published)]), (
                "other seals than the store's"
            )
            confirmed = self.clients.confirmed()
            lost = confirmed - set(execute(self.relays.urls.admin, EVENTS))
            assert not lost, f"confirmed, and not in the store: {sorted(lost)[:5]}"
            return len(stored)

        return stable(seen, 10.0)

    def report(self) -> list[str]:
        """What the leader says, and the ends of the relays' logs."""
        return [f"the leader's report: {self._row()}", *ends_of(self.relays.logs, 4)]

    def _row(self) -> object:
        return self.relays.row() if self.postgres.running else "PostgreSQL does not run"

    def _start(self, seat: Seat) -> None:
        self.started += 1
        seat.name = f"{self.started}{seat.letter}"
        seat.process = self.relays.start(
            seat.name,
            silence=SILENCE,
            timeouts=TIMEOUTS,
            store=at_port(self.relays.urls.relay, seat.store.port),
            bootstrap=f"{HOST}:{seat.broker.port}",
        )

    def _disarm(self, seat: Seat) -> None:
        if seat.process is not None:
            self.relays.set_trap(seat.process, None)


@contextmanager
def scene(folder: Path, jars: Path, logs: Path, seed: int, pace: float = 1.0) -> Iterator[Scene]:
    """A store that flushes what it commits, a broker, both of this test alone, and clients that append."""
    with ExitStack() as stack:
        postgres = LocalPostgres(folder / "relay-postgres")
        stack.callback(postgres.stop)
        postgres.start()
        ways = {letter: free_port() for letter in "AB"}
        seats = [
            Seat(letter, store=Network(postgres.port), broker=Network(way)) for letter, way in ways.items()
        ]
        for seat in seats:
            stack.callback(seat.store.close)
            stack.callback(seat.broker.close)
        kafka = broker(folder / "relay-kafka", jars, ways, {seat.letter: seat.broker.port for seat in seats})
        stack.callback(kafka.stop)
        kafka.start()
        make_topics(kafka.bootstrap)
        urls = migrated(postgres.admin_url)
        relays = Relays(urls, kafka.bootstrap, logs)
        stack.callback(relays.close)
        clients = Appending(urls.app, seed, pace)
        clients.start()
        stack.callback(clients.stop)
        yield Scene(postgres, kafka, relays, (seats[0], seats[1]), clients)


def broker(folder: Path, jars: Path, ways: dict[str, int], advertised: dict[str, int]) -> LocalKafka:
    """A broker that also listens at the `ways`, and tells who comes there to come to the advertised port."""
    port = LocalKafka(folder, jars).port
    controller = json.loads((folder / "ports").read_text())[1]
    own = {"PLAINTEXT": port}
    listeners = own | {"CONTROLLER": controller} | ways

    def addresses(ports: dict[str, int]) -> str:
        return ",".join(f"{name}://{HOST}:{number}" for name, number in ports.items())

    return LocalKafka(
        folder,
        jars,
        settings={
            "listeners": addresses(listeners),
            "advertised.listeners": addresses(own | advertised),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
        },
    )


def at_port(url: str, port: int) -> str:
    """The same URL at another port of this machine."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{HOST}:{port}"))


def quit_at_once(postgres: LocalPostgres) -> None:
    """PostgreSQL's immediate stop: no session is ended, nothing is written any more."""
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGQUIT)
    until(lambda: not postgres.running, "PostgreSQL has stopped", LONG)
    postgres.kill()
