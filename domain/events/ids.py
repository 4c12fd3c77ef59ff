"""Ids: of events, of interactions (derived), and the system's own namespaces."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from uuid import UUID

_SEPARATOR: Final = b"\x1f"


def event_id(aggregate_id: UUID, version: int) -> str:
    """`<aggregate id>:<version>`."""
    return f"{aggregate_id}:{version}"


def parts_of(event_id: str) -> tuple[UUID, int]:
    """Returns aggregate and version of an event's id. Raises `ValueError` for another text."""
    aggregate, _, version = event_id.partition(":")
    return UUID(aggregate), int(version)


def derived_id(key: bytes, *parts: str) -> UUID:
    """Returns a UUID version 8 made of the first 122 free bits of HMAC-SHA256(key, parts joined by 0x1F).

    The same parts always give the same id: `key` is never rotated. Raises `ValueError` for a key under 32
    bytes, or a part with the separator, which would give two lists of parts one id.
    """
    if len(key) < 32:
        raise ValueError("the key for derived ids needs at least 32 bytes")
    encoded = [part.encode() for part in parts]
    if any(_SEPARATOR in part for part in encoded):
        raise ValueError("an external id must not hold the control character 0x1F")
    digest = bytearray(hmac.new(key, _SEPARATOR.join(encoded), hashlib.sha256).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80  # version 8
    digest[8] = (digest[8] & 0x3F) | 0x80  # RFC 9562 variant
    return UUID(bytes=bytes(digest))


def interaction_id(key: bytes, source: str, external_id: str) -> UUID:
    """The id of the interaction that `source` knows as `external_id`."""
    return derived_id(key, "interaction", source, external_id)
