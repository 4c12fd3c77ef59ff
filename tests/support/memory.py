"""Doubles for tests without a database: a cipher that hides nothing, and a store that keeps encoded bytes.

They hold to the contracts of `commands.store` and `commands.privacy`, so that what is tested on them is
tested again, in a few stories, on PostgreSQL.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

import orjson

from commands.dispatch.context import Context
from commands.dispatch.dispatcher import Commands
from commands.dispatch.repository import evolve_of
from commands.store.application import Crm
from commands.store.claims import Claim, ClaimTable
from commands.store.contact_index import ContactPoint
from commands.store.idempotency import Answer, Idempotency
from commands.store.identifiers import Identifiers
from domain.configuration.pipelines import Pipelines, parse
from domain.configuration.reasons import DEFAULT, Reasons
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode, encode
from domain.events.event import Actor, Event
from domain.events.private import PrivateParts, Unreadable
from domain.kernel.aggregate import Aggregate, Evolve, replay
from domain.kernel.errors import AlreadyClaimed, ConcurrentChange, KeyReused, NotFound, RequestInProgress

A = TypeVar("A", bound=Aggregate)

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
ACTOR = Actor(id=UUID(int=0xA), kind="user")


class OpenCipher:
    """The shape of `data.private`, with encoding in place of encryption. `destroyed` persons stay closed."""

    def __init__(self) -> None:
        self.destroyed: set[UUID] = set()

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, Any]:
        """As the real cipher lays it out."""
        closed: dict[str, Any] = {}
        if parts.persons:
            closed["persons"] = {
                str(person): {name: _hide("a1.", value) for name, value in fields.items()}
                for person, fields in parts.persons.items()
            }
        if parts.texts:
            closed["text"] = {
                "participants": [str(person) for person in parts.participants],
                "retention": f"{parts.kind}/{event.recorded:%Y-%m}",
                "fields": {name: _hide("t1.", value) for name, value in parts.texts.items()},
            }
        return closed

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        """The values again, `Closed` where a person is destroyed."""
        opened: dict[str, Any] = {}
        for person, fields in private.get("persons", {}).items():
            for name, value in fields.items():
                opened[name] = Unreadable("erased") if UUID(person) in self.destroyed else _show("a1.", value)
        text = private.get("text", {"participants": [], "fields": {}})
        erased = any(UUID(person) in self.destroyed for person in text["participants"])
        for name, value in text["fields"].items():
            opened[name] = Unreadable("erased") if erased else _show("t1.", value)
        return opened


class MemoryCrm:
    """What `Crm` promises, over a list of encoded events. Every load decodes."""

    def __init__(self, idempotency: MemoryIdempotency, claims: MemoryClaims) -> None:
        self.cipher = OpenCipher()
        self.stored: list[tuple[UUID, int, bytes]] = []
        self.transactions: list[int] = []
        self.loads = 0
        self.contact_points: set[ContactPoint] = set()
        self._versions: dict[UUID, int] = {}
        self._idempotency = idempotency
        self._claims = claims

    def require_recovered(self) -> None:
        """What is in memory is never restored."""

    def load(self, record_type: str, evolve: Evolve[A], id: UUID, version: int | None = None) -> A:
        """The aggregate, decoded and folded from its bytes."""
        self.loads += 1
        found = replay(evolve, None, [event for event in self.events(id) if _upto(event, version)])
        if found is None:
            raise NotFound(record_type, id)
        return found

    def events(self, id: UUID | None = None) -> list[Event]:
        """All events, or one aggregate's."""
        return [
            decode(encoded, CATALOGUE, self.cipher)
            for owner, _, encoded in self.stored
            if id is None or owner == id
        ]

    def record(
        self,
        events: Sequence[Event],
        *,
        claims: Sequence[Claim] = (),
        idempotency: tuple[tuple[UUID, str], bytes, Answer] | None = None,
        contact_points: Sequence[ContactPoint] = (),
    ) -> list[int]:
        """All or nothing."""
        encoded = [encode(event, CATALOGUE, self.cipher) for event in events]
        versions = dict(self._versions)
        if idempotency is not None and idempotency[0] in self._idempotency.rows:
            raise KeyReused
        for claim in claims:
            taken = self._claims.rows.get((claim.source, claim.external_id))
            if taken is not None and taken.id != claim.id:
                raise AlreadyClaimed(source=claim.source, external_id=claim.external_id, id=taken.id)
        for event in events:
            found = versions.get(event.originator_id, 0)
            if event.originator_version != found + 1:
                expected = event.originator_version - 1
                raise ConcurrentChange(id=event.originator_id, expected=expected, found=found)
            versions[event.originator_id] = found + 1
        positions = []
        for event, state in zip(events, encoded, strict=True):
            self.stored.append((event.originator_id, event.originator_version, state))
            positions.append(len(self.stored))
        self._versions = versions
        self.transactions.append(len(events))
        self.contact_points |= set(contact_points)
        self._claims.rows.update({(claim.source, claim.external_id): claim for claim in claims})
        if idempotency is not None:
            self._idempotency.keep(*idempotency, self._position)
        return positions

    def record_bulk(
        self,
        events: Sequence[Event],
        claims: Sequence[Claim] = (),
        contact_points: Sequence[ContactPoint] = (),
        idempotency: Sequence[tuple[tuple[UUID, str], bytes, Answer]] = (),
    ) -> list[int]:
        """All or nothing, at most 10,000 events."""
        assert len(events) <= 10_000
        if any(key in self._idempotency.rows for key, _, _ in idempotency):
            raise RequestInProgress
        positions = self.record(events, claims=claims, contact_points=contact_points)
        for row in idempotency:
            self._idempotency.keep(*row, self._position)
        return positions

    def refuse_unwritable(self, events: Sequence[Event]) -> None:
        """Raises what encoding raises."""
        for event in events:
            encode(event, CATALOGUE, self.cipher)

    def find(self, evolve: Evolve[A], id: UUID) -> A | None:
        """The aggregate, None where it has no event."""
        return replay(evolve, None, self.events(id))

    def digests(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """The `source_digest` of those interactions that are there."""
        return {
            owner: orjson.loads(encoded)["data"]["source_digest"]
            for owner, version, encoded in self.stored
            if version == 1 and owner in ids
        }

    def streams(self, ids: Sequence[UUID]) -> dict[UUID, list[Event]]:
        """The events of those records that are there."""
        self.loads += 1
        return {id: self.events(id) for id in ids if id in self._versions}

    def versions(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        """The versions of those records that are there."""
        return {id: self._versions[id] for id in ids if id in self._versions}

    def _position(self, id: UUID, version: int) -> int:
        return next(n for n, row in enumerate(self.stored, 1) if row[:2] == (id, version))


class MemoryIdempotency:
    """What `Idempotency` promises."""

    def __init__(self) -> None:
        self.rows: dict[tuple[UUID, str], tuple[bytes, Answer]] = {}

    def find(self, principal: UUID, key: str, request: bytes) -> Answer | None:
        """The answer given before."""
        found = self.rows.get((principal, key))
        if found is None:
            return None
        if found[0] != request:
            raise KeyReused
        return found[1]

    def find_many(self, principal: UUID, requests: Mapping[str, bytes]) -> dict[str, Answer | KeyReused]:
        """The answers given before, `KeyReused` where the request was another."""
        found: dict[str, Answer | KeyReused] = {}
        for key, request in requests.items():
            try:
                answer = self.find(principal, key, request)
            except KeyReused as reused:
                found[key] = reused
            else:
                if answer is not None:
                    found[key] = answer
        return found

    def row(
        self, principal: UUID, key: str, request: bytes, answer: Answer
    ) -> tuple[tuple[UUID, str], bytes, Answer]:
        """What `record` keeps."""
        return (principal, key), request, answer

    def keep(self, key: tuple[UUID, str], request: bytes, answer: Answer, position: Any) -> None:
        """Keeps an answer with the positions of its records."""
        written = zip(answer.ids, answer.versions, strict=True) if answer.recorded else ()
        positions = tuple(position(id, version) for id, version in written)
        self.rows[key] = request, replace(answer, positions=positions)


class MemoryClaims:
    """What `ClaimTable` promises."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Claim] = {}

    def find(self, source: str, external_ids: Sequence[str]) -> dict[str, Claim]:
        """Those that are taken."""
        return {id: self.rows[source, id] for id in external_ids if (source, id) in self.rows}


class Desk:
    """A bus on a memory store, with a clock that tests set and ids that count."""

    def __init__(
        self, pipelines: Pipelines | None = None, reasons: Reasons = DEFAULT, first_id: int = 0x1000
    ) -> None:
        self.idempotency = MemoryIdempotency()
        self.claims = MemoryClaims()
        self.crm = MemoryCrm(self.idempotency, self.claims)
        self.now = START
        self._ids = first_id
        self.commands = Commands(
            cast("Crm", self.crm),
            cast("Idempotency", self.idempotency),
            pipelines or PIPELINES,
            Identifiers(b"i" * 32),
            reasons=reasons,
        )
        self.claim_table = cast("ClaimTable", self.claims)

    def new_id(self) -> UUID:
        """The next id."""
        self._ids += 1
        return UUID(int=self._ids)

    def context(self) -> Context:
        """A request of now."""
        return Context(actor=ACTOR, correlation=UUID(int=0xC), cause=None, now=self.now, new_id=self.new_id)

    def later(self, **gap: float) -> None:
        """Moves the clock on."""
        self.now += timedelta(**(gap or {"minutes": 1}))

    def do(self, command: Any, **options: Any) -> Any:
        """Executes a command now; its `Outcome`."""
        return self.commands.execute(command, self.context(), **options)

    def state(self, record_type: str, id: UUID) -> Any:
        """The record as it is now."""
        return self.crm.load(record_type, evolve_of(record_type), id)


PIPELINES = parse(
    {
        "sales": {
            "name": "Sales",
            "currency": "USD",
            "lost_reasons": ["price", "no-decision", "other"],
            "stages": [
                {"id": "prospecting", "name": "Prospecting", "probability": 10, "kind": "open"},
                {"id": "qualification", "name": "Qualification", "probability": 20, "kind": "open"},
                {"id": "proposal", "name": "Proposal", "probability": 50, "kind": "open"},
                {"id": "negotiation", "name": "Negotiation", "probability": 80, "kind": "open"},
                {"id": "won", "name": "Won", "probability": 100, "kind": "won"},
                {"id": "lost", "name": "Lost", "probability": 0, "kind": "lost"},
            ],
        },
        "renewal": {
            "name": "Renewal",
            "currency": "USD",
            "lost_reasons": ["churn"],
            "stages": [
                {"id": "due", "name": "Due", "probability": 70, "kind": "open"},
                {"id": "renewed", "name": "Renewed", "probability": 100, "kind": "won"},
                {"id": "churned", "name": "Churned", "probability": 0, "kind": "lost"},
            ],
        },
    }
)
"""Two pipelines, so that nothing can lean on the names of one."""


def _upto(event: Event, version: int | None) -> bool:
    return version is None or event.originator_version <= version


def _hide(prefix: str, value: Any) -> str:
    return prefix + urlsafe_b64encode(orjson.dumps(value)).decode()


def _show(prefix: str, value: str) -> Any:
    assert value.startswith(prefix)
    return orjson.loads(urlsafe_b64decode(value.removeprefix(prefix)))
