"""Verifies a candidate: takes its shares when each is behind the high-water mark, and compares its rows.

Only the candidate stops meanwhile, and one verification at a time runs on it. If it is killed, the shares
stay stopped until the next verification goes on with them, or an operator aborts the rebuild.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from commands.processes import possible_workers
from commands.store.pool import connect
from consumers.rebuild.compare import Comparison, Difference, Ground, compare, expected_rows
from consumers.rebuild.fill import connect_owner
from consumers.rebuild.rebuild import (
    Endpoints,
    RebuildProgress,
    RebuildRefused,
    RebuildStopped,
    Tell,
    gone,
)
from consumers.rebuild.source import slices
from consumers.rebuild.verify_shares import WAIT_SECONDS, let_go, sealed_mark, take_shares
from projections.control import operations, rebuilds, versions
from projections.control.rebuilds import CATCHING_UP, FAILED, READY, VERIFIED, VERIFYING, Rebuild
from projections.release.catch_up import parked_alone
from projections.release.schema import taken
from projections.runtime.indexes import tables
from projections.runtime.projection import Projection

_MAY: Final = frozenset({CATCHING_UP, READY, VERIFYING, VERIFIED, FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of a verification. `high_water_mark` is the store's when it began, `position` that of the
    least share, `sample` the number of compared parties, None for all."""

    passed: bool
    high_water_mark: int
    position: int
    events: int
    parties: int
    rows: int
    parked: int
    sample: int | None
    differences: tuple[Difference, ...]
    at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the result for machines, and for the rebuild's row."""
        return {
            "passed": self.passed,
            "settled": self.high_water_mark,
            "position": self.position,
            "events": self.events,
            "parties": self.parties,
            "rows": self.rows,
            "held": self.parked,
            "sample": self.sample,
            "differences": [str(each) for each in self.differences],
        }


def verify(
    projection: Projection,
    endpoints: Endpoints,
    *,
    by: str,
    why: str | None = None,
    sample: int | None = None,
    workers: int = 1,
    seconds: float = WAIT_SECONDS,
    tell: Tell = lambda _: None,
) -> Verification:
    """Compares all parties, or `sample` random ones, and records the result.

    Raises `RebuildRefused` if there is nothing to verify or another process verifies it, and `RebuildStopped`
    if the candidate does not come to the high-water mark within `seconds`.
    """
    mark = sealed_mark(endpoints, seconds)
    with closing(connect_owner(endpoints.owner_url, f"rapport verify {projection.schema}")) as owner:
        owner.autocommit = True
        with owner.cursor() as c:
            _alone(c, projection)
            rebuild = _begin(c, projection)
            try:
                take_shares(c, projection, mark, seconds, tell)
                seen, positions, parked = _compare(c, projection, endpoints, sample, workers, tell)
                if sample is None and not seen.differences:
                    seen.differences += _extra(c, projection, endpoints, seen)
                seen.differences += _parked_here_alone(c, projection)
                found = Verification(
                    passed=not seen.differences,
                    high_water_mark=mark,
                    position=min(positions.values()),
                    events=seen.events,
                    parties=seen.parties,
                    rows=sum(seen.rows.values()),
                    parked=parked,
                    sample=sample,
                    differences=tuple(seen.differences),
                )
            except BaseException:
                let_go(c, projection)
                c.execute(
                    "UPDATE control.rebuild SET state = %s WHERE id = %s AND state = %s",
                    (CATCHING_UP if rebuild.caught_up_at is None else READY, str(rebuild.id), VERIFYING),
                )
                raise
            _record(c, projection, rebuild, found, by, why)
    return found


def _alone(c: Cursor, projection: Projection) -> None:
    """Takes the lock to verify this version, until the session ends. With two verifications the first to end
    would release the shares, and they would move on under the other."""
    if not taken(c, f"verify {projection.schema}"):
        raise RebuildRefused(
            f"Another process verifies {projection.title}. Watch it with `rapport projection status`, and "
            "verify again when it has ended."
        )


def _begin(c: Cursor, projection: Projection) -> Rebuild:
    c.execute("BEGIN")
    rebuild = rebuilds.open_one(c, projection.name, projection.version, lock=True)
    if rebuild is None or rebuild.state not in _MAY:
        c.execute("ROLLBACK")
        if versions.active(c).get(projection.name) == projection.version:
            raise RebuildRefused(
                f"{projection.title} is the active version, and only a candidate can be verified, before the "
                "swap to it. `rapport projection plan` shows the candidates."
            )
        if rebuild is None:
            raise RebuildRefused(
                f"{projection.title} was not rebuilt, so there is nothing to verify. Begin with `rapport "
                f"projection rebuild {projection.name} --version {projection.version}`."
            )
        raise RebuildRefused(
            f"{projection.title} can't be verified while it is {rebuild.state.replace('_', ' ')}. See "
            "`rapport projection status`."
        )
    rebuilds.change(c, rebuild.id, VERIFYING)
    c.execute("COMMIT")
    return rebuild


