"""Stored bytes to the mapping that folds see, and what to do with an event that cannot be applied."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol
from uuid import UUID

import orjson
import psycopg2

from domain.events.envelope import parse
from domain.events.private import Unreadable
from domain.events.registry import Registry
from domain.kernel.errors import Undecodable, UnknownEventType
from domain.kernel.user_errors import EnvironmentProblem
from projections.runtime.projection import OutOfOrder

Category = Literal["apply", "decode", "unknown_type", "key_missing"]
"""Why an event is parked; `projections.control.failures.ACTS` says what heals each."""


class Received(NamedTuple):
    """One event as it came: its position, its party (the record's key) and its stored bytes."""

    position: int
    party: str
    value: bytes


class OpeningCipher(Protocol):
    """Opens private values; the keys of many are fetched at once."""

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """Gets the keys that opening these values of `data.private` will need."""
        ...

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        """Field name to clear value, or to `Closed`."""
        ...


class KeyMissing(Exception):
    """A private value whose key is not to be had, though it was never destroyed."""


class KeyStoreAway(EnvironmentProblem):
    """The key store does not answer, or its keys do not unwrap: no event's fault, it is waited out. Its text
    is a sentence for an operator."""

    def __init__(self, error: BaseException) -> None:
        said = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        super().__init__(
            f"The key store does not give the persons' keys ({said or type(error).__name__}). It is tried "
            "again until it does; check that it runs, and RAPPORT_KEYS_URL."
        )


def category_of(error: Exception) -> Category | None:
    """The category under which an event that failed with `error` is parked; None for a fault of the database,
    the broker or the machine, which no event is to blame for and which is retried."""
    if isinstance(error, UnknownEventType):
        return "unknown_type"
    if isinstance(error, Undecodable):
        return "decode"
    if isinstance(error, KeyMissing):
        return "key_missing"
    if isinstance(error, psycopg2.Error):
        return "apply" if is_data_fault(error) else None
    if isinstance(error, (OSError, MemoryError, KeyStoreAway)):
        return None
    return "apply"


def told(error: Exception, *, private: bool) -> str:
    """What is kept and shown of an error. With `private`, where values in clear were at hand, nothing that
    could quote one: the database's and a fold's own texts do."""
    name = type(error).__name__
    if not private or isinstance(error, (UnknownEventType, Undecodable, KeyMissing, OutOfOrder)):
        return f"{name}: {error}".strip()
    if isinstance(error, psycopg2.Error):
        at = [error.diag.table_name, error.diag.column_name, error.diag.constraint_name]
        return " ".join([f"{name}: SQLSTATE {error.pgcode}", *(part for part in at if part)])
    frames = traceback.extract_tb(error.__traceback__)
    return f"{name} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else name


# SQLSTATE classes that speak of the values written: data exception, integrity constraint violation, program
# limit exceeded (a value too long for an index).
_DATA_CLASSES: Final = frozenset({"22", "23", "54"})


def is_data_fault(error: psycopg2.Error) -> bool:
    """Whether the database refused the values, not the session."""
    return (error.pgcode or "")[:2] in _DATA_CLASSES


# Those that speak of the server, not of what it was asked: connection exception, invalid transaction state (a
# standby takes no writes), insufficient resources, operator intervention, internal error.
_AWAY_CLASSES: Final = frozenset({"08", "25", "53", "57", "XX"})


def is_away(error: psycopg2.Error) -> bool:
    """Whether the database cannot be used now, and may be again: it is tried until it can."""
    if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return True
    return (error.pgcode or "")[:2] in _AWAY_CLASSES


_PERSONS: Final = b'"private":{"persons":{"'
"""What stands before the first person's id in an event's bytes."""
_ID: Final = 36


class Decoder:
    """Bytes to event mapping: the envelope at the newest schema version, with `position`.

    Private values stay closed and unread, unless `open` is asked to open those of persons with `cipher`.
    """

    def __init__(self, registry: Registry, cipher: OpeningCipher | None = None) -> None:
        self._registry = registry
        self._cipher = cipher
        # Most events are at the newest version: one look-up tells, and spares the walk through the registry.
        self._newest = registry.newest

    @property
    def opens(self) -> bool:
        """Whether it has a cipher."""
        return self._cipher is not None

    def __call__(self, position: int, value: bytes) -> dict[str, Any]:
        """The mapping. Raises `Undecodable` or `UnknownEventType`."""
        try:
            event: dict[str, Any] = orjson.loads(value)
            if self._newest.get(event["dataschema"]) != event["type"]:
                event = self._registry.upcast(parse(value))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            # Says what is wrong with the bytes, in the words of the envelope.
            event = self._registry.upcast(parse(value))
        if "subject" not in event:
            parse(value)  # says what else is missing
        event["position"] = position
        return event

    def prepare(self, received: Iterable[Received]) -> None:
        """Gets at once the keys that opening these events will need: of the person that each names first,
        which is found without reading them. `open` gets what is missing. Raises `KeyStoreAway`.
        """
        assert self._cipher is not None
        persons: dict[str, Mapping[str, Any]] = {}
        for event in received:
            at = event.value.find(_PERSONS)
            if at >= 0:
                person = event.value[at + len(_PERSONS) : at + len(_PERSONS) + _ID].decode("ascii", "replace")
                with suppress(ValueError):
                    persons[str(UUID(person))] = {}
        if persons:
            self._load([{"persons": persons}])

    def open(self, events: Sequence[dict[str, Any]]) -> dict[int, Exception]:
        """Gives each event its `private`: person to field to value, None where the key was destroyed.

        Free text stays closed. Answers, by position, the events that do not open, with the reason:
        `Undecodable` or `KeyMissing`. Raises `KeyStoreAway` for what the key store raises.
        """
        assert self._cipher is not None
        failed: dict[int, Exception] = {}
        closed: list[tuple[dict[str, Any], str, dict[str, Any]]] = []
        for event in events:
            event["private"] = {}
            try:
                private = event["data"].get("private")
                persons = private.get("persons") if private else None
                if persons:
                    parts = {str(UUID(person)): dict(persons[person]) for person in persons}
                    closed.append((event, event["id"], parts))
            except (AttributeError, KeyError, TypeError, ValueError):
                failed[event["position"]] = Undecodable(
                    f"The private part of the event {event.get('id')} is malformed."
                )
        if closed:
            self._load([{"persons": persons} for _, _, persons in closed])
        for event, id, persons in closed:
            try:
                event["private"] = {
                    person: self._open(id, person, fields) for person, fields in persons.items()
                }
            except (Undecodable, KeyMissing) as error:
                failed[event["position"]] = error
        return failed

    def _load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        assert self._cipher is not None
        try:
            self._cipher.load(privates)
        except Exception as error:
            raise KeyStoreAway(error) from error

    def _open(self, id: str, person: str, fields: Any) -> dict[str, Any]:
        assert self._cipher is not None
        try:
            opened = self._cipher.decrypt(id, {"persons": {person: fields}})
        except Undecodable:
            raise
        except Exception as error:
            raise KeyStoreAway(error) from error
        absent = [name for name, value in opened.items() if value == Unreadable("absent")]
        if absent:
            raise KeyMissing(f"The key of {', '.join(absent)} in the event {id} is not in the key store.")
        return {name: None if isinstance(value, Unreadable) else value for name, value in opened.items()}
