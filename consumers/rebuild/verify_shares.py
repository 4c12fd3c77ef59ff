"""The shares of a verification: takes each one behind the high-water mark, and gives them back."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Final

from psycopg2.extensions import cursor as Cursor

from commands.store.event_reader import EventReader
from consumers.kafka.topics import topic
from consumers.rebuild.rebuild import (
    POLL_SECONDS,
    Endpoints,
    RebuildProgress,
    RebuildStopped,
    Tell,
    gone,
    position,
)
from consumers.rebuild.source_offsets import newest_seal
from consumers.worker.partition_buffer import APPLIED_TO
from projections.control import rebuilds
from projections.control.rebuilds import VERIFYING
from projections.control.shares import RUNNING, WORKED_ON
from projections.control.status import STALE_SECONDS
from projections.runtime.projection import Projection

WITHOUT_WORKERS_SECONDS: Final = 10.0
"""Seconds to wait for the first sign of a worker: only workers move the shares on."""
WAIT_SECONDS: Final = 120.0
"""Seconds to wait for relay and workers."""
HIGH_WATER_MARK_SECONDS: Final = 60.0
_THERE: Final = """
    (position >= %(settled)s
     AND (position = 0 OR offsets ?& %(topics)s::text[] AND NOT offsets ?| %(marks)s::text[]))
"""
# A topic that joined the version may not be applied yet up to where its share stands.


def sealed_mark(endpoints: Endpoints, seconds: float) -> int:
    """Returns a high-water mark that a seal covers: the verification goes at least so far."""
    with closing(EventReader(endpoints.store_url)) as reader:
        mark = reader.high_water_mark(HIGH_WATER_MARK_SECONDS)
    deadline = time.monotonic() + seconds
    while (sealed := _sealed(endpoints)) < mark:
        if time.monotonic() > deadline:
            raise RebuildStopped(
                f"The relay has sealed up to position {sealed:,}, and the store's high-water mark is "
                f"{mark:,}: nothing can be verified before that is sealed. See `rapport relay status`."
            )
        time.sleep(POLL_SECONDS)
    return mark


def _sealed(endpoints: Endpoints) -> int:
    seal, _ = newest_seal(endpoints.store_url)
    return seal.last if seal else 0


def take_shares(c: Cursor, projection: Projection, mark: int, seconds: float, tell: Tell) -> None:
    """Takes each share as soon as it is at or behind `mark`, with all topics of the version. Its position is
    then always the end of a seal."""
    begun = time.monotonic()
    deadline, alone = begun + seconds, begun + min(seconds, WITHOUT_WORKERS_SECONDS)
    topics = [topic(family) for family in projection.families]
    whose = {
        "projection": projection.name, "version": projection.version, "settled": mark, "topics": topics,
        "marks": [APPLIED_TO + name for name in topics],
    }  # fmt: skip
    while True:
        c.execute(
            "UPDATE control.share SET state = 'verifying', reason = 'It is being verified.', "  # noqa: S608
            "epoch = epoch + 1, worker = NULL, lease_until = '-infinity' "
            f"WHERE projection = %(projection)s AND version = %(version)s AND {_THERE} "
            "AND state = ANY (%(states)s)",
            whose | {"states": list(WORKED_ON)},
        )
        c.execute(
            f"SELECT count(*) FILTER (WHERE state <> 'verifying' OR NOT {_THERE}), "  # noqa: S608
            "min(state) FILTER (WHERE state <> 'verifying') FROM control.share "
            "WHERE projection = %(projection)s AND version = %(version)s",
            whose,
        )
        missing, state = c.fetchone() or (0, None)
        at = min(position(c, projection), mark)
        tell(RebuildProgress(state="waiting for its shares", done=at, whole=mark, unit="positions"))
        if not missing:
            return
        now = rebuilds.open_one(c, projection.name, projection.version)
        if now is None or now.state != VERIFYING:
            raise RebuildStopped(gone(now, projection))
        moment = time.monotonic()
        if moment > deadline or (moment > alone and not _worked_on(c, projection)):
            raise RebuildStopped(
                f"{missing} shares of {projection.title} ({state}) did not come, with all topics, to "
                f"position {mark:,} in {moment - begun:.0f} seconds. Its workers bring them: `rapport "
                f"projection run {projection.name} --version {projection.version}`; see `rapport projection "
                "status`."
            )
        # A share that an earlier verification stopped before the mark goes on first.
        c.execute(
            "UPDATE control.share SET state = 'running', reason = NULL "  # noqa: S608 - our own condition
            "WHERE projection = %(projection)s AND version = %(version)s AND state = 'verifying' "
            f"AND NOT {_THERE}",
            whose,
        )
        time.sleep(POLL_SECONDS)


def _worked_on(c: Cursor, projection: Projection) -> bool:
    """Whether a worker of the version is alive."""
    c.execute(
        "SELECT EXISTS (SELECT 1 FROM control.worker WHERE projection = %s AND version = %s "
        "AND heartbeat > clock_timestamp() - make_interval(secs => %s))",
        (projection.name, projection.version, STALE_SECONDS),
    )
    return c.fetchone() == (True,)


def let_go(c: Cursor, projection: Projection) -> None:
    c.execute(
        "UPDATE control.share SET state = %s, reason = NULL WHERE projection = %s AND version = %s "
        "AND state = 'verifying'",
        (RUNNING, projection.name, projection.version),
    )
