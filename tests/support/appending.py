"""Clients that never stop appending, whatever becomes of the store, and know what was confirmed to them."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection

from commands.store.mapper import StoredCrmEvent
from tests.support.kafka import FAMILIES
from tests.support.relaying import sample_event
from tests.support.store import run

PARTIES = 40
COPY = "COPY store.event (aggregate_id, version, type, party, event) FROM STDIN"

Known = tuple[str, int]
"""An event, by its aggregate's id and its version."""


class Appender:
    """One client, which knows of each event, by its aggregate and version, whose commit was answered."""

    def __init__(self, url: str, seed: str, parties: list[UUID], pace: float) -> None:
        self._url, self._parties, self._pace = url, parties, pace
        self.chance = random.Random(seed)
        self.confirmed: list[Known] = []
        self._known: list[tuple[UUID, int, UUID, str]] = []

    def work(
        self, done: threading.Event, append: Callable[[Appender, connection], Sequence[StoredCrmEvent]]
    ) -> None:
        """Appends until `done`; a store that is away is tried again. `append` makes one transaction and
        returns the events that it committed."""
        while not done.is_set():
            # Whether the last transaction was committed is unknown then; the store tells in the end.
            with suppress(psycopg2.Error):
                opened = psycopg2.connect(self._url, connect_timeout=5)
                try:
                    while not done.is_set():
                        committed = append(self, opened)
                        self.confirmed += [(str(e.originator_id), e.originator_version) for e in committed]
                finally:
                    opened.close()
            self.forget()
            done.wait(0.1)

    def rest(self, least: float, most: float) -> None:
        """Pauses between two transactions, so many seconds at pace 1."""
        time.sleep(self.chance.uniform(least, most) * self._pace)

    def forget(self) -> None:
        """It is unknown how far the aggregates of before have come; new ones from now on."""
        self._known.clear()

    def events(self, count: int) -> list[StoredCrmEvent]:
        """So many events: new aggregates of all families and parties, and next versions of known ones."""
        return [self._event() for _ in range(count)]

    def _event(self) -> StoredCrmEvent:
        chance = self.chance
        if self._known and chance.random() < 0.4:
            id, version, party, family = self._known.pop(chance.randrange(len(self._known)))
        else:
            id, version = UUID(int=chance.getrandbits(128), version=4), 0
            party, family = chance.choice(self._parties), chance.choice(FAMILIES)
        self._known.append((id, version + 1, party, family))
        del self._known[:-200]
        filler = 20_000 if chance.random() < 0.01 else chance.randint(20, 400)
        return StoredCrmEvent(
            originator_id=id,
            originator_version=version + 1,
            topic=f"crm.{family}.registered",
            state=sample_event(id, version + 1, party, family, filler),
            party=party,
        )


def single(client: Appender, opened: connection) -> Sequence[StoredCrmEvent]:
    """One event."""
    events = client.events(1)
    insert(opened, events)
    opened.commit()
    client.rest(0.01, 0.04)
    return events


def several(client: Appender, opened: connection) -> Sequence[StoredCrmEvent]:
    """Events of several aggregates, sometimes held open between two, sometimes given up."""
    events = client.events(client.chance.randint(2, 6))
    insert(opened, events)
    if client.chance.random() < 0.2:
        time.sleep(client.chance.uniform(0, 0.2))
        later = client.events(1)
        insert(opened, later)
        events += later
    if client.chance.random() < 0.1:
        opened.rollback()
        client.forget()
        return []
    opened.commit()
    client.rest(0.02, 0.08)
    return events


def many(client: Appender, opened: connection) -> Sequence[StoredCrmEvent]:
    """A bulk through COPY; now and then more than one seal takes."""
    chance = client.chance
    events = client.events(chance.randint(2600, 3200) if chance.random() < 0.05 else chance.randint(20, 300))
    lines = "".join(
        f"{e.originator_id}\t{e.originator_version}\t{e.topic}\t{e.party}\t\\\\x{e.state.hex()}\n"
        for e in events
    )
    with opened.cursor() as cursor:
        cursor.copy_expert(COPY, io.StringIO(lines))
    opened.commit()
    client.rest(0.5, 2.5)
    return events


def insert(opened: connection, events: Sequence[StoredCrmEvent]) -> None:
    """Appends them in the open transaction, in their order."""
    for event in events:
        run(opened, event)


class Appending:
    """Clients of all three kinds, each in a thread, from `start` to `stop`: some 300 events a second, at
    `pace` 2 half as many."""

    def __init__(self, url: str, seed: int, pace: float = 1.0) -> None:
        chance = random.Random(seed)
        parties = [UUID(int=chance.getrandbits(128), version=4) for _ in range(PARTIES)]
        self._done = threading.Event()
        acts = (single, single, several, many)
        self._clients = [Appender(url, f"{seed} {number}", parties, pace) for number in range(len(acts))]
        self._threads = [
            threading.Thread(target=client.work, args=(self._done, act), daemon=True)
            for client, act in zip(self._clients, acts, strict=True)
        ]

    def start(self) -> None:
        """They begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """They end, each after its transaction."""
        self._done.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a client hangs"

    def confirmed(self) -> set[Known]:
        """All events whose commit was answered."""
        # Each list is copied at once: its client goes on adding to it.
        return {known for client in self._clients for known in tuple(client.confirmed)}
