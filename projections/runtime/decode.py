"""Decodes stored bytes to the mapping that folds see, and classifies the errors of events."""

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
"""Why an event is parked; `projections.control.failures.ACTS` has the act for each."""


class Received(NamedTuple):
    """One event from a topic or the store: its position, its party (the record's key) and its stored
    bytes."""

    position: int
    party: str
    value: bytes


class OpeningCipher(Protocol):
    """Opens private values; it fetches the keys of many at once."""

    def load(self, privates: Iterable[Mapping[str, Any]]) -> None:
        """Fetches the keys for these values of `data.private`."""
        ...

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        """Returns field name to clear value, or to `Closed`."""
        ...


class KeyMissing(Exception):
    """The key of a private value is missing, although it was never destroyed."""


class KeyStoreAway(EnvironmentProblem):
    """The key store does not respond, or its keys do not unwrap. No event is to blame, so the worker waits.
    Its text is a sentence for an operator."""

    def __init__(self, error: BaseException) -> None:
        said = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        super().__init__(
            f"The key store does not give the persons' keys ({said or type(error).__name__}). It is tried "
            "again until it does; check that it runs, and RAPPORT_KEYS_URL."
        )


def category_of(error: Exception) -> Category | None:
    """Returns the category under which an event that failed with `error` is parked. Returns None for a fault
    of the database, the broker or the machine: no event is to blame, and the caller tries again."""
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
    """Returns the text of an error that is stored and shown. With `private` it quotes no value, as the texts
    of the database and of a fold may do."""
    name = type(error).__name__
    if not private or isinstance(error, (UnknownEventType, Undecodable, KeyMissing, OutOfOrder)):
        return f"{name}: {error}".strip()
    if isinstance(error, psycopg2.Error):
        at = [error.diag.table_name, error.diag.column_name, error.diag.constraint_name]
        return " ".join([f"{name}: SQLSTATE {error.pgcode}", *(part for part in at if part)])
    frames = traceback.extract_tb(error.__traceback__)
    return f"{name} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else name


# SQLSTATE classes about the written values: data exception, integrity constraint violation, program limit
# exceeded (a value too long for an index).
_DATA_CLASSES: Final = frozenset({"22", "23", "54"})


def is_data_fault(error: psycopg2.Error) -> bool:
    """Whether the database refused the values, not the session."""
    return (error.pgcode or "")[:2] in _DATA_CLASSES


# SQLSTATE classes about the server, not the statement: connection exception, invalid transaction state (a
# standby takes no writes), insufficient resources, operator intervention, internal error.
_AWAY_CLASSES: Final = frozenset({"08", "25", "53", "57", "XX"})


def is_away(error: psycopg2.Error) -> bool:
    """Whether the database is away, and may come back: the caller tries until it does."""
    if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return True
    return (error.pgcode or "")[:2] in _AWAY_CLASSES


_PERSONS: Final = b'"private":{"persons":{"'
"""The bytes before the first person's id in an event."""
_ID: Final = 36


class Decoder:
    """Decodes bytes to the event mapping: the envelope at the newest schema version, with `position`.

    Private values stay closed; `open` opens those of persons with `cipher`.
    """

    def __init__(self, registry: Registry, cipher: OpeningCipher | None = None) -> None:
        self._registry = registry
        self._cipher = cipher
        # Most events are at the newest version: one look-up shows that, without a walk through the registry.
        self._newest = registry.newest

    @property
    def opens(self) -> bool:
        """Whether it has a cipher."""
        return self._cipher is not None

    def __call__(self, position: int, value: bytes) -> dict[str, Any]:
        """Returns the mapping. Raises `Undecodable` or `UnknownEventType`."""
        try:
            event: dict[str, Any] = orjson.loads(value)
            if self._newest.get(event["dataschema"]) != event["type"]:
                event = self._registry.upcast(parse(value))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            # Raises the envelope's own error about the bytes.
            event = self._registry.upcast(parse(value))
        if "subject" not in event:
            parse(value)  # raises if another member is missing
        event["position"] = position
        return event

    def prepare(self, received: Iterable[Received]) -> None:
        """Fetches at once the keys of these events: of the first person that each names, which it finds
        without decoding them. `open` fetches the others. Raises `KeyStoreAway`.
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
        """Gives each event its `private`: person to field to value, None if the key was destroyed.

        Free text stays closed. Returns, by position, the error of each event that does not open:
        `Undecodable` or `KeyMissing`. Raises `KeyStoreAway` for errors of the key store.
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
