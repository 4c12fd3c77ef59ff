"""Stored bytes to the mapping that folds see, and what to do with an event that cannot be applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import orjson
import psycopg2

from domain.errors import Undecodable, UnknownEventType
from domain.events.envelope import parse
from domain.events.private import Closed, PrivateCipher
from domain.events.registry import SCHEMA, Registry

Category = Literal["apply", "decode", "unknown_type", "key_missing"]
"""Why an event is held. What heals it: for `apply` a corrected fold, for `decode` the right bytes, for
`unknown_type` the version of the program that wrote it, for `key_missing` the key store's return."""


class Received(NamedTuple):
    """One event as it came: its position, its party (the record's key) and its stored bytes."""

    position: int
    party: str
    value: bytes


class KeyMissing(Exception):
    """A private value whose key is not to be had, though it was never destroyed."""


def category_of(error: Exception) -> Category | None:
    """The category under which an event that failed with `error` is held; None for a fault of the database,
    the broker or the machine, which no event is to blame for and which is retried."""
    if isinstance(error, UnknownEventType):
        return "unknown_type"
    if isinstance(error, Undecodable):
        return "decode"
    if isinstance(error, KeyMissing):
        return "key_missing"
    if isinstance(error, psycopg2.Error):
        return "apply" if is_data_fault(error) else None
    if isinstance(error, (OSError, MemoryError)):
        return None
    return "apply"


# SQLSTATE classes that speak of the values written: data exception, integrity constraint violation, program
# limit exceeded (a value too long for an index).
_DATA_CLASSES: Final = frozenset({"22", "23", "54"})


def is_data_fault(error: psycopg2.Error) -> bool:
    """Whether the database refused the values, not the session."""
    return (error.pgcode or "")[:2] in _DATA_CLASSES


class Decoder:
    """Bytes to event mapping: the envelope at the newest schema version, with `position`.

    With a `cipher`, private values stand opened in `event["private"]` (field name to value, or `Closed` where
    the key was destroyed); without one they stay closed and unread.
    """

    def __init__(self, registry: Registry, cipher: PrivateCipher | None = None) -> None:
        self._registry = registry
        self._cipher = cipher
        # Most events are at the newest version: one look-up tells, and spares the walk through the registry.
        self._newest: Mapping[str, str] = {
            SCHEMA.format(type=kind.name, version=kind.version): kind.name for kind in registry.types
        }

    def __call__(self, position: int, value: bytes) -> dict[str, Any]:
        """The mapping. Raises `Undecodable`, `UnknownEventType` or `KeyMissing`."""
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
        if self._cipher is not None and "private" in event["data"]:
            event["private"] = self._open(event["id"], event["data"]["private"])
        return event

    def _open(self, id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        assert self._cipher is not None
        opened = self._cipher.open(id, private)
        absent = [name for name, value in opened.items() if value == Closed("absent")]
        if absent:
            raise KeyMissing(f"The key of {', '.join(absent)} in the event {id} is not in the key store.")
        return opened
