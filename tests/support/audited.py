"""An installation whose 18 events are sealed by six, at known positions, and published with their seals."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.store.event_reader import EventReader, StoredRow
from commands.store.seals import Seals
from commands.store.settings import StoreSettings, store_settings
from consumers.kafka.address import KafkaAddress
from consumers.kafka.producer import SealingProducer
from consumers.relay.seals import seal_range
from deploy.secrets import Secrets
from deploy.settings import load
from deploy.wiring import wiring
from domain.events.seal import Seal
from tests.support.commanding import run, shared_passwords, told
from tests.support.damage import record_six
from tests.support.kafka import delete_topics
from tests.support.store import execute

BATCHES = 3


@dataclass(frozen=True)
class Said:
    """What `audit verify` came to."""

    code: int
    data: dict[str, Any]
    text: str

    @property
    def kinds(self) -> set[str]:
        """Of all findings."""
        return {one["kind"] for one in self.data["findings"]}

    @property
    def first(self) -> tuple[str, int]:
        """Kind and position of the first that is about an event."""
        named = self.data["named"]
        assert named is not None, self.text
        return named["kind"], named["position"]


@dataclass(frozen=True)
class World:
    """The installation. Positions 1 to 6, 8 to 13, 15 to 20; the seals cover 1 to 6, 7 to 13, 14 to 20.

    Each six are a principal, three of a customer, two of a contact.
    """

    home: Path
    admin: str
    bootstrap: str

    @cached_property
    def rows(self) -> tuple[StoredRow, ...]:
        """The store as it was filled; ask before it is damaged."""
        with EventReader(self.admin) as follower:
            return tuple(follower.read(0, follower.high_water_mark()))

    @cached_property
    def seals(self) -> tuple[Seal, ...]:
        """As above."""
        with closing(Seals(self.admin)) as seals:
            return tuple(seals.since(0))

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """What its seals are signed with."""
        return Secrets(load(home=self.home).secrets).seal_key()

    @cached_property
    def settings(self) -> StoreSettings:
        """Its id and partitions."""
        return store_settings(self.admin)

    def row(self, position: int) -> StoredRow:
        """The event there."""
        return next(row for row in self.rows if row.position == position)

    def name(self, position: int) -> str:
        """The id of the event there."""
        row = self.row(position)
        return f"{row.aggregate_id}:{row.version}"

    def keep(self, place: Path) -> Path:
        """The newest seal, kept in that folder."""
        code, data, _ = told(self.home, "audit", "seal", "--file", str(place))
        assert code == 0
        return Path(data["file"])

    def verified(self, *words: str) -> Said:
        """Runs `audit verify`, with the topics unless told otherwise."""
        code, data, _ = told(self.home, "audit", "verify", *words)
        return Said(code, data, "\n".join(f"{one['fact']} {one['cause']}" for one in data["findings"]))

    def alone(self, *words: str) -> Said:
        """The same without the topics."""
        return self.verified("--no-topics", *words)

    def seal_anew(self, key: Ed25519PrivateKey) -> None:
        """Makes all seals anew from what the store holds now, signed with that key, at the same times."""
        with EventReader(self.admin) as follower:
            rows = follower.read(0, 100)
        last: Seal | None = None
        for old in self.seals:
            covered = [row for row in rows if old.first <= row.position <= old.last]
            last = self.made(covered, last, key, datetime.fromisoformat(old.sealed))
            execute(
                self.admin,
                "UPDATE store.seal SET record = %s, hash = %s, count = %s WHERE sequence = %s",
                (last.record, last.hash, last.count, last.sequence),
            )

    def made(self, rows: list[StoredRow], last: Seal | None, key: Ed25519PrivateKey, now: datetime) -> Seal:
        """The seal of these rows."""
        told = self.settings
        return seal_range(rows, last, store=told.store_id, partitions=told.partitions, key=key, now=now)


def filled(home: Path, admin: str, bootstrap: str) -> World:
    """Migrates `home`, records, seals and publishes; what a relay does, with ranges that are known."""
    delete_topics(bootstrap)
    shared_passwords(home)
    services = {"RAPPORT_ADMIN_URL": admin, "RAPPORT_KAFKA_BOOTSTRAP": bootstrap}
    code, said = run(home, "migrate", **services)
    assert code == 0, said
    world = World(home, admin, bootstrap)
    with wiring.Wiring(load(home=home)) as wired:
        for number in range(BATCHES):
            if number:
                execute(admin, "SELECT nextval('store.event_position_seq')")
            record_six(wired, number)
    producer = SealingProducer(
        KafkaAddress(bootstrap=bootstrap), "audit test", partitions=world.settings.partitions
    )
    with closing(Seals(admin)) as seals:
        producer.init()
        last: Seal | None = None
        for at in range(0, len(world.rows), 6):
            part = list(world.rows[at : at + 6])
            last = seals.append(world.made(part, last, world.key, datetime.now(UTC)).record)
            producer.publish(part, last.record)
        producer.close()
    assert [(seal.first, seal.last) for seal in world.seals] == [(1, 6), (7, 13), (14, 20)]
    return world
