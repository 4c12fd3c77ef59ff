"""The application: loads aggregates by replay and records events, with refusals as domain errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, takewhile
from typing import TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import IntegrityError, OperationalError, Recording
from eventsourcing.utils import Environment, EnvType

from commands.store.claims import Claim
from commands.store.conflicts import conflict
from commands.store.contact_index import ContactPoint
from commands.store.event_reader import StoredRow
from commands.store.idempotency import IdempotencyRow
from commands.store.incarnation import Incarnation, RecoveryNeeded, refused_by
from commands.store.mapper import EventMapper, Opener
from commands.store.pool import Pool
from commands.store.recorder import Guard, PostgresApplicationRecorder
from domain.events.envelope import moment, parse
from domain.events.event import Event
from domain.kernel.aggregate import Aggregate, Evolve, replay
from domain.kernel.as_of import NOW, AsOf
from domain.kernel.errors import DomainError, NotFound

A = TypeVar("A", bound=Aggregate)
T = TypeVar("T")


class Crm(Application[UUID]):
    """The library's application on our recorder and mapper.

    `Application.save` and `repository` work as the library says; `record` and `load` say the same in the
    domain's terms.
    """

    name = "rapport"

    def __init__(
        self,
        *,
        recorder: PostgresApplicationRecorder,
        mapper: EventMapper,
        incarnation: Incarnation | None = None,
    ) -> None:
        """With `incarnation`, nothing is recorded while that says so."""
        self._incarnation = incarnation
        self._given_recorder = recorder
        self._given_mapper = mapper
        super().__init__()

    @property
    def pool(self) -> Pool:
        """The connections to the store."""
        return self._given_recorder.pool

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:  # noqa: ARG002
        """An empty one: the library would merge the process environment, and any `CIPHER_KEY` in it."""
        return Environment(name, {})

    def construct_mapper(self) -> EventMapper:
        """The mapper that was given."""
        return self._given_mapper

    def construct_recorder(self) -> PostgresApplicationRecorder:
        """The recorder that was given."""
        return self._given_recorder

    def load(
        self, record_type: str, evolve: Evolve[A], id: UUID, version: int | None = None, as_of: AsOf = NOW
    ) -> A:
        """Returns the aggregate now, as of `version`, or as of a time. Raises `NotFound`, which names
        `record_type`, also for one without an event by then."""
        found = self._replay(evolve, id, version, as_of)
        if found is None:
            raise NotFound(record_type, id)
        return found

    def find(self, evolve: Evolve[A], id: UUID) -> A | None:
        """The aggregate, or None where it has no event."""
        return self._replay(evolve, id, None)

    def require_recovered(self) -> None:
        """Raises `RecoveryNeeded` while the store may lack events that the topics have: what it says of any
        record is then not to be decided upon."""
        if self._incarnation is not None:
            self._incarnation.require()

    def record(
        self,
        events: Sequence[Event],
        *,
        claims: Sequence[Claim] = (),
        idempotency: IdempotencyRow | None = None,
        contact_points: Sequence[ContactPoint] = (),
        guard: Guard | None = None,
    ) -> list[int]:
        """Appends events, claims, contact points and the idempotency row, all or nothing; their positions.

        It calls `guard` first, in the same transaction; an error of `guard` prevents the append.
        Raises `ConcurrentChange` when somebody appended to one of the aggregates first, `AlreadyClaimed`,
        `KeyReused`, `EventTooLarge`, and `RequestInProgress` when a request with the same key and content
        is running or has just ended: then `Idempotency.find` has its answer, or will soon; `RecoveryNeeded`.
        """
        return self._refused(
            lambda: [
                recording.notification.id
                for recording in self._save(events, claims, idempotency, contact_points, guard)
            ],
            events,
            claims,
            () if idempotency is None else (idempotency,),
        )

    def record_bulk(
        self,
        events: Sequence[Event],
        claims: Sequence[Claim] = (),
        contact_points: Sequence[ContactPoint] = (),
        idempotency: Sequence[IdempotencyRow] = (),
    ) -> list[int]:
        """Appends at most 10,000 events with their claims, contact points and idempotency rows through COPY,
        all or nothing; their positions.

        Raises as `record` does.
        """
        stored = self._given_mapper.to_stored_events(events)
        return self._refused(
            lambda: self._given_recorder.insert_bulk(stored, claims, contact_points, idempotency),
            events,
            claims,
            idempotency,
        )

    def refuse_unwritable(self, events: Sequence[Event]) -> None:
        """Raises the domain error by which these events cannot be encoded, such as `EventTooLarge`."""
        self._given_mapper.to_stored_events(events)

    def digests(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """The `source_digest` with which those interactions were recorded, of the ones that are there."""
        return self._given_recorder.select_digests(ids)

    def streams(self, ids: Sequence[UUID]) -> dict[UUID, list[Event]]:
        """The events of those records that are there and can be read; loading another one says why not."""
        streams: dict[UUID, list[Event]] = {}
        unread: set[UUID] = set()
        for stored in self._given_recorder.select_streams(ids):
            id = UUID(str(stored.originator_id))
            try:
                streams.setdefault(id, []).append(self._given_mapper.to_domain_event(stored))
            except DomainError:
                unread.add(id)
        return {id: events for id, events in streams.items() if id not in unread}

    def history(self, id: UUID, as_of: AsOf = NOW) -> list[StoredRow]:
        """Returns the record's stored events as of the bounds, in order, for a read model's fold; private
        values stay closed."""
        return self.histories([id], as_of)

    def histories(self, ids: Sequence[UUID], as_of: AsOf = NOW) -> list[StoredRow]:
        """The same of several records, one after the other."""

        def before(row: StoredRow) -> bool:
            envelope = parse(row.event)
            return as_of.covers(moment(envelope["time"]), moment(envelope["recordedtime"]))

        rows = self._given_recorder.select_histories(ids)
        if as_of.whole:
            return rows
        return [
            row
            for _, record in groupby(rows, key=lambda row: row.aggregate_id)
            for row in takewhile(before, record)
        ]

    def opener(self, rows: Iterable[StoredRow]) -> Opener:
        """What opens the private values of persons in these events for a read model's fold, with the keys
        that there are now."""
        return self._given_mapper.opener(row.event for row in rows)

    def versions(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        """The version at which each of those records is, of the ones that are there."""
        return self._given_recorder.select_versions(ids)

    def _save(
        self,
        events: Sequence[Event],
        claims: Sequence[Claim],
        idempotency: IdempotencyRow | None,
        contact_points: Sequence[ContactPoint],
        guard: Guard | None,
    ) -> list[Recording[UUID]]:
        return self.save(
            *cast("Sequence[DomainEventProtocol[UUID]]", events),
            claims=claims,
            idempotency=idempotency,
            contact_points=contact_points,
            guard=guard,
        )

    def _refused(
        self,
        append: Callable[[], T],
        events: Sequence[Event],
        claims: Sequence[Claim],
        idempotency: Sequence[IdempotencyRow],
    ) -> T:
        self.require_recovered()
        try:
            return append()
        except (IntegrityError, OperationalError) as error:
            if refused_by(error.__cause__):
                raise RecoveryNeeded from error
            told = conflict(
                error,
                self._given_recorder.pool,
                versions=[(event.originator_id, event.originator_version) for event in events],
                claims=claims,
                idempotency=idempotency,
            )
            if told is None:
                raise
            raise told from error

    def _replay(self, evolve: Evolve[A], id: UUID, version: int | None, as_of: AsOf = NOW) -> A | None:
        def project(state: A | None, events: Iterable[Event]) -> A | None:
            return replay(evolve, state, events if as_of.whole else as_of.of(events))

        try:
            return self.repository.get(id, version=version, projector_func=project)
        except AggregateNotFoundError:
            return None
