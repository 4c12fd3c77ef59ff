"""Checks that an erased person is forgotten everywhere, and issues the certificate of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from commands.audit.chain import CopyAway
from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, RecordChange, events_of
from commands.privacy import certificate
from commands.privacy.certificate import CheckedPlace, Content
from commands.privacy.cipher import CACHE_SECONDS, AesGcmCipher
from commands.privacy.keys import KeyStore
from commands.privacy.person import People
from commands.privacy.tombstones import Tombstones
from commands.privacy.topic_check import NotPublishedYet, TopicCheck, Topics
from commands.store.application import Crm
from commands.store.contact_index import ContactIndex
from commands.store.privacy_events import PrivacyEvents
from domain.events.private import Unreadable
from domain.kernel.errors import ConcurrentChange, DomainError
from domain.privacy import erasure
from domain.privacy.erasure import Erasure

PAGE_EVENTS: Final = 500

ReadSide = Callable[[Sequence[UUID], int], list[CheckedPlace]]
"""Places of the read side for these persons; raises `TooEarly` while one has not passed a position."""

# All events of the person's own parties, and events elsewhere that name one of them, such as texts of several
# persons. No index has the participants of texts, so this reads the whole store once. A certificate comes a
# minute after the erasure at the earliest, and nobody waits for it.
_EVENTS: Final = """
    SELECT position, type, party, event FROM store.event e
     WHERE party = ANY (%(parties)s::uuid[]) OR aggregate_id = ANY (%(persons)s::uuid[])
        OR EXISTS (SELECT FROM unnest(%(names)s::bytea[]) AS name WHERE position(name IN e.event) > 0)
     ORDER BY position
"""
_REQUESTS: Final = """
    SELECT count(*) FROM store.idempotency i
     WHERE EXISTS (SELECT FROM jsonb_array_elements_text(i.answer -> 'ids') AS id
                    WHERE id = ANY (%s::text[]))
"""
_THERE: Final = "SELECT position FROM store.event WHERE position = ANY (%s)"
_STORE: Final = "SELECT value #>> '{}' FROM store.setting WHERE name = 'store_id'"


class TooEarly(DomainError):
    """The certificate can't be issued yet."""

    code = "certificate-too-early"


class NotClean(DomainError):
    """Something personal is still there; `places` says where."""

    code = "not-erased"

    def __init__(self, id: UUID, places: Sequence[CheckedPlace]) -> None:
        where = "; ".join(f"{each.place}: {each.found}" for each in places if not each.clean)
        acts = [
            f"Run `rapport privacy erase --resume {id}`, wait until the read models have caught up, and "
            "repeat."
        ]
        if any(each.place == "topics" and not each.clean for each in places):
            acts.append("Whether store or topics were changed, `rapport audit verify` tells.")
        super().__init__(f"The erasure {id} can't be certified: {where}. {' '.join(acts)}")
        self.places = list(places)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """A certificate: the file's content, its digest, and what it says."""

    file: bytes
    sha256: str
    content: Content


