"""One consistent snapshot of the read side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from psycopg2.extensions import connection as Connection

from api.http.problems import Problem
from api.services import Services
from commands.store.pool import Pool
from domain.kernel.as_of import NOW, AsOf
from domain.kernel.errors import NotFound
from projections import registry
from projections.identity.questions import Identity
from projections.runtime.projection import Projection

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
# An event whose envelope cannot be read may be of any record of its party: then the whole party waits.
_PARKED_OF: Final = """
    SELECT count(DISTINCT h.position) FROM control.held h JOIN control.active a USING (projection, version)
    WHERE h.projection = ANY (%(names)s::text[])
      AND (h.aggregate_id = ANY (%(records)s::uuid[])
           OR h.party = ANY (%(parties)s::uuid[]) AND (h.aggregate_id IS NULL OR %(all)s)
              AND NOT coalesce(h.aggregate_id = ANY (%(but)s::uuid[]), false))
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A read transaction: all queries over `connection` see one moment.

    `versions` are those active at that moment; a later swap does not change them. `position` is the least of
    `positions`, which are by model, in the requested order.
    """

    connection: Connection
    projection: str
    version: int
    position: int
    parked: int
    versions: Mapping[str, int]
    positions: Mapping[str, int]

    def ask(self, name: str, questions: type[Q], **others: Any) -> Q:  # noqa: ARG002 - for the types
        """Returns the queries of a read model's active version; `questions` is their protocol, `others` are
        the queries of other read models that they need.

        Raises `Problem` (`unavailable`) for a version that a newer release has made active.
        """
        found = self.model(name).queries
        if found is None:
            raise self._missing(name)
        return cast(Q, found(self.connection, **others))

    def parked_of_record(self, id: UUID, party: UUID | str | None) -> int:
        """Returns how many events of this record are parked, with those of its party that may be its own."""
        return self._parked_of(records=[id], parties=[party or id], all=False, but=[])

    def parked_of_customer(self, id: UUID, as_of: AsOf = NOW) -> int:
        """Returns how many events of this customer, now or as of a time, are parked; needs `identity`."""
        if not self.parked:
            return 0
        cluster = self.ask("identity", Identity).cluster(id, as_of)
        return self._parked_of(records=cluster.incoming, parties=cluster.parties, all=True, but=cluster.away)

    def not_found(self, record_type: str, id: UUID, parked: int) -> Exception:
        """Returns the error for a record that the models do not show, of which `parked` events are parked.

        With parked events it may exist, and a caller who takes it for missing would create it again.
        """
        if not parked:
            return NotFound(record_type, id)
        return Problem(
            "parked",
            f"The {record_type} {id} can't be shown: {parked} of its events could not be applied to the read "
            "model and wait for an operator. Read it again once they are applied; do not record it a second "
            "time.",
            parked=parked,
        )

    def _parked_of(
        self, *, records: Sequence[UUID], parties: Sequence[UUID | str], all: bool, but: Sequence[UUID]
    ) -> int:
        if not self.parked:
            return 0
        which = {"records": records, "parties": parties, "but": but}
        ids = {name: [str(id) for id in found] for name, found in which.items()}
        with self.connection.cursor() as cursor:
            cursor.execute(_PARKED_OF, {"names": list(self.versions), "all": all} | ids)
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def model(self, name: str) -> Projection:
        """Returns a read model's active version: its tables and folds. Raises as `ask` does."""
        try:
            return registry.named(name, self.versions.get(name, 1))
        except KeyError:
            raise self._missing(name) from None

    def _missing(self, name: str) -> Problem:
        return Problem(
            "unavailable",
            f"Version {self.versions.get(name, 1)} of {name} is active, and this server lacks it: it "
            "runs an older release. Try again at another server, or after an upgrade of this one.",
        )


@contextmanager
def snapshot(services: Services, *projections: str) -> Iterator[Snapshot]:
    """Yields a snapshot of the models; the first one is the main model of the response.

    It reads the position in the same transaction as the rows: a response never claims more than it has.
    """
    with services.read_pool.connection() as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SNAPSHOT + _STANDING, {"names": list(projections)})
                rows = {row[0]: row for row in cursor.fetchall()}
            main = rows.get(projections[0], (projections[0], 1, 0, 0))
            yield Snapshot(
                connection=connection,
                projection=projections[0],
                version=main[1],
                position=min((row[2] for row in rows.values()), default=0),
                parked=sum(row[3] for row in rows.values()),
                versions={name: row[1] for name, row in rows.items()},
                positions={name: rows[name][2] for name in projections if name in rows},
            )
        finally:
            if not connection.closed:
                with connection.cursor() as cursor:
                    cursor.execute("ROLLBACK")


def positions(pool: Pool, projections: Sequence[str] | None = None) -> dict[str, int]:
    """Returns the position of each read model's active version: the least of its shares."""
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_STANDING, {"names": None if projections is None else list(projections)})
        return {row[0]: row[2] for row in cursor.fetchall()}
