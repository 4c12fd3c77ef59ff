"""Fills a candidate with several processes, makes its keys and indexes, and hands it over to its workers."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from multiprocessing.process import BaseProcess
from threading import Event as Flag
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from consumers.kafka.topics import topic
from consumers.rebuild.fill import Share, connect_owner, fill, fill_alone, left
from consumers.rebuild.index import index
from consumers.rebuild.rebuild import (
    NONE,
    POLL_SECONDS,
    Endpoints,
    RebuildProgress,
    RebuildRefused,
    RebuildStopped,
    Tell,
    gone,
)
from consumers.worker.partition_buffer import HANDED_OVER
from domain.events.seal import TOPIC as SEALS
from projections.control import rebuilds
from projections.control.rebuilds import CATCHING_UP, FILLING, PAUSED, Rebuild
from projections.control.shares import RUNNING, partition_count
from projections.release.schema import taken
from projections.runtime.projection import Projection

log = logging.getLogger(__name__)


def carry_on(
    projection: Projection, endpoints: Endpoints, *, workers: int = 2, tell: Tell = lambda _: None
) -> Rebuild:
    """Fills the remaining slices with `workers` processes, makes keys and indexes, and hands over.

    Returns the rebuild. Raises `RebuildRefused` if none is under way, it is paused, or another process fills
    it. Raises `RebuildStopped` if it was paused or aborted meanwhile, or one of its processes ended.
    """
    with closing(connect_owner(endpoints.owner_url, f"rapport rebuild {projection.schema}")) as owner:
        owner.autocommit = True
        with owner.cursor() as c:
            _alone(c, projection)
            rebuild = rebuilds.open_one(c, projection.name, projection.version)
            if rebuild is None:
                raise RebuildRefused(NONE.format(projection=projection))
            if rebuild.state == PAUSED:
                raise RebuildRefused(
                    f"The rebuild of {projection.title} is paused. Go on with `rapport projection resume "
                    f"{projection.name} --version {projection.version}`."
                )
            if rebuild.state == FILLING:
                _refuse_joined(rebuild, projection)
                _fill(c, rebuild, projection, endpoints, workers, tell)
                index(endpoints.owner_url, rebuild.ddl, workers, tell)
                _hand_over(owner, rebuild, projection)
                rebuild = rebuilds.open_one(c, projection.name, projection.version)
                assert rebuild is not None
    return rebuild


def _alone(c: Cursor, projection: Projection) -> None:
    """Takes the lock to fill this version, until the session ends."""
    if not taken(c, projection.schema):
        raise RebuildRefused(
            f"Another process is filling {projection.title}. Watch it with `rapport projection status`."
        )


def _refuse_joined(rebuild: Rebuild, projection: Projection) -> None:
    """Raises `RebuildRefused` if topics joined the version since the rebuild began. The filled slices lack
    their events, the others would have them, and the workers would apply all of them again."""
    joined = sorted({topic(family) for family in projection.families} - rebuild.offsets.keys())
    if rebuild.offsets and joined:
        raise RebuildRefused(
            f"The rebuild of {projection.title} began without the topics {', '.join(joined)}, which this "
            "program reads, so it can't go on. Abort it and begin anew: `rapport projection abort "
            f"{projection.name} --version {projection.version}`."
        )


def _fill(
    c: Cursor, rebuild: Rebuild, projection: Projection, endpoints: Endpoints, workers: int, tell: Tell
) -> None:
    arguments = (rebuild.id, projection, endpoints.registry)
    named = {
        "store_url": endpoints.store_url, "read_url": endpoints.owner_url, "cipher": endpoints.cipher,
        "partitions": partition_count(c, projection), "folder": endpoints.folder,
    }  # fmt: skip
    workers = min(workers, left(c, rebuild.id))
    while left(c, rebuild.id):
        told = partial(_tell_filling, c, rebuild.id, tell)
        _together(workers, arguments, named, projection, told)
        if left(c, rebuild.id):
            # A process of a killed rebuild may still fill a slice: it ends it, or rolls back.
            time.sleep(POLL_SECONDS)
            workers = 1
    now = rebuilds.open_one(c, projection.name, projection.version)
    if now is None or now.state != FILLING:
        raise RebuildStopped(gone(now, projection))
    _tell_filling(c, rebuild.id, tell)


def _together(
    workers: int,
    arguments: Sequence[Any],
    named: Mapping[str, Any],
    projection: Projection,
    told: Callable[[], None],
) -> None:
    """Fills with several processes. This process fills too, since it need not be started."""
    processes = _processes(workers - 1, arguments, named)
    try:
        _by_itself(arguments, {**named, "share": Share(0, workers)}, told)
        while any(process.is_alive() for process in processes):
            told()
            for process in processes:
                process.join(POLL_SECONDS / workers)
    except BaseException:
        for process in processes:
            process.kill()
        raise
    finally:
        for process in processes:
            process.join()
    codes = [process.exitcode for process in processes if process.exitcode]
    if codes:
        raise RebuildStopped(
            f"A process that filled {projection.title} ended early (exit code {codes[0]}); what is filled is "
            f"kept, and its log says why. Go on with `rapport projection rebuild {projection.name} --version "
            f"{projection.version}`."
        )


def _by_itself(arguments: Sequence[Any], named: Mapping[str, Any], told: Callable[[], None]) -> None:
    stop = Flag()
    before = gc.get_threshold()
    # Events hold no cycles. At Python's own pace the collector would take half of the time.
    gc.set_threshold(200_000, 20, 50)
    try:
        with ThreadPoolExecutor(max_workers=1) as thread:
            filling = thread.submit(partial(fill, *arguments, **named, stop=stop))
            try:
                while not wait([filling], POLL_SECONDS).done:
                    told()
            finally:
                stop.set()
        filling.result()
    finally:
        gc.set_threshold(*before)


def _processes(workers: int, arguments: Sequence[Any], named: Mapping[str, Any]) -> list[BaseProcess]:
    # All are forked from one process that has only imported modules: Python starts once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([fill_alone.__module__])
    processes: list[BaseProcess] = []
    for number in range(1, workers + 1):
        process = context.Process(
            target=fill_alone,
            args=tuple(arguments),
            kwargs={**named, "share": Share(number, workers + 1)},
            name=f"fill-{number}",
            daemon=True,
        )
        process.start()
        processes.append(process)
    return processes


def _tell_filling(c: Cursor, rebuild: UUID, tell: Tell) -> None:
    c.execute(
        "SELECT count(*) FILTER (WHERE done), count(*), coalesce(sum(events), 0) FROM control.slice "
        "WHERE rebuild = %s",
        (str(rebuild),),
    )
    done, slices, events = c.fetchone() or (0, 0, 0)
    # The number of events is known when all slices are read; until then it is an estimate.
    whole = int(events) * slices // done if done else 0
    tell(RebuildProgress(state=FILLING, done=int(events), whole=whole))


def _hand_over(owner: Connection, rebuild: Rebuild, projection: Projection) -> None:
    """Sets the shares to S, from which they go on at E."""
    with owner.cursor() as c:
        c.execute("BEGIN")
        now = rebuilds.open_one(c, projection.name, projection.version, lock=True)
        if now is None or now.state != FILLING:
            c.execute("ROLLBACK")
            raise RebuildStopped(gone(now, projection))
        received: dict[int, int] = {}
        events = 0
        c.execute("SELECT received, events FROM control.slice WHERE rebuild = %s", (str(rebuild.id),))
        for counts, number in c.fetchall():
            events += number
            for partition, count in counts.items():
                received[int(partition)] = received.get(int(partition), 0) + count
        c.execute(
            "SELECT partition FROM control.share WHERE projection = %s AND version = %s",
            (projection.name, projection.version),
        )
        for (partition,) in c.fetchall():
            offsets: dict[str, int] = {}
            if rebuild.filled_to:
                offsets = {
                    name: ends.get("0" if name == SEALS else str(partition), 0)
                    for name, ends in rebuild.offsets.items()
                } | {HANDED_OVER: 1}
            c.execute(
                "UPDATE control.share SET position = %s, seal_sequence = %s, seal_hash = %s, offsets = %s, "
                "received = %s WHERE projection = %s AND version = %s AND partition = %s",
                (
                    rebuild.filled_to, rebuild.seal_sequence, rebuild.seal_hash, Json(offsets),
                    received.get(partition, 0), projection.name, projection.version, partition,
                ),
            )  # fmt: skip
        rebuilds.set_shares(c, projection.name, projection.version, RUNNING, None)
        rebuilds.change(c, rebuild.id, CATCHING_UP)
        c.execute("UPDATE control.rebuild SET events = %s WHERE id = %s", (events, str(rebuild.id)))
        c.execute("COMMIT")
    log.info("%s is filled with %d events up to position %d.", projection.title, events, rebuild.filled_to)
