"""Rotates the key-encryption key of all wrapped keys while everything runs; a killed rotation goes on later.

First the new one is made the current one: from then on new keys are wrapped with it alone (the database sees
to it, `migrations/sql/v0002/current_kek.sql`). Then the rows are wrapped anew, a batch a transaction; readers
unwrap each row with the one it names, old or new. At the end no row names another one, nor ever will; that is
recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection

from commands.privacy.kek import KeyEncryptionKey, OwnedKey, tried
from commands.privacy.keyring import Keyring, WrappedKey
from commands.privacy.keys import KeyName, Retention, owner
from commands.store.pool import connect
from domain.kernel.user_errors import FailureFound

BATCH_ROWS: Final = 500

_KEK_LOCK: Final = (1380012112, 4)
_ALONE: Final = (1380012112, 5)
# A batch goes through the index, whatever the statistics of a table say that has grown or changed just now.
_BY_INDEX: Final = """
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; SET enable_sort = off;
    SET enable_seqscan = off
"""
_STANDING: Final = "SELECT id, previous, rotation, rewrapped, since, finished FROM keys.kek WHERE current"
_KNOWN: Final = "SELECT id FROM keys.kek"
_USED: Final = """
    SELECT kek, sum(keys)::bigint FROM (
        SELECT kek, count(*) AS keys FROM keys.person_key WHERE state = 'active' GROUP BY kek
        UNION ALL SELECT kek, count(*) FROM keys.retention_key WHERE state = 'active' GROUP BY kek
    ) AS used GROUP BY kek
"""
_FORMER: Final = "UPDATE keys.kek SET current = false WHERE current"
_CURRENT: Final = """
    INSERT INTO keys.kek (id, current, previous, rotation) VALUES (%s, true, %s, %s)
    ON CONFLICT (id) DO UPDATE SET current = true, previous = excluded.previous, rotation = excluded.rotation,
                                   since = now(), rewrapped = 0, finished = NULL
"""
_PERSONS: Final = """
    SELECT person, wrapped, kek FROM keys.person_key
     WHERE state = 'active' AND kek <> %s AND (%s::uuid IS NULL OR person > %s::uuid) ORDER BY person LIMIT %s
"""
_RETENTION: Final = """
    SELECT kind, month, wrapped, kek FROM keys.retention_key
     WHERE state = 'active' AND kek <> %s AND (%s::text IS NULL OR (kind, month) > (%s::text, %s::text))
     ORDER BY kind, month LIMIT %s
"""
# A row that was destroyed meanwhile stays so.
_REWRAP_PERSONS: Final = """
    UPDATE keys.person_key AS k SET wrapped = anew.wrapped, kek = %s
      FROM unnest(%s::uuid[], %s::text[], %s::bytea[]) AS anew (person, kek, wrapped)
     WHERE k.person = anew.person AND k.state = 'active' AND k.kek = anew.kek
"""
_REWRAP_RETENTION: Final = """
    UPDATE keys.retention_key AS k SET wrapped = anew.wrapped, kek = %s
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[]) AS anew (kind, month, kek, wrapped)
     WHERE (k.kind, k.month) = (anew.kind, anew.month) AND k.state = 'active' AND k.kek = anew.kek
"""
_COUNT: Final = "UPDATE keys.kek SET rewrapped = rewrapped + %s WHERE current"
_FINISH: Final = "UPDATE keys.kek SET finished = now() WHERE current AND finished IS NULL"

Progress = Callable[[int, int], None]
"""Called with the keys wrapped anew and the whole."""


class RotationRefused(FailureFound):
    """Nothing was changed. The text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationStatus:
    """Which key-encryption keys the key store uses.

    `current`: the id of the one that wraps new keys, None while there is no key. `previous`, `rotation` (the
    id of its event), `rewrapped` (keys) and `finished` are of the rotation that made it current. `since`:
    when it became so. `used`: how many keys are wrapped with each. `known`: all that ever were current.
    """

    current: str | None
    previous: str | None
    rotation: UUID | None
    rewrapped: int
    since: datetime | None
    finished: datetime | None
    used: Mapping[str, int]
    known: frozenset[str]

    @property
    def under_way(self) -> bool:
        """Whether a rotation has begun and not come to its end."""
        return self.current is not None and self.finished is None

    @property
    def left(self) -> int:
        """Keys that are wrapped with another than the current one."""
        return sum(count for kek, count in self.used.items() if kek != self.current)


