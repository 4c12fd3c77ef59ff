"""Personal data in events: which fields are private, whose they are, and the shape of `data.private`.

    "private": {
      "persons": {"<person id>": {"<field>": "a1.<base64url of nonce, ciphertext, tag>"}},
      "text": {"participants": ["<id>", ...], "retention": "<kind>/<YYYY-MM>",
               "fields": {"<field>": "t1.<base64url of nonce, ciphertext, tag>"}}
    }

`persons` are values under each person's own key. `text` is free text: it opens only while no key of its
participants, nor the retention key of its kind and month, is destroyed. The ciphers stand in
`commands/privacy/`; this module knows no key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

from domain.events.event import Event

METADATA = "rapport"
SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Replaces a private value that cannot be read: its key was destroyed, or is not available here."""

    reason: Literal["erased", "absent"]


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a payload field as personal data of the person named by the field `of` (or of the subject)."""

    of: str = SUBJECT


@dataclass(frozen=True, slots=True)
class FreeText:
    """Marks a payload field as free text of a retention `kind`; `participants` names a field of ids.

    `kind_of` names a field whose value is added to the kind, so that calls and letters have separate rules.
    """

    kind: str
    participants: str | None = None
    kind_of: str | None = None

    def kind_in(self, payload: Any) -> str:
        """The retention kind of this text in `payload`: `interaction-email`."""
        return self.kind if self.kind_of is None else f"{self.kind}-{getattr(payload, self.kind_of)}"


def personal(of: str = SUBJECT) -> Any:
    """A dataclass field with personal data. Its default is None; no `repr` shows it, so no log does."""
    return field(default=None, repr=False, metadata={METADATA: Personal(of)})


def free_text(kind: str, participants: str | None = None, kind_of: str | None = None) -> Any:
    """A dataclass field with free text. Its default is None; no `repr` shows it, so no log does."""
    return field(default=None, repr=False, metadata={METADATA: FreeText(kind, participants, kind_of)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateParts:
    """An event's private values in clear: by person, and the free texts with the keys that close them."""

    persons: Mapping[UUID, Mapping[str, Any]] = field(repr=False)
    texts: Mapping[str, Any] = field(repr=False)
    participants: tuple[UUID, ...]
    kind: str | None

    def __bool__(self) -> bool:
        return bool(self.persons or self.texts)


class PrivateCipher(Protocol):
    """Closes private values into `data.private` and opens them again."""

    def encrypt(self, event: Event, parts: PrivateParts) -> dict[str, Any]:
        """Returns the value of `data.private` for `event`; makes and commits missing keys."""
        ...

    def decrypt(self, event_id: str, private: Mapping[str, Any]) -> dict[str, Any]:
        """Returns clear values by field name, `Closed` where the key is destroyed or absent."""
        ...
