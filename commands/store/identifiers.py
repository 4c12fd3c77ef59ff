"""What is derived from other systems' words under a key that is never rotated: ids, digests, the blind index.

The same words give the same bytes for ever; without the key nothing can be guessed from them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

import orjson

from domain.customers.contact.decide import normalised
from domain.customers.contact.events import PointKind
from domain.events.ids import interaction_id
from domain.kernel.errors import Invalid
from domain.kernel.values import Reference

_KEY_BYTES: Final = 32


class Identifiers:
    """Derives with `key`. Raises `ValueError` for one under 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            raise ValueError(f"the key for derived ids needs at least {_KEY_BYTES} bytes")
        self._key = key

    def interaction(self, reference: Reference) -> UUID:
        """The id of the interaction that another system knows by `reference`. Raises `Invalid`."""
        try:
            return interaction_id(self._key, reference.source, reference.external_id)
        except ValueError as error:
            raise Invalid("The external id holds a control character. Remove it.") from error

    def digest(self, content: Mapping[str, Any]) -> str:
        """The hex HMAC-SHA256 of what a source said: values that are absent or empty count for nothing, so
        that a field that comes with a later version changes no digest."""
        encoded = orjson.dumps(_plain(content), default=_told, option=orjson.OPT_SORT_KEYS)
        return self._hmac(b"content", encoded).hex()

    def contact_point(self, kind: PointKind, value: str) -> bytes:
        """The blind index of a contact point: equal for all spellings of one address. Raises `Invalid`."""
        return self._hmac(b"contact-point", f"{kind}\x1f{normalised(kind, value)}".encode())

    def _hmac(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\x1f" + data, hashlib.sha256)


# An import digests each row: the kind of a value is looked up by its class, not asked for in turn.
_LEAVES: Final = frozenset({str, int, bool, Decimal, UUID})


def _plain(value: Any) -> Any:
    if type(value) in _LEAVES:
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        value = {name: getattr(value, name) for name in _fields(value.__class__)}
    return {name: _plain(each) for name, each in value.items() if each is not None and each != ()}


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in dataclasses.fields(kind))


def _told(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value)} is in no digest")


def moment_of(at: datetime | None) -> str | None:
    """A named time as digests hold it. Raises `Invalid` for one without a zone."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid(f"The time {at.isoformat()} has no time zone. Add one, such as Z for UTC.")
    return f"{at.timestamp():.6f}"
