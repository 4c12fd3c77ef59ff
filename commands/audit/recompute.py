"""Seals of a stretch computed again from the stored bytes: what one process of `audit verify` does.

Written for speed, since every byte of the store goes through here: the database tells by COPY position and
bytes, and whether the bytes begin as the row's columns say; nothing is decoded. Memory is that of one seal.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from commands.processes import possible_workers
from commands.store.event_reader import BY_INDEX
from commands.store.pool import connect
from commands.store.verify_event import RESTORE, Finding
from commands.store.verify_seals import broken
from domain.events.merkle import root
from domain.events.seal import Seal, parse
from domain.kernel.errors import Undecodable

MAX_DAMAGED: Final = 50
"""Most findings of a stretch to report one by one; it counts the others."""

# Every envelope begins so, in this order and without spaces (`domain.events.envelope`). The columns are no
# part of what is sealed, and it is by them that events are found.
_BEGIN: Final = """
    convert_to('{"specversion":"1.0","id":"' || aggregate_id || ':' || version || '","source":"/rapport/'
        || split_part(type, '.', 2) || '","type":"' || type || '","subject":"' || aggregate_id
        || '","partitionkey":"' || party || '","sequence":"' || lpad(version::text, 10, '0') || '",', 'UTF8')
"""
_EVENTS: Final = f"""
    COPY (SELECT position, coalesce(substring(event FROM 1 FOR octet_length(begin)) = begin, false), event
            FROM store.event, LATERAL (SELECT {_BEGIN}) b (begin)
           WHERE position > %d AND position <= %d ORDER BY position) TO STDOUT (FORMAT binary)
"""  # noqa: S608  # texts of ours
_SEALS: Final = """
    SELECT sequence, first, last, count, record, hash FROM store.seal
     WHERE sequence > %(after)s AND sequence <= %(upto)s ORDER BY sequence
"""
_BEFORE: Final = """
    SELECT sequence, first, last, count, record, hash FROM store.seal WHERE sequence <= %s
     ORDER BY sequence DESC LIMIT 1
"""
_HEADER_BYTES: Final = 19
_ROW: Final = struct.Struct(">hiqi?i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The seals behind number `after` up to `upto` of the store at `url`; `key` is the raw public key.

    `after` is 0 or the number of a seal.
    """

    url: str
    key: bytes
    after: int
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedSeal:
    """A seal whose events are not those that the store holds; `found` is how many it holds there."""

    record: bytes
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputation:
    """The result of a job: the seals and events examined, and what is wrong with them.

    `findings` are about seals, and about single events whose columns contradict their bytes (`contradicting`
    their positions); `found` counts all of them. `damaged` are the seals that do not hold any more.
    """

    seals: int
    events: int
    findings: tuple[Finding, ...]
    found: int
    damaged: tuple[DamagedSeal, ...]
    contradicting: tuple[int, ...]