class CertificateIssuer:
    """Certifies erasures in the store of `crm`.

    `read_side` looks at the read models; `topics` are compared with the store; None leaves them out, and the
    certificate says so; `cache_seconds`: how long a process may still remember a key.
    """

    def __init__(
        self,
        crm: Crm,
        people: People,
        keys: KeyStore,
        tombstones: Tombstones,
        index: ContactIndex,
        read_side: ReadSide,
        key: Ed25519PrivateKey,
        *,
        topics: Topics | None = None,
        cache_seconds: float = CACHE_SECONDS,
    ) -> None:
        self._crm, self._people, self._keys, self._tombstones = crm, people, keys, tombstones
        self._index, self._read_side, self._key, self._cache_seconds = index, read_side, key, cache_seconds
        self._topics = topics
        self._events = PrivacyEvents(crm.pool)

    def issue(self, id: UUID, context: Context, *, backups_until: date | None = None) -> IssuedCertificate:
        """Looks everywhere, signs, and records that it was certified. `backups_until`: the day by which no
        backup and no write-ahead log has the keys any more, as the operator says.

        Raises `NotFound`, `TooEarly`, `NotClean`.
        """
        state = self._crm.load("erasure", erasure.evolve, id)
        if state.state == "begun":
            raise TooEarly(
                f"The erasure {id} is not finished. Run `rapport privacy erase --resume {id}`, then repeat."
            )
        self._refuse_cached(state)
        position = self._events.last_position((id, *state.persons, *state.parties))
        places = self._read_side(state.persons, position)
        seen = self._stored(state)
        places = [*self._store_places(state, seen), *self._topics_place(seen), *places]
        if not all(each.clean for each in places):
            raise NotClean(id, places)
        destroyed = self._tombstones.destroyed(state.persons)
        content = Content(
            store=self._store_id(),
            erasure=str(id),
            erased_at=_text(state.recorded),
            issued_at=_text(context.now),
            position=position,
            reason=state.reason,
            legal_basis=state.legal_basis,
            reference=state.reference,
            parties=[str(each) for each in state.parties],
            keys_destroyed=[
                {"person": str(person), "destroyed": _text(destroyed[person])} for person in state.persons
            ],
            places=places,
            closed_texts=seen.closed_with_others,
            texts_kept_with_others=[*seen.kept_with_others, *self._incoming(state, position)],
            kept=dict(sorted(seen.kept.items())),
            not_checked=_not_checked(backups_until, topics=self._topics is not None),
        )
        signed = certificate.encoded(content)
        sha256 = certificate.digest(signed)
        self._note(id, sha256, position, context)
        return IssuedCertificate(file=certificate.signed(signed, self._key), sha256=sha256, content=content)

    def _refuse_cached(self, state: Erasure) -> None:
        since = max(self._tombstones.destroyed(state.persons).values(), default=state.recorded)
        left = self._cache_seconds - (datetime.now(UTC) - since).total_seconds()
        if left > 0:
            raise TooEarly(
                f"Other processes may remember a destroyed key for {left:.0f} more seconds. Repeat it then."
            )

    def _note(self, id: UUID, sha256: str, position: int, context: Context) -> None:
        payload = erasure.ErasureCertified(certificate_sha256=sha256, position=position)
        while True:
            state = self._crm.load("erasure", erasure.evolve, id)
            change = RecordChange(id=id, party=state.party, state=state, payloads=(payload,), at=None)
            try:
                self._crm.record(events_of(Decision(changes=(change,)), replace(context, cause=f"{id}:1")))
                return
            except ConcurrentChange:
                continue  # somebody else certified it too

    def _incoming(self, state: Erasure, position: int) -> list[str]:
        """Records of others that were given to the person: texts there are closed with others' keys."""
        return [str(each) for party in state.parties[:1] for each in self._people.linked(party, position)]

    def _store_id(self) -> str:
        with self._crm.pool.connection() as opened, opened.cursor() as at:
            at.execute(_STORE)
            return str(at.fetchall()[0][0])

    def _stored(self, state: Erasure) -> Seen:
        """Reads every event that is the persons' or names one of them, with keys as they are now."""
        seen = Seen(persons=set(state.persons), published=TopicCheck(own=set(state.parties)))
        cipher = AesGcmCipher(self._keys)
        with self._crm.pool.connection() as opened, opened, opened.cursor() as at:
            at.execute("SET LOCAL statement_timeout = 0")
            at.execute("DECLARE theirs NO SCROLL CURSOR FOR " + _EVENTS, {
                "parties": list(state.parties), "persons": list(state.persons),
                "names": [str(person).encode() for person in state.persons],
            })  # fmt: skip
            while True:
                at.execute(f"FETCH {PAGE_EVENTS} FROM theirs")
                page = []
                for position, type, party, event in at.fetchall():
                    seen.published.add(position, type, party, bytes(event))
                    page.append((type, orjson.loads(bytes(event))))
                if not page:
                    return seen
                privates = [told["data"].get("private") for _, told in page]
                cipher.load(part for part in privates if part)
                for (type, told), private in zip(page, privates, strict=True):
                    seen.take(type, told, private or {}, cipher)

    def _topics_place(self, seen: Seen) -> list[CheckedPlace]:
        if self._topics is None:
            return []
        try:
            return [seen.published.compare(self._topics, self._there)]
        except CopyAway as away:
            raise TooEarly(
                f"{away} So it is not known what the topics hold. Repeat it when they answer, or with "
                "--no-topics: then the certificate says that they were not checked."
            ) from away
        except NotPublishedYet as behind:
            raise TooEarly(
                f"The topics have not got position {behind.position} yet. Repeat it when the relay has "
                "published it; see `rapport relay status`."
            ) from behind

    def _there(self, positions: Collection[int]) -> set[int]:
        with self._crm.pool.connection() as opened, opened.cursor() as at:
            at.execute(_THERE, (list(positions),))
            return {position for (position,) in at.fetchall()}

    def _store_places(self, state: Erasure, seen: Seen) -> list[CheckedPlace]:
        persons = list(state.persons)
        late = [each.id for each in self._people.contacts(state.parties) if not each.erased]
        without = self._tombstones.open(persons)
        entries = self._index.count(persons)
        with self._crm.pool.connection() as opened, opened.cursor() as at:
            at.execute(_REQUESTS, ([str(each) for each in {*persons, *state.parties}],))
            requests = int(at.fetchall()[0][0])
        return [
            CheckedPlace(
                place="keys", checked="a tombstone for every person, which lets no key be made again",
                found=f"{len(persons) - len(without)} of {len(persons)}", clean=not without,
            ),
            CheckedPlace(
                place="event store", checked="private values of these persons, opened with today's keys",
                found=f"{seen.values} values, {seen.open} of them open", clean=not seen.open,
            ),
            CheckedPlace(
                place="contacts", checked="contacts of the erased customers that were not erased",
                found=f"{len(late)}", clean=not late,
            ),
            CheckedPlace(
                place="contact index", checked="entries of these persons", found=f"{entries}",
                clean=not entries,
            ),
            CheckedPlace(
                place="idempotency rows", checked="rows with ids of these persons; they hold hashes, ids and "
                "codes, nothing else", found=f"{requests}", clean=True,
            ),
        ]  # fmt: skip


