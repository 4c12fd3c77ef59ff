"""Reads the store's events of erasure, hold and retention by their index, and events by person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from commands.store.pool import Pool

_OF_TYPE: Final = "SELECT aggregate_id FROM store.privacy_event WHERE type = %s ORDER BY position"
ERASED_PERSONS: Final = """
    SELECT DISTINCT person::uuid FROM store.privacy_event,
           jsonb_array_elements_text(convert_from(event, 'UTF8')::jsonb #> '{data,persons}') AS person
     WHERE type IN ('crm.privacy.erasure_begun', 'crm.privacy.keys_destroyed')
     ORDER BY 1
"""
"""Whose keys must be destroyed: all that any erasure names."""
_UNFINISHED: Final = """
    SELECT b.aggregate_id FROM store.privacy_event b
     WHERE b.type = 'crm.privacy.erasure_begun'
       AND NOT EXISTS (SELECT FROM store.event d
                        WHERE d.aggregate_id = b.aggregate_id AND d.type = 'crm.privacy.keys_destroyed')
     ORDER BY position
"""
_CONTACTS: Final = """
    SELECT DISTINCT aggregate_id FROM store.event
     WHERE party = ANY (%s::uuid[]) AND type = 'crm.contact.registered' ORDER BY 1
"""
_AGGREGATES: Final = "SELECT DISTINCT aggregate_id FROM store.event WHERE party = ANY (%s::uuid[])"
_NAMING: Final = """
    SELECT DISTINCT aggregate_id FROM store.event
     WHERE party = ANY (%s::uuid[]) AND type LIKE 'crm.interaction.%%'
       AND EXISTS (SELECT FROM unnest(%s::bytea[]) AS name WHERE position(name IN event) > 0)
"""
_BIRTHS: Final = """
    SELECT aggregate_id, type FROM store.event WHERE aggregate_id = ANY (%s::uuid[]) AND version = 1
"""
_CONCERNING: Final = """
    SELECT DISTINCT aggregate_id FROM store.event
     WHERE aggregate_id = ANY (%s::uuid[])
       AND (party = ANY (%s::uuid[])
            OR EXISTS (SELECT FROM unnest(%s::bytea[]) AS name WHERE position(name IN event) > 0))
"""
# Read through, by types: a person may have taken part in a text of anybody's, and no index knows of texts.
_TEXTS: Final = """
    SELECT DISTINCT convert_from(event, 'UTF8')::jsonb #>> '{data,private,text,retention}' FROM store.event
     WHERE type = ANY (%s)
       AND EXISTS (SELECT FROM unnest(%s::bytea[]) AS name WHERE position(name IN event) > 0)
       AND convert_from(event, 'UTF8')::jsonb #> '{data,private,text,participants}' ?| %s::text[]
"""
_POSITION: Final = "SELECT coalesce(max(position), 0) FROM store.event WHERE aggregate_id = ANY (%s::uuid[])"


class PrivacyEvents:
    """Asks the store at `pool`, which may read it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def of_type(self, type: str) -> list[UUID]:
        """The aggregates with an event of this type, one of those that are indexed, oldest first."""
        return self._ids(_OF_TYPE, type)

    def unfinished(self) -> list[UUID]:
        """Erasures that were begun and whose keys are not all known to be destroyed."""
        return self._ids(_UNFINISHED)

    def erased_persons(self) -> list[UUID]:
        """Everybody whose keys an erasure names."""
        return self._ids(ERASED_PERSONS)

    def contacts_of(self, parties: Sequence[UUID]) -> list[UUID]:
        """The contacts registered at these customers."""
        return self._ids(_CONTACTS, list(parties))

    def aggregates_of(self, parties: Sequence[UUID]) -> list[UUID]:
        """All records in these parties."""
        return self._ids(_AGGREGATES, list(parties))

    def naming(self, parties: Collection[UUID], persons: Sequence[UUID]) -> set[UUID]:
        """The interactions in these parties that name one of these persons."""
        return set(self._ids(_NAMING, list(parties), _names(persons)))

    def families(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """What each of those records is: `customer`, `lead`, ... by its first event."""
        with self._pool.connection() as opened, opened.cursor() as at:
            at.execute(_BIRTHS, (list(ids),))
            return {id: type.split(".")[1] for id, type in at.fetchall()}

    def concerning(
        self, records: Collection[UUID], parties: Sequence[UUID], persons: Sequence[UUID]
    ) -> list[UUID]:
        """Those of the records that are in these parties or name one of these persons."""
        return self._ids(_CONCERNING, list(records), list(parties), _names(persons))

    def retentions_of(self, types: Sequence[str], persons: Sequence[UUID]) -> set[str]:
        """The kinds and months (`kind/YYYY-MM`) of the free texts that these persons' keys close, in events
        of these types. Reads them all."""
        with self._pool.connection() as opened, opened, opened.cursor() as at:
            at.execute("SET LOCAL statement_timeout = 0")
            at.execute(_TEXTS, (list(types), _names(persons), [str(person) for person in persons]))
            return {retention for (retention,) in at.fetchall() if retention}

    def last_position(self, ids: Sequence[UUID]) -> int:
        """Returns the position of the last event of these records; 0 without events."""
        with self._pool.connection() as opened, opened.cursor() as at:
            at.execute(_POSITION, (list(ids),))
            return int(at.fetchall()[0][0])

    def _ids(self, statement: str, *values: object) -> list[UUID]:
        with self._pool.connection() as opened, opened.cursor() as at:
            at.execute(statement, values)
            return [id for (id,) in at.fetchall()]


def _names(persons: Sequence[UUID]) -> list[bytes]:
    """As they stand in the bytes of an event."""
    return [str(person).encode() for person in persons]
