"""Events to stored events and back: the one place where the encoding meets the library."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.events.envelope import decode, encode
from domain.events.event import Event
from domain.events.private import METADATA, PrivateParts

if TYPE_CHECKING:
    from domain.events.private import PrivateCipher
    from domain.events.registry import Registry


@dataclass(frozen=True)
class StoredCrmEvent(StoredEvent):
    """A stored event with its partition key."""

    party: UUID


@runtime_checkable
class PreparingCipher(Protocol):
    """A cipher that can make ready for many events at once."""

    def prepare(self, events: Iterable[tuple[Event, PrivateParts]]) -> None:
        """Makes the keys that closing these events will need."""
        ...


class EventMapper(Mapper[UUID]):
    """Encodes `Event`s by `registry`, private values closed by `cipher`. Topics are event type names: the
    library never turns one into an import."""

    def __init__(self, registry: Registry, cipher: PrivateCipher) -> None:
        super().__init__(JSONTranscoder())  # asked for by the library; never used
        self._registry = registry
        self._cipher = cipher
        self._private: frozenset[type[Any]] = frozenset(
            kind.payload
            for kind in registry.types
            if any(METADATA in field.metadata for field in dataclasses.fields(kind.payload))
        )

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredCrmEvent:
        """The event's bytes with its columns. Raises `EventTooLarge`."""
        event = cast("Event", domain_event)
        return StoredCrmEvent(
            originator_id=event.originator_id,
            originator_version=event.originator_version,
            topic=self._registry.of(event.payload).name,
            state=encode(event, self._registry, self._cipher),
            party=event.party,
        )

    def to_stored_events(self, events: Sequence[Event]) -> list[StoredCrmEvent]:
        """Many at once: keys that are missing are made at once too, not one by one."""
        if isinstance(self._cipher, PreparingCipher):
            private = [event for event in events if type(event.payload) in self._private]
            self._cipher.prepare((event, self._registry.split(event)[1]) for event in private)
        return [self.to_stored_event(cast("DomainEventProtocol[UUID]", event)) for event in events]

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """The event of these bytes, upcast. Raises `Undecodable` or `UnknownEventType`."""
        return decode(stored_event.state, self._registry, self._cipher)
