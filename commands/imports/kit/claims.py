"""The claims of imported rows: by them a second run knows a row again, and sees whether it says the same."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from commands.store.claims import Claim
from domain.events.ids import derived_id
from domain.kernel.values import Reference


def row_digest(key: bytes, source: str, content: Any) -> bytes:
    """The HMAC of a normalised row: the same for ever, and no way back to what it says."""
    encoded = orjson.dumps([source, content], option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, b"source-digest\x1f" + encoded, hashlib.sha256)


@dataclass(frozen=True, slots=True)
class ClaimFactory:
    """Makes claims. `key` (at least 32 bytes, never rotated) makes digests and hides names; `new_id` gives
    random ids."""

    key: bytes = field(repr=False)
    new_id: Callable[[], UUID]

    def claim(self, source: str, external_id: str, content: Any) -> Claim:
        """A claim to a new record that `source` calls `external_id`; `content` is the row, normalised."""
        return Claim(source, external_id, self.new_id(), row_digest(self.key, source, content))

    def private_claim(self, source: str, name: str, content: Any) -> Claim:
        """As `claim`, where `name` is a person's name or address: the external id hides it, since claims and
        references are not private."""
        return self.claim(source, str(derived_id(self.key, source, name)), content)


def reference(claim: Claim) -> Reference:
    """The external id as the record keeps it."""
    return Reference(source=claim.source, external_id=claim.external_id)
