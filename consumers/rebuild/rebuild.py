"""Begins the rebuild of a candidate, and waits for it. `run` fills it; operators use `operate`.

    note E, the end of every partition -> then S, the newest seal -> fill to S -> go on at S, reading from E

The order makes the hand-over exact. Events behind S are published after S was written, so they are behind E.
The worker drops events that are behind E but not behind S. S is a seal, so all events up to it are below the
high-water mark: an event whose transaction is still open is behind S, however long it stays open.

Every step is recorded with its result. After a kill the next call goes on where the last one stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from consumers.kafka.address import KafkaAddress
from consumers.kafka.tail import last_committed_seal
from consumers.rebuild.fill import MakeCipher, connect_owner
from consumers.rebuild.source import slices
from consumers.rebuild.source_offsets import newest_seal, topic_ends
from domain.events.registry import Registry
from domain.events.seal import Seal
from domain.kernel.user_errors import FailureFound
from projections.control import operations, rebuilds, versions
from projections.control.rebuilds import CATCHING_UP, FILLING, PAUSED, READY, Rebuild
from projections.control.shares import partition_count
from projections.release.schema import LOCK, make_again
from projections.runtime import indexes as bare
from projections.runtime.projection import Projection

EVENTS_PER_SLICE: Final = 20_000
MAX_SLICES: Final = 4_096
MAX_TRIES: Final = 3
"""Tries to begin, if workers cause a deadlock."""
POLL_SECONDS: Final = 0.2
"""Seconds between two checks of the progress."""


class RebuildRefused(FailureFound):
    """The act is not possible now. The text says why, and what to do."""


class RebuildStopped(FailureFound):
    """The rebuild stopped before its end; its work is kept. The text says how to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProgress:
    """The progress of a rebuild: its state; `done` of `whole` in `unit` (the number of events may be an
    estimate from the filled slices); while it catches up, `lag` in positions."""

    state: str
    done: int
    whole: int
    unit: str = "events"


