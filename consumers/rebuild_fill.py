"""One process of a fill: takes stretches of parties that nobody fills yet, each in one transaction.

Killed at any moment, a stretch is either filled and marked so, or as if nothing had happened.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from threading import Event as Flag
from typing import Any, Final
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from consumers.kafka.topics import partition_of
from consumers.rebuild_source import PartySource
from domain.events.registry import Registry
from projections.cells import Unfit
from projections.decode import Decoder, OpeningCipher, Received
from projections.filling import Filling, is_refusal, refused_one_by_one
from projections.projection import Projection

log = logging.getLogger(__name__)

MakeCipher = Callable[[], OpeningCipher]
"""Makes, in the process that needs it, what opens private values; it travels to other processes."""

# A stretch under way is finished when the rebuild is paused; none is begun. Before anything is filled anew
# the stretches of the rebuild before are deleted, which waits for those under way: no late row comes in.
_CLAIM: Final = """
    SELECT s.number, s.low, s.high, r.filled_to
      FROM control.slice s JOIN control.rebuild r ON r.id = s.rebuild
     WHERE r.id = %s AND r.state = 'filling' AND NOT s.done
     ORDER BY s.number LIMIT 1 FOR UPDATE OF s SKIP LOCKED
"""
_PARTY: Final = itemgetter(1)
_DONE: Final = """
    UPDATE control.slice SET done = true, events = %s, received = %s WHERE rebuild = %s AND number = %s
"""
_LEFT: Final = """
    SELECT count(*) FROM control.slice s JOIN control.rebuild r ON r.id = s.rebuild
     WHERE r.id = %s AND r.state = 'filling' AND NOT s.done
"""


def fill(
    rebuild: UUID,
    projection: Projection,
    registry: Registry,
    *,
    store_url: str,
    read_url: str,
    partitions: int,
    cipher: MakeCipher | None,
    stop: Flag | None = None,
) -> None:
    """Fills stretches until none is free; `read_url` as the owner. Ends early, after the stretch under way,
    once `stop` is set, and when the process that started this one is gone.
    """
    parent = multiprocessing.parent_process()
    decoder = Decoder(registry, cipher() if cipher is not None and projection.private else None)
    with (
        closing(PartySource(store_url, projection.families)) as source,
        closing(connect_owner(read_url, f"rapport fill {projection.schema}")) as connection,
    ):
        with connection, connection.cursor() as c:
            # Rows and their stretch are lost together or not at all, and the hand-over waits for the disk.
            c.execute("SET synchronous_commit = off")
        while (parent is None or parent.is_alive()) and not (stop is not None and stop.is_set()):
            with connection, connection.cursor() as c:
                c.execute(_CLAIM, (str(rebuild),))
                claimed = c.fetchone()
                if claimed is None:
                    return
                number, low, high, upto = claimed
                parties = Counter[str]()
                held = _fill_one(
                    c, projection, decoder, source, (UUID(low), high and UUID(high)), upto, parties
                )
                received: dict[int, int] = {}
                for party, events in parties.items():
                    partition = partition_of(party, partitions)
                    received[partition] = received.get(partition, 0) + events
                c.execute(_DONE, (sum(received.values()), Json(received), str(rebuild), number))
            if held:
                log.warning("%d events of stretch %d could not be applied and are held.", held, number)


def fill_alone(*arguments: Any, **named: Any) -> None:
    """The same in a process of its own."""
    # Events hold no cycles. At Python's own pace the collector would take half of this process's time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    fill(*arguments, **named)


def left(c: Cursor, rebuild: UUID) -> int:
    """Stretches that are not filled yet, while the rebuild is being filled."""
    c.execute(_LEFT, (str(rebuild),))
    row = c.fetchone()
    return int(row[0]) if row else 0


def connect_owner(url: str, name: str) -> Connection:
    """A session of the read side's owner that shows as `name`."""
    return psycopg2.connect(
        url, connect_timeout=10, application_name=name, keepalives_idle=30, keepalives_interval=5,
        keepalives_count=3,
    )  # fmt: skip


def _fill_one(
    c: Cursor,
    projection: Projection,
    decoder: Decoder,
    source: PartySource,
    between: tuple[UUID, UUID | None],
    upto: int,
    parties: Counter[str],
) -> int:
    """Fills one stretch; counts the events of each party. Answers how many are held."""
    c.execute("SAVEPOINT stretch")
    filling = Filling(projection, decoder, c)

    def take(events: Sequence[Received], ended: bool) -> None:
        parties.update(map(_PARTY, events))
        filling.add(events, ended=ended)

    try:
        source.read(*between, upto, take)
        filling.finish()
    except (psycopg2.Error, Unfit) as error:
        if not is_refusal(error):
            raise
        # Some value is one that the database refuses: find the events that bring it, spare the others.
        log.warning("A value was refused (%s); looking for its event.", type(error).__name__)
        c.execute("ROLLBACK TO SAVEPOINT stretch")
        parties.clear()
        held, pending = 0, list[Received]()

        def one_by_one(events: Sequence[Received], ended: bool) -> None:
            nonlocal held
            parties.update(map(_PARTY, events))
            pending.extend(events)
            if ended:
                held += refused_one_by_one(projection, decoder, c, _by_party(pending))
                pending.clear()

        source.read(*between, upto, one_by_one)
        return held
    return filling.held


def _by_party(events: Iterable[Received]) -> Iterable[Any]:
    for _, party in groupby(events, key=_PARTY):
        yield list(party)