class Rotation:
    """A rotation, alone: while one runs another is refused.

    Args:
        opened: a connection to the key store of its own, in autocommit mode, as rapport_app.
        ring: knows the former key-encryption key and the new one.
    """

    def __init__(self, opened: Connection, ring: Keyring) -> None:
        self._opened, self._ring = opened, ring

    def status(self) -> RotationStatus:
        """How it stands. Reads the key tables through."""
        with self._opened.cursor() as c:
            c.execute("SET enable_seqscan = on")
            c.execute(_USED)
            used = dict(c.fetchall())
            c.execute("SET enable_seqscan = off")
            c.execute(_KNOWN)
            known = frozenset(id for (id,) in c.fetchall())
            c.execute(_STANDING)
            row = c.fetchone()
        id, previous, rotation, rewrapped, since, finished = row or (None, None, None, 0, None, None)
        return RotationStatus(
            current=id,
            previous=previous,
            rotation=rotation,
            rewrapped=rewrapped,
            since=None if since is None else since.astimezone(UTC),
            finished=None if finished is None else finished.astimezone(UTC),
            used=used,
            known=known,
        )

    def begin(self, choose: Callable[[RotationStatus], KeyEncryptionKey], rotation: UUID) -> None:
        """Makes the key-encryption key that `choose` returns the current one, after a test of it.

        Raises `RotationRefused`, `KekProblem`.
        """
        status = self.status()
        if status.under_way:
            raise RotationRefused(
                f"A rotation to {status.current} is under way. Let it come to its end first."
            )
        if status.current is None:
            raise RotationRefused(
                "There is no wrapped key yet, so there is nothing to rotate. Record something."
            )
        target = choose(status)
        if status.current == target.id:
            raise RotationRefused(
                f"The key-encryption key {target.id} is the current one already. Name another by --to, or "
                "give the program another one."
            )
        tried(target)
        with self._transaction() as c:
            # Waits for those who are making keys with the former one.
            c.execute("SELECT pg_advisory_xact_lock(%s, %s)", _KEK_LOCK)
            c.execute(_FORMER)
            c.execute(_CURRENT, (target.id, status.current, str(rotation)))

    def rewrap(self, progress: Progress) -> None:
        """Wraps with the current one what is wrapped with another. Raises `KekProblem`."""
        status = self.status()
        assert status.current is not None, "begun"
        target, done = self._ring.named(status.current), status.rewrapped
        whole = done + status.left
        progress(done, whole)
        for rows in self._batches(target.id):
            done += self._rewrap(target, rows)
            progress(done, max(whole, done))

    def finish(self, record: Callable[[RotationStatus], None]) -> RotationStatus:
        """Ends it: sees that no key is left with another one, calls `record`, which may be called again, and
        notes that it is over."""
        status = self.status()
        if status.left:
            raise RotationRefused(
                f"{status.left} keys are still wrapped with another key-encryption key than "
                f"{status.current}. Run `rapport privacy rotate` again."
            )
        record(status)
        with self._transaction() as c:
            c.execute(_FINISH)
        return self.status()

    def _batches(self, target: str) -> Iterator[Sequence[tuple[KeyName, Any, str]]]:
        after: UUID | None = None
        while persons := self._rows(_PERSONS, (target, after, after, BATCH_ROWS)):
            after = persons[-1][0]
            yield persons
        kind = month = None
        while texts := self._rows(_RETENTION, (target, kind, kind, month, BATCH_ROWS)):
            kind, month = texts[-1][:2]
            yield [(Retention(kind, month), wrapped, kek) for kind, month, wrapped, kek in texts]

    def _rows(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._opened.cursor() as c:
            c.execute(statement, values)
            return c.fetchall()

    def _rewrap(self, target: KeyEncryptionKey, rows: Sequence[tuple[KeyName, Any, str]]) -> int:
        names, keks = [name for name, _, _ in rows], [kek for _, _, kek in rows]
        clear = self._ring.unwrap(
            [WrappedKey(kek, bytes(wrapped), owner(name)) for name, wrapped, kek in rows]
        )
        anew = [
            psycopg2.Binary(one)
            for one in target.wrap(
                [OwnedKey(key, owner(name)) for key, name in zip(clear, names, strict=True)]
            )
        ]
        texts = [name for name in names if isinstance(name, Retention)]
        with self._transaction() as c:
            if texts:
                kinds, months = [name.kind for name in texts], [name.month for name in texts]
                c.execute(_REWRAP_RETENTION, (target.id, kinds, months, keks, anew))
            else:
                c.execute(_REWRAP_PERSONS, (target.id, names, keks, anew))
            changed = int(c.rowcount)
            c.execute(_COUNT, (changed,))
        return changed

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._opened.cursor() as c:
            c.execute("BEGIN")
            try:
                yield c
            except BaseException:
                if not self._opened.closed:
                    c.execute("ROLLBACK")
                raise
            c.execute("COMMIT")


@contextmanager
def rotating(url: str, ring: Keyring) -> Iterator[Rotation]:
    """A rotation on a connection of its own; raises `RotationRefused` while another process has one."""
    with closing(connect(url)) as opened:
        try:
            with opened.cursor() as c:
                # Of one that was just killed the server may not know yet.
                c.execute("SET lock_timeout = '5s'")
                c.execute("SELECT pg_advisory_lock(%s, %s)", _ALONE)
                c.execute("RESET lock_timeout")
                c.execute(_BY_INDEX)
        except psycopg2.errors.LockNotAvailable:
            raise RotationRefused(
                "Another process is rotating the keys just now. Wait until it is through."
            ) from None
        yield Rotation(opened, ring)
