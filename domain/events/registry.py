"""The explicit registry of event types: permanent names, schema versions, payload classes, upcasters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from domain.events.event import Event
from domain.events.private import METADATA, SUBJECT, FreeText, Personal, PrivateParts
from domain.kernel.errors import Undecodable, UnknownEventType

SCHEMA: Final = "urn:rapport:{type}:{version}"

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the `data` of one schema version into that of the next; pure, total, never sees private values."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type: its permanent `name`, the newest schema `version` and the class of its payload."""

    name: str
    payload: type[Any]
    version: int = 1
    upcasters: tuple[Upcaster, ...] = ()
    """`upcasters[0]` leads from version 1 to 2, and so on; there are `version - 1` of them."""

    @property
    def family(self) -> str:
        """The aggregate's family, which is also the topic: `crm.<family>.<past tense>`."""
        return self.name.split(".")[1]

    @property
    def schema(self) -> str:
        """The envelope's `dataschema` of the newest version."""
        return SCHEMA.format(type=self.name, version=self.version)


class Registry:
    """Names to types and payload classes to types. Built once from an explicit list."""

    def __init__(self, types: Sequence[EventType]) -> None:
        self._by_name = {t.name: t for t in types}
        self._by_payload = {t.payload: t for t in types}
        if len(self._by_name) != len(types) or len(self._by_payload) != len(types):
            raise ValueError("an event type or payload class is registered twice")
        for t in types:
            if len(t.upcasters) != t.version - 1:
                raise ValueError(f"{t.name} is at version {t.version}: it needs {t.version - 1} upcasters")
        self.newest: Mapping[str, str] = {t.schema: t.name for t in types}
        """The `dataschema` of each type's newest version, and the type's name."""
        self._adapters: dict[type[Any], TypeAdapter[Any]] = {}
        self._private: dict[type[Any], dict[str, Personal | FreeText]] = {
            t.payload: {
                f.name: f.metadata[METADATA] for f in dataclasses.fields(t.payload) if METADATA in f.metadata
            }
            for t in types
        }

    @property
    def types(self) -> tuple[EventType, ...]:
        """All types, in the order of the list."""
        return tuple(self._by_name.values())

    @property
    def families(self) -> tuple[str, ...]:
        """All families, sorted; each has a topic."""
        return tuple(sorted({t.family for t in self._by_name.values()}))

    def named(self, name: str) -> EventType:
        """Returns the type of that name. Raises `UnknownEventType`."""
        found = self._by_name.get(name)
        if found is None:
            raise UnknownEventType(name)
        return found

    def of(self, payload: Any) -> EventType:
        """Returns the type of a payload object. Raises `KeyError` for an unregistered class."""
        return self._by_payload[type(payload)]

    def upcast(self, envelope: dict[str, Any]) -> dict[str, Any]:
        """Returns `envelope` with `data` and `dataschema` at the newest version; unchanged if it is.

        Raises `UnknownEventType` for a type, or a schema version, that this program does not know.
        """
        name = envelope["type"]
        if not isinstance(name, str):
            raise Undecodable(f"The type of the event {envelope.get('id')} is malformed: it is not a string.")
        kind = self.named(name)
        try:
            version = int(envelope["dataschema"].rsplit(":", 1)[1])
        except (IndexError, ValueError, AttributeError) as error:
            raise Undecodable(f"The event {envelope.get('id')} names no schema version.") from error
        if version == kind.version:
            return envelope
        if not 1 <= version < kind.version:
            raise UnknownEventType(f"{kind.name} version {version}")
        data = envelope["data"]
        try:
            for step in kind.upcasters[version - 1 :]:
                data = step(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _misfit(kind, version, repr(error)) from error
        return {**envelope, "dataschema": kind.schema, "data": data}

    def split(self, event: Event) -> tuple[dict[str, Any], PrivateParts]:
        """Returns the payload's open fields as JSON-ready data, and its private values in clear."""
        payload = event.payload
        private = self._private[type(payload)]
        data: dict[str, Any] = self._adapter(type(payload)).dump_python(
            payload, mode="json", exclude=set(private), exclude_none=True
        )
        persons: dict[UUID, dict[str, Any]] = {}
        texts: dict[str, Any] = {}
        participants: tuple[UUID, ...] = ()
        kind = None
        for name, mark in private.items():
            value = getattr(payload, name)
            if value is None:
                continue
            if isinstance(mark, Personal):
                owner = event.originator_id if mark.of == SUBJECT else getattr(payload, mark.of)
                persons.setdefault(owner, {})[name] = value
            else:
                texts[name] = value
                kind = mark.kind_in(payload)
                named = getattr(payload, mark.participants) if mark.participants else ()
                participants = tuple(named) or (event.party,)
        return data, PrivateParts(persons=persons, texts=texts, participants=participants, kind=kind)

    def join(self, kind: EventType, data: Mapping[str, Any], opened: Mapping[str, Any]) -> Any:
        """Returns the payload object of upcast `data` (without `private`) and opened private values."""
        open_fields = {name: value for name, value in data.items() if name != "private"}
        try:
            payload = self._adapter(kind.payload).validate_python(open_fields)
        except ValidationError as error:
            raise _misfit(kind, kind.version, _faults(error)) from error
        return dataclasses.replace(payload, **opened) if opened else payload

    def _adapter(self, payload: type[Any]) -> TypeAdapter[Any]:
        adapter = self._adapters.get(payload)
        if adapter is None:
            adapter = self._adapters[payload] = TypeAdapter(payload)
        return adapter


# Faults name fields and never values, which may be personal.
def _faults(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)


def _misfit(kind: EventType, version: int, faults: str) -> Undecodable:
    return Undecodable(f"The data of a {kind.name} does not fit its schema {version}: {faults}.")
