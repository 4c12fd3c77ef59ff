"""Events to stored events and back: the one place where the encoding meets the library."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.events.envelope import decode, encode, parse
from domain.events.event import Event
from domain.events.private import METADATA, PrivateParts, Unreadable

if TYPE_CHECKING:
    from domain.events.private import PrivateCipher
    from domain.events.registry import Registry


Opener = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives an upcast envelope its `private`: person to field to value, None where the key was destroyed; what
has no key here is left out."""


@dataclass(frozen=True)
class StoredCrmEvent(StoredEvent):
    """A stored event with its partition key."""

    party: UUID


@runtime_checkable
class PreparingCipher(Protocol):
    """A cipher that can prepare for many events at once."""

    def prepare(self, events: Iterable[tuple[Event, PrivateParts]]) -> None:
        """Makes the keys that closing these events will need."""
        ...


@runtime_checkable
class LoadingCipher(Protocol):
    """A cipher that can fetch the keys of many values at once."""

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """Gets the keys that opening these values of `data.private` will need."""
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

    def opener(self, events: Iterable[bytes]) -> Opener:
        """Opens what is private of persons in these events, as a read model's fold takes it; free text stays
        closed. Raises `Undecodable` for a value that was changed or moved."""
        if isinstance(self._cipher, LoadingCipher):
            self._cipher.load({"persons": _persons(parse(event))} for event in events)

        def opened(envelope: dict[str, Any]) -> dict[str, Any]:
            found = {
                person: self._cipher.decrypt(envelope["id"], {"persons": {person: fields}})
                for person, fields in _persons(envelope).items()
            }
            private = {
                person: {
                    name: None if isinstance(value, Unreadable) else value
                    for name, value in values.items()
                    if value != Unreadable("absent")
                }
                for person, values in found.items()
            }
            return envelope | {"private": private}

        return opened


def _persons(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    persons: Mapping[str, Any] = (envelope["data"].get("private") or {}).get("persons") or {}
    return persons