class Seen:
    """What was found in the store: values of `persons`, how many are still open, texts, counts by family;
    `published` has what the topics must have too."""

    def __init__(self, persons: set[UUID], published: TopicCheck) -> None:
        self._persons, self.published = persons, published
        self.values = self.open = 0
        self.kept: Counter[str] = Counter()
        self.closed_with_others: list[str] = []
        self.kept_with_others: list[str] = []

    def take(self, type: str, told: dict[str, Any], private: dict[str, Any], cipher: AesGcmCipher) -> None:
        """One event."""
        self.kept[type.split(".")[1]] += 1
        if not private:
            return
        opened = cipher.decrypt(told["id"], private)
        for person, fields in private.get("persons", {}).items():
            if UUID(person) in self._persons:
                self._count(opened, fields)
        text = private.get("text")
        if text is None:
            return
        participants = {UUID(each) for each in text["participants"]}
        if participants & self._persons:
            self._count(opened, text["fields"])
            if participants - self._persons:
                self.closed_with_others.append(told["id"])
        elif any(str(person) in str(told["data"]) for person in self._persons):
            self.kept_with_others.append(told["id"])

    def _count(self, opened: dict[str, Any], fields: Any) -> None:
        self.values += len(fields)
        self.open += sum(not isinstance(opened[field], Unreadable) for field in fields)


def _not_checked(backups_until: date | None, *, topics: bool) -> list[dict[str, str | None]]:
    unasked = "topics; what was published of these events is ciphertext, as it is in the event store"
    return [
        *([] if topics else [{"place": unasked, "until": None}]),
        {
            "place": "backups and write-ahead logs of the key store",
            "until": backups_until.isoformat() if backups_until else None,
        },
        {
            "place": "files and write-ahead log of the read models' database: rows that were replaced stand "
            "there until it is vacuumed and its log is recycled",
            "until": None,
        },
        {"place": "subscribers of the topics; what they have is ciphertext", "until": None},
        {"place": "exports that were handed out", "until": None},
        {"place": "receivers of webhooks", "until": None},
    ]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