Tell = Callable[[RebuildProgress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a rebuild connects. `owner_url` is the read side as its owner, `store_url` the store, to be read.
    `cipher` makes, in any process, a cipher for a model that needs private values. `folder` is for the spill
    files, a gigabyte for each process (None: the machine's folder for temporary files)."""

    owner_url: str
    store_url: str
    address: KafkaAddress
    registry: Registry
    cipher: MakeCipher | None = None
    folder: Path | None = None


def begin(
    projection: Projection,
    endpoints: Endpoints,
    *,
    by: str,
    why: str | None = None,
    source: str = "store",
    events_per_slice: int = EVENTS_PER_SLICE,
) -> Rebuild:
    """Begins to build a candidate anew: it empties the tables and takes the shares from their workers. It
    makes a dropped version again.

    `slice` is about how many events are filled in one transaction. Raises `RebuildRefused` for the active
    version, and if a rebuild is under way.
    """
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        make_again(c, projection)
    # E before S, see above.
    ends = (
        {}
        if source == "kafka"
        else topic_ends(endpoints.address, projection, _partitions(projection, endpoints))
    )
    seal, sealed = (None, 0) if source == "kafka" else newest_seal(endpoints.store_url)
    fill = Origin(source, ends, seal, max(1, min(MAX_SLICES, -(-sealed // events_per_slice))))
    _fence(projection, endpoints)
    met: Exception | None = None
    for _ in range(MAX_TRIES):
        try:
            return _begin(projection, endpoints, fill, by, why)
        except psycopg2.errors.DeadlockDetected as error:
            # A deadlock with a fenced worker, which locks the tables in another order: the worker ends by
            # itself.
            met = error
    assert met is not None
    raise met


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of a fill, `store` or `kafka`: `ends` is E, `seal` is S; `slices` is their number."""

    source: str
    ends: Mapping[str, Mapping[str, int]]
    seal: Seal | None
    slices: int


def _begin(projection: Projection, endpoints: Endpoints, fill: Origin, by: str, why: str | None) -> Rebuild:
    seal = fill.seal
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        c.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        _refuse(c, projection)
        rebuild = uuid4()
        # Waits for slices of an aborted rebuild that are still under way somewhere.
        c.execute(
            "DELETE FROM control.slice WHERE rebuild IN "
            "(SELECT id FROM control.rebuild WHERE projection = %s AND version = %s)",
            (projection.name, projection.version),
        )
        bare.empty(c, projection)
        _bring_all_back(c, projection)
        c.execute(
            "DELETE FROM control.held WHERE projection = %s AND version = %s",
            (projection.name, projection.version),
        )
        ddl = [] if seal is None else bare.strip(c, projection)
        c.execute(
            "INSERT INTO control.rebuild (id, projection, version, state, source, filled_to, seal_sequence, "
            "seal_hash, offsets, ddl, by_whom, why) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                str(rebuild), projection.name, projection.version, FILLING, fill.source,
                seal.last if seal else 0, seal.sequence if seal else 0, seal.hash if seal else bytes(32),
                Json(fill.ends), Json(list(ddl)), by, why,
            ),
        )  # fmt: skip
        if seal is not None:
            execute_values(
                c,
                "INSERT INTO control.slice (rebuild, number, low, high) VALUES %s",
                [
                    (str(rebuild), n, str(low), high and str(high))
                    for n, (low, high) in enumerate(slices(fill.slices))
                ],
            )
        c.execute(
            "UPDATE control.share SET position = 0, seal_sequence = 0, offsets = '{}', received = 0, "
            "seal_hash = decode(repeat('00', 32), 'hex') WHERE projection = %s AND version = %s",
            (projection.name, projection.version),
        )
        rebuilds.set_shares(c, projection.name, projection.version, FILLING, "It is being filled.")
        operations.note(
            c, "rebuild_started", projection.name, projection.version, by=by, reason=why,
            details={"source": fill.source, "filled_to": seal.last if seal else 0},
        )  # fmt: skip
        begun = rebuilds.open_one(c, projection.name, projection.version)
    assert begun is not None
    return begun


def _fence(projection: Projection, endpoints: Endpoints) -> None:
    """Takes the shares from the workers of a candidate that failed, or was rolled back, and ends its rebuild.

    It uses a transaction of its own, before the tables are emptied. In one transaction there would be a
    deadlock: it would lock the tables and then the shares, while a worker may lock them the other way round.
    A fenced worker ends by itself.
    """
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        c.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        _refuse(c, projection)
        rebuilds.set_shares(c, projection.name, projection.version, versions.CANDIDATE, "It is built anew.")


def wait_ready(
    projection: Projection,
    endpoints: Endpoints,
    *,
    seconds: float | None = None,
    tell: Tell = lambda _: None,
) -> Rebuild:
    """Waits until the candidate's workers have come to the seal that is the newest at the call. Returns the
    rebuild.

    Raises `RebuildStopped` after `seconds`, with what is missing, and if it was paused or aborted.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    with closing(connect_owner(endpoints.owner_url, f"rapport rebuild {projection.schema}")) as owner:
        owner.autocommit = True
        with owner.cursor() as c:
            goal = _newest(c, projection, endpoints)
            while True:
                rebuild = rebuilds.open_one(c, projection.name, projection.version)
                if rebuild is None or rebuild.state in (PAUSED, FILLING):
                    raise RebuildStopped(gone(rebuild, projection))
                at = position(c, projection)
                tell(RebuildProgress(state=rebuild.state, done=min(at, goal), whole=goal, unit="positions"))
                if at >= goal:
                    if rebuild.state == CATCHING_UP:
                        rebuilds.change(c, rebuild.id, READY)
                    found = rebuilds.open_one(c, projection.name, projection.version)
                    assert found is not None
                    return found
                if deadline is not None and time.monotonic() > deadline:
                    raise RebuildStopped(
                        f"{projection.title} is filled and stands at {at:,}; {goal - at:,} positions are "
                        f"still to come. Its workers bring them: `rapport projection run {projection.name} "
                        f"--version {projection.version}`."
                    )
                time.sleep(POLL_SECONDS)


def _newest(c: Cursor, projection: Projection, endpoints: Endpoints) -> int:
    """Returns the end of the store's newest seal. For a rebuild from the topics, returns the end of the
    topics' newest seal, since the store may be away.
    """
    rebuild = rebuilds.open_one(c, projection.name, projection.version)
    if rebuild is not None and rebuild.source == "kafka":
        seal = last_committed_seal(endpoints.address)
    else:
        seal, _ = newest_seal(endpoints.store_url)
    return seal.last if seal else 0


def position(c: Cursor, projection: Projection) -> int:
    """Returns the least position of the version's shares."""
    c.execute(
        "SELECT coalesce(min(position), 0) FROM control.share WHERE projection = %s AND version = %s",
        (projection.name, projection.version),
    )
    row = c.fetchone()
    return int(row[0]) if row else 0


NONE: Final = (
    "No rebuild of {projection.name} version {projection.version} is under way. Begin one with "
    "`rapport projection rebuild {projection.name} --version {projection.version}`."
)


def gone(rebuild: Rebuild | None, projection: Projection) -> str:
    """Returns the sentence about a rebuild that was paused or aborted."""
    if rebuild is None:
        return f"The rebuild of {projection.title} was aborted. Begin it again when you need it."
    return (
        f"The rebuild of {projection.title} was paused; what is filled is kept. Go on with "
        f"`rapport projection resume {projection.name} --version {projection.version}`."
    )


def _refuse(c: Cursor, projection: Projection) -> None:
    if versions.active(c).get(projection.name) == projection.version:
        raise RebuildRefused(
            f"{projection.title} is the active one: it is read from while it would be built. Give what has "
            "changed a new version, and rebuild that."
        )
    if missing := versions.without_tables(c, projection):
        raise RebuildRefused(missing)
    found = rebuilds.open_one(c, projection.name, projection.version, lock=True)
    if found is not None and found.state not in rebuilds.OVER:
        raise RebuildRefused(
            f"A rebuild of {projection.title} is there already ({found.state.replace('_', ' ')}, begun by "
            f"{found.by_whom} at {found.started_at:%Y-%m-%d %H:%M} UTC). Abort it first: `rapport projection "
            f"abort {projection.name} --version {projection.version}`."
        )
    if found is not None:
        rebuilds.change(c, found.id, rebuilds.ABORTED, "It is built anew.")


def _partitions(projection: Projection, endpoints: Endpoints) -> int:
    with closing(connect_owner(endpoints.owner_url, "rapport rebuild")) as owner, owner, owner.cursor() as c:
        return partition_count(c, projection)


def _bring_all_back(c: Cursor, projection: Projection) -> None:
    """Makes the keys and indexes again that an aborted rebuild has removed."""
    c.execute(
        "SELECT ddl FROM control.rebuild WHERE projection = %s AND version = %s "
        "ORDER BY started_at DESC LIMIT 1",
        (projection.name, projection.version),
    )
    row = c.fetchone()
    for part in row[0] if row else ():
        bare.bring_back(c, part)
