"""Makes claims and the contact index again from the events: the store has them, the topics do not.

It reports what it can't make: the digests of imported rows, contact points whose person's key is lost with
the restore, and those persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg2
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from commands.privacy.cipher import AesGcmCipher
from commands.privacy.keys import KeyName, KeyStore, Retention
from commands.privacy.tombstones import Tombstones
from commands.store.identifiers import Identifiers
from commands.store.privacy_events import ERASED_PERSONS
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import parse
from domain.events.private import Unreadable
from domain.kernel.errors import DomainError, Undecodable, UnknownEventType

POINT_ADDED: Final = "crm.contact.point_added"
PAGE_ROWS: Final = 500

REFERENCE_ADDED: Final = "crm.customer.reference_added"
# Interactions have no claim: their ids follow from their references.
_REFERRING: Final = """
    SELECT position, event FROM missing
     WHERE position > %s
       AND (version = 1 AND type NOT LIKE 'crm.interaction.%%' OR type = 'crm.customer.reference_added')
     ORDER BY position LIMIT %s
"""
_ALL: Final = "SELECT position, event FROM missing WHERE position > %s ORDER BY position LIMIT %s"


@dataclass(kw_only=True)
class DerivedRows:
    """The rows that were derived, and those that could not be.

    `claims` come back without the digest of the imported row: an import would call the same row changed.
    `points_not_opened` are event ids of contact points that no search finds. `persons_without_key` and
    `texts_without_key` are the persons, and the kinds of text and months (`kind/YYYY-MM`), whose values can't
    be read any more. `undecodable` are positions of events that this program can't read. `erased_again` are
    erased persons who had no tombstone any more.
    """

    claims: list[UUID] = field(default_factory=list)
    contact_points: int = 0
    points_not_opened: list[str] = field(default_factory=list)
    persons_without_key: list[UUID] = field(default_factory=list)
    texts_without_key: list[str] = field(default_factory=list)
    undecodable: list[int] = field(default_factory=list)
    erased_again: list[UUID] = field(default_factory=list)


class Derivation:
    """Derives from the events in `missing`.

    Args:
        at: a cursor of the recovery's transaction.
        keys: the persons' keys; they may be in another database that lost nothing.
        cipher: opens private values with them.
        identifiers: makes the blind index.
    """

    def __init__(self, at: cursor, keys: KeyStore, cipher: AesGcmCipher, identifiers: Identifiers) -> None:
        self._at, self._keys, self._cipher, self._identifiers = at, keys, cipher, identifiers

    def claims(self) -> None:
        """Fills the temporary table `back_claim` with the external ids of the records that come back."""
        self._at.execute(
            "CREATE TEMPORARY TABLE back_claim (source text, external_id text, id uuid) ON COMMIT DROP"
        )
        for page in self._pages(_REFERRING):
            rows = [
                (reference["source"], reference["external_id"], told["subject"])
                for _, told in self._upcast(page)
                for reference in _references(told)
            ]
            if rows:
                execute_values(self._at, "INSERT INTO back_claim VALUES %s", rows, page_size=PAGE_ROWS)

    def erase_again(self, derived: DerivedRows, tombstones: Tombstones, *, dry_run: bool) -> None:
        """Destroys the keys that came back of all erased persons, of the restored events too, and removes
        these persons from the contact index. The keys stay destroyed even if the recovery is rolled back."""
        self._at.execute(ERASED_PERSONS)
        persons: list[UUID] = [person for (person,) in self._at.fetchall()]
        derived.erased_again = tombstones.open(persons)
        if not dry_run:
            tombstones.destroy(derived.erased_again)
            self._cipher.forget()
        self._at.execute("DELETE FROM store.contact_index WHERE person = ANY (%s::uuid[])", (persons,))

    def write(self, derived: DerivedRows) -> None:
        """Writes claims and contact index, and finds the persons whose keys are lost."""
        self._at.execute(
            "INSERT INTO store.claim (source, external_id, id) SELECT source, external_id, id FROM back_claim"
            " ON CONFLICT DO NOTHING RETURNING id"
        )
        derived.claims = [id for (id,) in self._at.fetchall()]
        persons: set[UUID] = set()
        texts: set[str] = set()
        for page in self._pages(_ALL):
            private = [
                (event_id, told, told["data"]["private"])
                for event_id, told in self._upcast(page, derived)
                if isinstance(told["data"].get("private"), dict)
            ]
            missing = self._without_key(part for _, _, part in private)
            persons |= {name for name in missing if isinstance(name, UUID)}
            texts |= {f"{name.kind}/{name.month}" for name in missing if isinstance(name, Retention)}
            self._index(private, derived)
        derived.persons_without_key = sorted(persons)
        derived.texts_without_key = sorted(texts)

    def _index(self, private: Sequence[tuple[str, Mapping[str, Any], Any]], derived: DerivedRows) -> None:
        rows = []
        for event_id, told, part in private:
            if told["type"] != POINT_ADDED:
                continue
            try:
                value = self._cipher.decrypt(event_id, part).get("value")
                if isinstance(value, str):
                    hmac = self._identifiers.contact_point(told["data"]["kind"], value)
                    rows.append((psycopg2.Binary(hmac), told["subject"]))
                    continue
            except DomainError:  # changed, or invalid by today's rules: reported, like a point without a key
                value = None
            if not isinstance(value, Unreadable) or value.reason == "absent":
                derived.points_not_opened.append(event_id)
        if rows:
            execute_values(
                self._at,
                "INSERT INTO store.contact_index (hmac, person) VALUES %s ON CONFLICT DO NOTHING",
                rows,
                page_size=PAGE_ROWS,
            )
            derived.contact_points += len(rows)

    def _without_key(self, parts: Iterator[Mapping[str, Any]]) -> set[KeyName]:
        names: set[KeyName] = set()
        for part in parts:
            names |= {UUID(person) for person in part.get("persons", {})}
            if "text" in part:
                kind, _, month = part["text"]["retention"].rpartition("/")
                names |= {Retention(kind, month), *(UUID(one) for one in part["text"]["participants"])}
        return names - set(self._keys.find(names)) if names else set()

    def _pages(self, statement: str) -> Iterator[list[tuple[int, Any]]]:
        after = 0
        while True:
            self._at.execute(statement, (after, PAGE_ROWS))
            page = self._at.fetchall()
            if not page:
                return
            yield page
            after = page[-1][0]

    def _upcast(
        self, page: Sequence[tuple[int, Any]], derived: DerivedRows | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields event id and upcast envelope of each event of the page that this program knows."""
        for position, event in page:
            try:
                told = CATALOGUE.upcast(parse(bytes(event)))
            except (Undecodable, UnknownEventType):
                if derived is not None:
                    derived.undecodable.append(position)
                continue
            yield told["id"], told


def _references(told: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Returns the external ids that an event gives its record."""
    data = told["data"]
    if told["type"] == REFERENCE_ADDED:
        return (data["reference"],)
    return data.get("references") or ()
