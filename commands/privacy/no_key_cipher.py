"""A cipher for who reads events without their private values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.events.event import Event
from domain.events.private import PrivateParts, Unreadable

_CLOSED: Final = Unreadable("absent")


class NoKeyCipher:
    """A cipher that opens nothing: it needs no key, no database and no network."""

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, Any]:  # noqa: ARG002
        """Raises `TypeError`: histories are read, never written."""
        raise TypeError("a cipher without keys closes nothing")

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Every field, closed."""
        persons = private.get("persons", {}).values()
        names = [name for fields in persons for name in fields]
        return dict.fromkeys([*names, *private.get("text", {}).get("fields", {})], _CLOSED)
