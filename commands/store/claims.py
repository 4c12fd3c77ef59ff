"""Claims: which record an external id belongs to. Written with the record's events, unique, for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from commands.store.pool import Pool

INSERT: Final = "INSERT INTO store.claim (source, external_id, id, source_digest) VALUES "
ROW: Final = "(%s, %s, %s, %s)"
_FIND: Final = """
    SELECT external_id, id, source_digest FROM store.claim WHERE source = %s AND external_id = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """`source` knows the record `id` as `external_id`.

    `source_digest` is an HMAC of the imported row, None where the record was not imported.
    """

    source: str
    external_id: str = field(repr=False)  # may be somebody's login or address in the other system
    id: UUID = field()
    source_digest: bytes | None = field(default=None, repr=False)

    def row(self) -> tuple[str, str, UUID, bytes | None]:
        """The columns, in the order of `INSERT`."""
        return self.source, self.external_id, self.id, self.source_digest


class ClaimTable:
    """Reads the table `store.claim`; it is written by the recorder, with the events."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def find(self, source: str, external_ids: Sequence[str]) -> dict[str, Claim]:
        """The claims of those external ids that are taken, by external id."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_FIND, (source, list(external_ids)))
            return {
                external_id: Claim(source, external_id, id, None if digest is None else bytes(digest))
                for external_id, id, digest in cursor.fetchall()
            }
