"""A store whose events are sealed without a relay, for what needs seals and no topics with records."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

import psycopg2
from psycopg2.extras import execute_values

from commands.store.event_reader import EventReader, StoredRow
from commands.store.seals import Seals
from consumers.relay.seals import seal_range
from tests.support.database import PARTITIONS, Urls
from tests.support.rebuilding import INSERT
from tests.support.working import KEY


def append_sealed(urls: Urls, rows: Sequence[StoredRow], *, seal: bool = True) -> list[StoredRow]:
    """Appends the events, and seals all that is not sealed yet; the whole store as it then is."""
    with closing(psycopg2.connect(urls.app)) as connection, connection, connection.cursor() as c:
        values = [(str(r.aggregate_id), r.version, r.type, str(r.party), r.event) for r in rows]
        execute_values(c, INSERT, values, page_size=1000)
    with EventReader(urls.relay) as follower, closing(Seals(urls.relay)) as seals:
        stored = follower.read(0, follower.high_water_mark(), limit=100_000, max_bytes=1 << 28)
        last = seals.last()
        fresh = [row for row in stored if row.position > (last.last if last else 0)]
        for at in range(0, len(fresh) if seal else 0, 500):
            made = seal_range(
                fresh[at : at + 500], last, store=UUID(int=5), partitions=PARTITIONS, key=KEY,
                now=datetime.now(UTC),
            )  # fmt: skip
            last = seals.append(made.record)
    return stored
