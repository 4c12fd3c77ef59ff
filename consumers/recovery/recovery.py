"""`rapport store recover`: after a restore or a failover the store gets back the events that only the topics
have.

    take the relay's lock, fence producers, block appends
    -> read seals and events behind the last seal that both have, and prove them by the seals
    -> refuse, or set aside, events in their way that the restored store has recorded since
    -> write events and seals back with their bytes and positions, and make claims and contact index of them
    -> destroy keys of erased persons again, which a restore may bring back
    -> set the sequence past every position that was ever used
    -> record the server and timeline as known

All of it is one transaction of the store: if it is killed, nothing is changed, but the sequence may be ahead.
The parts: `stage`, `set_aside`, `derived`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg2.extensions import cursor
from psycopg2.extras import Json

from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import KeyStore
from commands.privacy.tombstones import Tombstones
from commands.store.high_water_mark import APPEND_LOCK
from commands.store.identifiers import Identifiers
from commands.store.incarnation import BEHIND
from commands.store.pool import connect
from commands.store.settings import StoreSettings, store_settings
from consumers.kafka.address import KafkaAddress
from consumers.kafka.producer import SealingProducer
from consumers.kafka.topics import wanted
from consumers.recovery import set_aside as in_the_way
from consumers.recovery.derived import Derivation, DerivedRows
from consumers.recovery.stage import Progress, RecoveryRefused, Stage
from consumers.relay.leader import LEADER_LOCK
from projections.control.rebuilds import abort_past

LOCK_SECONDS: Final = 30

_FACTS: Final = """
    SELECT store.incarnation_known(), (SELECT coalesce(max(position), 0) FROM store.event),
           coalesce((SELECT position FROM store.relay), 0),
           (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.event_position_seq)
"""
_KNOWN: Final = """
    INSERT INTO store.incarnation (system_identifier, timeline)
    SELECT system_identifier, timeline FROM store.server()
"""
_NOTE: Final = """
    UPDATE store.incarnation SET recovered = %s
     WHERE number = (SELECT max(number) FROM store.incarnation)
"""
_DROP_SEALS: Final = "DELETE FROM store.seal WHERE sequence > %s"
_SEALS: Final = """
    INSERT INTO store.seal (sequence, first, last, count, record, hash, sealed)
    SELECT sequence, first, last, (said ->> 'count')::int, record, sha256(record),
           (said ->> 'sealed')::timestamptz
      FROM (SELECT *, convert_from(record, 'UTF8')::jsonb AS said FROM lost_seal) parsed
"""
_EVENTS: Final = """
    INSERT INTO store.event (position, aggregate_id, version, type, party, event) OVERRIDING SYSTEM VALUE
    SELECT position, aggregate_id, version, type, party, event FROM missing ORDER BY position
"""
_SEQUENCE: Final = "SELECT setval('store.event_position_seq', %s, true)"
# The API takes commands again at once; the next relay checks that store and topics agree.
_RELAY: Final = """
    UPDATE store.relay SET position = greatest(position, %s),
           state = CASE state WHEN %s THEN 'stopped' ELSE state END,
           reason = CASE state WHEN %s THEN 'The store was recovered.' ELSE reason END