def _compare(
    c: Cursor, projection: Projection, endpoints: Endpoints, sample: int | None, workers: int, tell: Tell
) -> tuple[Comparison, dict[int, int], int]:
    workers = possible_workers(workers)
    ground = _ground(c, projection, endpoints)
    parts = slices(64) if sample is None else _drawn(endpoints, projection, sample)
    seen = Comparison()
    size = max(1, -(-len(parts) // (workers * 8)))
    groups = [parts[at : at + size] for at in range(0, len(parts), size)]
    with ExitStack() as stack:
        found: Iterable[Comparison] = map(compare, [ground] * len(groups), groups)
        if workers > 1:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=context))
            found = pool.map(compare, [ground] * len(groups), groups)
        for number, one in enumerate(found, start=1):
            seen.add(one)
            tell(RebuildProgress(state=VERIFYING, done=number, whole=len(groups), unit="slices"))
    return seen, dict(ground.positions), len(ground.parked)


def _ground(c: Cursor, projection: Projection, endpoints: Endpoints) -> Ground:
    whose = (projection.name, projection.version)
    c.execute("SELECT partition, position FROM control.share WHERE projection = %s AND version = %s", whose)
    positions: dict[int, int] = dict(c.fetchall())
    c.execute("SELECT position FROM control.held WHERE projection = %s AND version = %s", whose)
    return Ground(
        projection=projection,
        registry=endpoints.registry,
        owner_url=endpoints.owner_url,
        store_url=endpoints.store_url,
        positions=positions,
        parked=frozenset(row[0] for row in c.fetchall()),
        cipher=endpoints.cipher,
    )


def _drawn(endpoints: Endpoints, projection: Projection, number: int) -> list[tuple[UUID, UUID | None]]:
    """Returns `number` random parties, other ones each time; fewer if the store has fewer."""
    chance = random.SystemRandom()
    types = " OR ".join(f"starts_with(type, 'crm.{family}.')" for family in projection.families)
    drawn: set[UUID] = set()
    with closing(connect(endpoints.store_url)) as connection, connection.cursor() as c:
        for _ in range(number):
            c.execute(
                f"SELECT party FROM store.event WHERE party >= %s AND ({types}) "  # noqa: S608 - our registry
                "ORDER BY party LIMIT 1",
                (UUID(int=chance.getrandbits(128)),),
            )
            row = c.fetchone()
            if row is not None:
                drawn.add(row[0])
    return [(party, _next(party)) for party in sorted(drawn)]


def _next(party: UUID) -> UUID | None:
    return UUID(int=party.int + 1) if party.int + 1 < 1 << 128 else None


def _extra(c: Cursor, projection: Projection, endpoints: Endpoints, seen: Comparison) -> list[Difference]:
    """Returns rows that no event makes. Every expected row was found, so there are some if the counts
    differ."""
    found: list[Difference] = []
    for name in tables(projection):
        c.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(projection.schema, name)))
        (count,) = c.fetchone() or (0,)
        if count != seen.rows.get(name, 0):
            found.extend(_named(c, projection, endpoints, name))
    return found


def _named(c: Cursor, projection: Projection, endpoints: Endpoints, name: str) -> list[Difference]:
    """Returns the first rows of a table that are not among the expected ones."""
    table = next(t for t in projection.tables if name in (t.name, t.history))
    key = sql.Identifier(table.key)
    c.execute(
        sql.SQL("CREATE TEMPORARY TABLE expected AS SELECT {} FROM {} LIMIT 0").format(
            key, sql.Identifier(projection.schema, name)
        )
    )
    try:

        def keep(rows: Any) -> None:
            keys = sorted({str(row[table.key]) for row in rows.get(name, {}).values()})
            c.execute(
                sql.SQL("INSERT INTO expected SELECT unnest(%s::{}[])").format(
                    sql.SQL(table.columns[table.key])
                ),
                (keys,),
            )

        expected_rows(_ground(c, projection, endpoints), slices(64), keep, Comparison())
        c.execute(
            sql.SQL(
                "SELECT {key}::text FROM {table} t WHERE NOT EXISTS "
                "(SELECT FROM expected e WHERE e.{key} = t.{key}) ORDER BY 1 LIMIT 10"
            ).format(key=key, table=sql.Identifier(projection.schema, name))
        )
        return [
            Difference(
                table=f"{projection.schema}.{name}",
                key=f"{table.key} {row[0]}",
                column=None,
                found="a row",
                expected=None,
                party=None,
            )
            for row in c.fetchall()
        ]
    finally:
        c.execute("DROP TABLE expected")


def _parked_here_alone(c: Cursor, projection: Projection) -> list[Difference]:
    """Returns events that the candidate has parked and the active version has applied."""
    return [
        Difference(
            table="control.held",
            key=f"position {at}",
            column="category",
            found=category,
            expected="an applied event, as in the active version",
            party=party,
        )
        for at, category, party in parked_alone(c, projection)
    ]


def _record(
    c: Cursor, projection: Projection, rebuild: Rebuild, found: Verification, by: str, why: str | None
) -> None:
    reason = None if found.passed else f"The verification failed: {found.differences[0]}."
    c.execute("BEGIN")
    now = rebuilds.open_one(c, projection.name, projection.version, lock=True)
    if now is None or now.state != VERIFYING:
        c.execute("ROLLBACK")
        raise RebuildStopped(gone(now, projection))
    let_go(c, projection)
    rebuilds.change(c, rebuild.id, VERIFIED if found.passed else FAILED, reason)
    c.execute("UPDATE control.rebuild SET verification = %s WHERE id = %s",
              (Json(found.as_json()), str(rebuild.id)))  # fmt: skip
    operations.note(
        c, "verified" if found.passed else "verification_failed", projection.name, projection.version, by=by,
        reason=why, details=found.as_json(),
    )  # fmt: skip
    c.execute("COMMIT")
