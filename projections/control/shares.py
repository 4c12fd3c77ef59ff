"""Shares: who owns which partition, and its position. One statement per act, with the database's clock.

A share's owner is the worker that raised its epoch last. All its writes are conditional on that epoch, so a
worker that was stopped, or lost its connection, and lost its share cannot write any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from projections.runtime.projection import Projection
from projections.runtime.statements import statement

FOLDER: Final = Path(__file__).parent

RUNNING, PAUSED = "running", "paused"
WAITING, KEYS, MISMATCH = "waiting_for_broker", "waiting_for_keys", "seal_mismatch"
RETRYING: Final = "retrying"
WORKED_ON: Final = (RUNNING, WAITING, KEYS, MISMATCH, RETRYING)
"""States in which workers claim a share; the others are an operator's. During a retry the retry owns the
share: it is free when the retry releases it, or its lease runs out."""


class SharesLost(Exception):
    """A share was taken over, or paused, meanwhile: no row of the batch may be written."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A share's checkpoint: the last whole seal applied, and per topic the first record behind it."""

    position: int = 0
    sequence: int = 0
    hash: bytes = bytes(32)
    offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """A share that this worker owns, under `epoch`."""

    partition: int
    epoch: int
    checkpoint: Checkpoint
    state: str = RUNNING


class Shares:
    """The shares of one projection, as one worker reads and changes them. `lease` is in seconds."""

    def __init__(self, projection: Projection, worker: UUID, *, lease: float, host: str, pid: int) -> None:
        self._whose: dict[str, Any] = {
            "projection": projection.name,
            "version": projection.version,
            "worker": str(worker),
            "host": host,
            "pid": pid,
            "lease": f"{lease} seconds",
            "states": list(WORKED_ON),
        }

    def tend(self, c: Cursor, owned: Mapping[int, int], rate: float) -> tuple[set[int], int]:
        """Writes the heartbeat of this worker, and renews the leases of the owned shares.

        `owned` is partition to epoch. Returns which of them it still owns, and how many shares are this
        worker's fair part.
        """
        c.execute(_sql("heartbeat"), self._whose | {"rate": rate})
        row = c.fetchone()
        if row is None:  # a new worker
            c.execute(_sql("heartbeat"), self._whose | {"rate": rate})
            row = c.fetchone()
        fair = row[0] if row else len(owned)
        c.execute(_sql("mark"), self._whose)
        return self._renewed(c, owned), fair

    def stay(self, c: Cursor, owned: Mapping[int, int], rate: float) -> None:
        """Writes a heartbeat in the middle of long work. It waits for no lock.

        It does not report lost shares: `advance` at the end of the work, or `keep` at its beginning, do.
        """
        c.execute(_sql("heartbeat"), self._whose | {"rate": rate})
        c.execute(_sql("stay"), self._whose | {"owned": _epochs(owned)})

    def keep(self, c: Cursor, owned: Mapping[int, int]) -> None:
        """Renews the leases of owned shares (partition to epoch) and locks them until the end of the
        transaction, which has the worker's writes. Raises `SharesLost`; the caller then rolls back."""
        lost = len(owned) - len(self._renewed(c, owned))
        if lost:
            raise SharesLost(f"{lost} of {len(owned)} shares were taken over or paused")

    def _renewed(self, c: Cursor, owned: Mapping[int, int]) -> set[int]:
        c.execute(_sql("renew"), self._whose | {"owned": _epochs(owned)})
        return {partition for (partition,) in c.fetchall()}

    def claim(self, c: Cursor, owned: Mapping[int, int], most: int) -> list[Share]:
        """Claims up to `most` more free shares, and raises their epochs."""
        c.execute(_sql("claim"), self._whose | {"owned": list(owned), "most": most})
        return [
            Share(partition, epoch, Checkpoint(position, sequence, bytes(hash), offsets), state)
            for partition, epoch, position, sequence, hash, offsets, state in c.fetchall()
        ]

    def advance(self, c: Cursor, shares: Iterable[tuple[int, int, Checkpoint, int]]) -> None:
        """Moves shares on, `(partition, epoch, checkpoint, events received)`, in the transaction of their
        rows.

        Raises `SharesLost` unless this worker still owns all of them; the caller then rolls back.
        """
        moved = [
            {
                "partition": partition,
                "epoch": epoch,
                "position": s.position,
                "seal_sequence": s.sequence,
                "seal_hash": s.hash.hex(),
                "offsets": dict(s.offsets),
                "received": received,
            }
            for partition, epoch, s, received in shares
        ]
        c.execute(_sql("advance"), self._whose | {"moved": Json(moved)})
        if c.rowcount != len(moved):
            raise SharesLost(f"{len(moved) - c.rowcount} of {len(moved)} shares were taken over or paused")

    def report(self, c: Cursor, owned: Mapping[int, int], state: str, reason: str | None) -> None:
        """Shows a state and its reason on owned shares (partition to epoch)."""
        c.execute(_sql("report"), self._whose | {"owned": _epochs(owned), "state": state, "reason": reason})

    def let_go(self, c: Cursor, owned: Mapping[int, int]) -> None:
        """Releases owned shares (partition to epoch), so that any worker may claim them."""
        c.execute(_sql("let_go"), self._whose | {"owned": _epochs(owned)})

    def leave(self, c: Cursor) -> None:
        """Removes this worker's row, since it ended in good order."""
        c.execute("DELETE FROM control.worker WHERE id = %(worker)s", self._whose)


def partition_count(c: Cursor, projection: Projection) -> int:
    """Returns how many partitions, and so shares, the projection has."""
    c.execute(
        "SELECT count(*) FROM control.share WHERE projection = %s AND version = %s",
        (projection.name, projection.version),
    )
    row = c.fetchone()
    return int(row[0]) if row else 0


def _sql(name: str) -> str:
    return statement(FOLDER / "sql" / f"{name}.sql")


def _epochs(owned: Mapping[int, int]) -> Json:
    return Json([{"partition": partition, "epoch": epoch} for partition, epoch in owned.items()])
