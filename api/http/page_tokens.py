"""Page tokens: opaque, sealed, bound to the list, its filters and the projection version they were made with.

A token is base64url of a nonce (12 bytes) and AES-256-GCM over an orjson array
`[projection version, arguments, values of the order's columns in the last row]`; the associated data names
the list, so that a token of one list does not open in another.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.http.problems import Problem

_NONCE: Final = 12
_SCHEME: Final = "rapport.page.v1|"
_AGAIN: Final = "Ask for the first page again, without page_token."


@dataclass(frozen=True, slots=True)
class Page:
    """What a token says: the arguments of the list, and where the last page ended."""

    arguments: Mapping[str, str]
    after: tuple[str, ...] | None


class PageTokens:
    """Seals and opens page tokens with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, listing: str, version: int, arguments: Mapping[str, str], after: Sequence[str]) -> str:
        """The token of the page that begins behind `after`; `arguments` are the list's, as sent."""
        plain = orjson.dumps([version, dict(sorted(arguments.items())), list(after)])
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, plain, (_SCHEME + listing).encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, token: str, listing: str, version: int, arguments: Mapping[str, str]) -> Page:
        """The page a token stands for.

        `arguments` are what came beside it: none, or the same as on the first page. Raises `Problem`
        (`page-token`) for a token that is not ours, belongs to another list, to other arguments, or to
        another version of the read model, whose order may differ.
        """
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], (_SCHEME + listing).encode())
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise Problem(
                "page-token", f"The page_token is none that this list gave out. {_AGAIN}"
            ) from error
        made_with, bound, after = orjson.loads(plain)
        if made_with != version:
            raise Problem("page-token", f"The list was rebuilt since the page_token was made. {_AGAIN}")
        changed = sorted(name for name in arguments if bound.get(name) != arguments[name])
        if changed:
            raise Problem(
                "page-token",
                f"The page_token was made with another {', '.join(changed)}, or with none. Send it alone, or "
                "with what the first page was asked with; for other arguments ask for a first page.",
            )
        return Page(arguments=bound, after=tuple(after))