"""
_LAST_SEAL: Final = "SELECT coalesce(max(last), 0) FROM store.seal"
_SHARES: Final = """
    SELECT projection || ' v' || version, max(position),
           EXISTS (SELECT FROM control.active a WHERE a.projection = s.projection AND a.version = s.version)
      FROM control.share s GROUP BY projection, version ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What a recovery found and did, or in a dry run would do.

    `new_incarnation`: the server or timeline was not known. `head` is the store's last position before.
    `common` is the last position that both sides have sealed, `upto` the topics' last sealed one. `events`
    and `seals` came back; `replaced` is how many of the restored store's own seals were removed. `set_aside`
    events were written to the file and removed. Positions go on behind `sequence`. `aborted` are candidates,
    `ahead` the read models in use, whose position is past the store's end.
    """

    new_incarnation: bool
    head: int
    common: int
    upto: int
    events: int
    seals: int
    replaced: int
    set_aside: int
    sequence: int
    derived: DerivedRows
    aborted: list[str] = field(default_factory=list)
    ahead: list[str] = field(default_factory=list)
    dry_run: bool = False


class RecoveryRun:
    """Recovers one store.

    Args:
        admin_url: the store's database as its owner or superuser.
        read_url: the read side's database as the same.
        address: the Kafka cluster that has the store's topics.
        families: each has a topic.
        key: checks the seals.
        keys: the persons' keys.
        tombstones: destroys the keys of erased persons again.
        cipher: opens private values with the keys.
        identifiers: makes the blind index.
        progress: gets how many of how many records were read.
        failpoint: gets "before the commit", for tests.
    """

    def __init__(
        self,
        *,
        admin_url: str,
        read_url: str,
        address: KafkaAddress,
        families: tuple[str, ...],
        key: Ed25519PublicKey,
        keys: KeyStore,
        tombstones: Tombstones,
        cipher: AesGcmCipher,
        identifiers: Identifiers,
        progress: Progress = lambda _done, _total: None,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._url, self._read_url, self._address, self._families = admin_url, read_url, address, families
        self._key, self._keys, self._cipher, self._identifiers = key, keys, cipher, identifiers
        self._progress, self.failpoint, self._tombstones = progress, failpoint, tombstones

    def run(self, *, set_aside: Path | None = None, dry_run: bool = False) -> Recovery:
        """Recovers, or with `dry_run` reports what it would do and changes nothing.

        It writes events in the way to the new file `set_aside` and removes them. Raises `RecoveryRefused`,
        and the drivers' errors while a service is away; then nothing is changed.
        """
        settings = store_settings(self._url)
        with closing(connect(self._url, autocommit=False)) as opened, opened.cursor() as at:
            at.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            if not dry_run:
                self._alone(at, settings)
            done = self._recover(at, settings, set_aside, dry_run=dry_run)
            if not dry_run:
                self.failpoint("before the commit")
                opened.commit()
            return done

    def _alone(self, at: cursor, settings: StoreSettings) -> None:
        """Makes sure that no relay leads, no other producer publishes, and nobody appends."""
        at.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_SECONDS}s",))
        try:
            at.execute("SELECT pg_advisory_xact_lock(%s, %s)", LEADER_LOCK)
        except psycopg2.errors.LockNotAvailable:
            raise RecoveryRefused(
                f"A relay has led for more than {LOCK_SECONDS} s, and nothing was changed. Stop it, or look "
                "for the advisory lock in pg_locks, then repeat."
            ) from None
        producer = SealingProducer(
            self._address, f"rapport-relay-{settings.store_id}", partitions=settings.partitions
        )
        try:
            producer.init()
            producer.end_open_transactions(wanted(self._families, settings.partitions))
        finally:
            producer.close()
        try:
            at.execute("SELECT pg_advisory_xact_lock(%s, %s)", APPEND_LOCK)
        except psycopg2.errors.LockNotAvailable:
            raise RecoveryRefused(
                f"A transaction that appends has been open for more than {LOCK_SECONDS} s, and nothing was "
                "changed. End its session (see pg_locks and pg_prepared_xacts), then repeat."
            ) from None

    def _recover(self, at: cursor, settings: StoreSettings, file: Path | None, *, dry_run: bool) -> Recovery:
        at.execute(_FACTS)
        known, head, noted, drawn = at.fetchall()[0]
        stage = Stage(at, store=settings.store_id, partitions=settings.partitions, key=self._key)
        fork = stage.seals(self._address)
        if noted > fork.upto:
            raise RecoveryRefused(
                f"The topics are behind: crm.seal.v1 ends at position {fork.upto}, and {noted} was published "
                "already. Nothing was changed. Use the broker that has the topics; if they are lost, restore "
                "them with `rapport relay republish` first."
            )
        # In a dry run a relay may publish, so the topics can be ahead of the seals that were just read.
        stage.events(self._address, self._families, fork, self._progress, still=not dry_run)
        derived = DerivedRows()
        deriving = Derivation(at, self._keys, self._cipher, self._identifiers)
        in_the_way.find_missing(at)
        deriving.claims()
        removed = in_the_way.find_in_the_way(at, fork)
        if removed and not dry_run:
            if file is None:
                in_the_way.refuse(at, removed)
            else:
                in_the_way.write(at, file)
        in_the_way.remove(at)
        at.execute(_KNOWN)
        replaced = 0
        if fork.seals:
            at.execute(_DROP_SEALS, (fork.common.sequence if fork.common else 0,))
            replaced = at.rowcount
            at.execute(_SEALS)
        at.execute(_EVENTS)
        back = at.rowcount
        # Before the index is derived: the values of erased persons must not open.
        deriving.erase_again(derived, self._tombstones, dry_run=dry_run)
        deriving.write(derived)
        at.execute(_RELAY, (fork.upto, BEHIND, BEHIND))
        at.execute(_LAST_SEAL)
        sealed = int(at.fetchall()[0][0])
        aborted, shares = self._read_side(sealed, dry_run=dry_run)
        recovery = Recovery(
            new_incarnation=not known,
            head=head,
            common=fork.after,
            upto=fork.upto,
            events=back,
            seals=fork.seals,
            replaced=replaced,
            set_aside=removed,
            sequence=max(head, noted, drawn, fork.upto, sealed, *(mark for _, mark, _ in shares)),
            derived=derived,
            aborted=aborted,
            ahead=[name for name, mark, active in shares if active and mark > sealed],
            dry_run=dry_run,
        )
        at.execute(_NOTE, (Json(_noted(recovery)),))
        if recovery.sequence and not dry_run:
            at.execute(_SEQUENCE, (recovery.sequence,))
        return recovery

    def _read_side(self, sealed: int, *, dry_run: bool) -> tuple[list[str], list[tuple[str, int, bool]]]:
        """Aborts the candidates past the last seal: they show events that the store does not have.

        Returns their names, and of each read model version, candidates too, its name, its position, and
        whether it is active. It runs before the store's commit: a needlessly aborted candidate can be
        rebuilt, while one that stays would look right and be wrong.
        """
        with closing(connect(self._read_url, autocommit=False)) as opened, opened.cursor() as at:
            at.execute("SELECT to_regclass('control.share'), to_regclass('control.rebuild')")
            shares_there, rebuilds_there = at.fetchall()[0]
            if shares_there is None:
                return [], []
            at.execute(_SHARES)
            shares: list[tuple[str, int, bool]] = at.fetchall()
            aborted = abort_past(at, sealed) if rebuilds_there is not None else []
            if not dry_run:
                opened.commit()
        return aborted, shares


def _noted(recovery: Recovery) -> dict[str, Any]:
    """Returns what the incarnation keeps of its recovery."""
    kept = ("head", "common", "upto", "events", "seals", "replaced", "set_aside", "sequence")
    return {name: getattr(recovery, name) for name in kept}
