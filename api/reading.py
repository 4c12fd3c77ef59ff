"""One consistent look at the read side, and what every read answer says about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from psycopg2.extensions import connection as Connection

from api.problems import Problem
from api.services import Services
from commands.store.pool import Pool
from projections import registry

Q = TypeVar("Q")

_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
_STANDING: Final = """
    SELECT a.projection, a.version,
           coalesce((SELECT min(s.position) FROM control.share s
                     WHERE s.projection = a.projection AND s.version = a.version), 0),
           (SELECT count(*) FROM control.held h
            WHERE h.projection = a.projection AND h.version = a.version)
    FROM control.active a
    WHERE %(names)s::text[] IS NULL OR a.projection = ANY (%(names)s::text[])
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """A read transaction: everything asked of `connection` is as of one moment.

    `versions` are those that were active at that moment: a swap in the middle changes nothing for it.
    """

    connection: Connection
    projection: str
    version: int
    position: int
    held: int
    versions: Mapping[str, int]

    def ask(self, name: str, questions: type[Q], **others: Any) -> Q:  # noqa: ARG002 - for the types
        """The questions of a read model's active version; `questions` says which ones, `others` are the
        questions of other read models that they need.

        Raises `Problem` (`unavailable`) for a version that a newer release has made active.
        """
        version = self.versions.get(name, 1)
        try:
            found = registry.named(name, version).queries
        except KeyError:
            found = None
        if found is None:
            raise Problem(
                "unavailable",
                f"Version {version} of {name} is active, and this server does not have it: it runs an older "
                "release. Try again at another server, or when this one is upgraded.",
            )
        return cast(Q, found(self.connection, **others))


@contextmanager
def reading(services: Services, *projections: str) -> Iterator[Reading]:
    """A snapshot of the models; the first named is the one the answer is about.

    The position is read in the same transaction as the rows: an answer never claims more than it has.
    """
    with services.read_pool.connection() as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SNAPSHOT + _STANDING, {"names": list(projections)})
                rows = {row[0]: row for row in cursor.fetchall()}
            main = rows.get(projections[0], (projections[0], 1, 0, 0))
            yield Reading(
                connection=connection,
                projection=projections[0],
                version=main[1],
                position=min((row[2] for row in rows.values()), default=0),
                held=sum(row[3] for row in rows.values()),
                versions={name: row[1] for name, row in rows.items()},
            )
        finally:
            if not connection.closed:
                with connection.cursor() as cursor:
                    cursor.execute("ROLLBACK")


def positions(pool: Pool, projections: Sequence[str] | None = None) -> dict[str, int]:
    """How far each read model's active version is: the least of its shares."""
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_STANDING, {"names": None if projections is None else list(projections)})
        return {row[0]: row[2] for row in cursor.fetchall()}