def recomputed(jobs: Sequence[Job], workers: int) -> Iterator[Recomputation]:
    """What comes of the jobs, in their order, by so many processes; one is this one."""
    workers = possible_workers(workers)
    if workers == 1 or len(jobs) < 2:
        yield from map(recompute, jobs)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_leave_with_parent)
    try:
        yield from pool.map(recompute, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_with_parent() -> None:
    """A terminal sends Ctrl-C to all processes, and the parent ends the others; a killed one can not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def recompute(job: Job) -> Recomputation:
    """Does a job. Raises the driver's errors."""
    with closing(connect(job.url)) as connection, connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        links = _Links(Ed25519PublicKey.from_public_bytes(job.key))
        cursor.execute(_BEFORE, (job.after,))
        links.begin(cursor.fetchall())
        cursor.execute(_SEALS, {"after": job.after, "upto": job.upto})
        seals = links.take(cursor.fetchall())
        comparing = _Comparing(seals)
        if seals:
            statement = _EVENTS % (seals[0].first - 1, seals[-1].last)
            try:
                cursor.copy_expert(statement, comparing)
            except psycopg2.DatabaseError as error:
                # A session that ends within a COPY leaves the driver without a message, and its callers with
                # an error that they would not know.
                if type(error) is psycopg2.DatabaseError and error.pgcode is None:
                    raise psycopg2.OperationalError(str(error)) from error
                raise
        comparing.end()
    found = [*links.findings, *(_contradiction(position) for position in comparing.contradicting)]
    return Recomputation(
        seals=links.seals,
        events=comparing.events,
        findings=tuple(found[:MAX_DAMAGED]),
        found=len(found),
        damaged=tuple(comparing.damaged),
        contradicting=tuple(comparing.contradicting[:MAX_DAMAGED]),
    )


class _Links:
    """The rows of a stretch of the chain, each looked at as a link."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self._before: Seal | None = None
        self._known = True  # whether `_before` is what the next seal must follow
        self.seals = 0
        self.findings: list[Finding] = []

    def begin(self, rows: Sequence[Any]) -> None:
        """The link before the stretch, which is somebody else's."""
        for row in rows:
            self._before, self._known = self._parsed(row)

    def take(self, rows: Sequence[Any]) -> list[Seal]:
        """The seals that can be read."""
        seals = []
        for row in rows:
            self.seals += 1
            seal, readable = self._parsed(row, self.findings)
            if seal is not None:
                found = broken(seal, self._before, self._key)
                self.findings += (one for one in found if self._known or one.kind != "seal_chain")
                seals.append(seal)
            self._before, self._known = seal, readable
        return seals

    @staticmethod
    def _parsed(row: Any, findings: list[Finding] | None = None) -> tuple[Seal | None, bool]:
        sequence, first, last, count, record, hashed = row
        try:
            seal = parse(bytes(record))
        except Undecodable as error:
            if findings is not None:
                findings.append(
                    Finding(
                        kind="seal_undecodable",
                        position=first,
                        fact=f"The seal {sequence} (positions {first} to {last}) can't be read, so its "
                        "events were not compared with it.",
                        cause=f"{error} Its record was changed.",
                        act=RESTORE,
                    )
                )
            return None, False
        told = (seal.sequence, seal.first, seal.last, seal.count, seal.hash)
        if findings is not None and told != (sequence, first, last, count, bytes(hashed)):
            findings.append(
                Finding(
                    kind="seal_row",
                    position=seal.first,
                    fact=f"The row of the seal {sequence} contradicts the seal's record, which is number "
                    f"{seal.sequence}, of the positions {seal.first} to {seal.last}.",
                    cause="The row's columns or its record were changed.",
                    act=RESTORE,
                )
            )
        return seal, True


class _Comparing:
    """Takes binary COPY as the driver hands it out, a row at a time, and compares it seal by seal."""

    def __init__(self, seals: Sequence[Seal]) -> None:
        self._seals: Iterator[Seal] = iter(seals)
        self._leaves: list[bytes] = []
        self._take: Callable[[bytes], None] = self._leaves.append
        self._started = False
        self._seal: Seal | None = None
        self._first, self._last = 0, -1
        self.events = 0
        self.damaged: list[DamagedSeal] = []
        self.contradicting: list[int] = []
        self._next()

    def write(self, data: bytes) -> None:
        """One row; the first comes behind COPY's header."""
        if not self._started:
            self._started = True
            data = data[_HEADER_BYTES:]
        if len(data) < _ROW.size:
            return  # the trailer
        _, _, position, _, sound, _ = _ROW.unpack_from(data)
        if position > self._last:
            self._upto(position)
        if position >= self._first:
            self._take(sha256(b"\x00" + data[6:14] + data[_ROW.size :]).digest())
        self.events += 1
        if not sound:
            self.contradicting.append(position)

    def end(self) -> None:
        """No row comes any more."""
        self._upto(None)

    def _upto(self, position: int | None) -> None:
        while self._seal is not None and (position is None or position > self._last):
            seal, leaves = self._seal, self._leaves
            if len(leaves) != seal.count or root(leaves) != seal.root:
                self.damaged.append(DamagedSeal(record=seal.record, found=len(leaves)))
            leaves.clear()
            self._next()

    def _next(self) -> None:
        self._seal = next(self._seals, None)
        # Behind the last seal nothing is taken any more.
        self._first, self._last = (self._seal.first, self._seal.last) if self._seal else (1 << 63, 1 << 63)


def _contradiction(position: int) -> Finding:
    return Finding(
        kind="contradiction",
        position=position,
        fact=f"The event at position {position} begins otherwise than its row says: its id, type, record, "
        "party or version is another one.",
        cause="The row or the event's bytes were changed after they were recorded.",
        act=RESTORE,
    )
