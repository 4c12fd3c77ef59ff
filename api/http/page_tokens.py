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
    """The content of a token: the arguments of the list, and where the last page ended."""

    arguments: Mapping[str, str]
    after: tuple[str, ...] | None


class PageTokens:
    """Seals and opens page tokens with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, listing: str, version: int, arguments: Mapping[str, str], after: Sequence[str]) -> str:
        """Returns the token of the page after `after`; `arguments` are the list's, as sent."""
        plain = orjson.dumps([version, dict(sorted(arguments.items())), list(after)])
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, plain, (_SCHEME + listing).encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, token: str, listing: str, version: int, arguments: Mapping[str, str]) -> Page:
        """Returns the page of a token.

        `arguments` came with the token: none, or the same as for the first page. Raises `Problem`
        (`page-token`) for a token that is not ours, belongs to another list, to other arguments, or to
        another version of the read model, whose order may differ.
        """
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], (_SCHEME + listing).encode())
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise Problem("page-token", f"The page_token is not one of this list. {_AGAIN}") from error
        made_with, bound, after = orjson.loads(plain)
        if made_with != version:
            raise Problem("page-token", f"The list was rebuilt since the page_token was made. {_AGAIN}")
        changed = sorted(name for name in arguments if bound.get(name) != arguments[name])
        if changed:
            raise Problem(
                "page-token",
                f"The page_token was made with another {', '.join(changed)}, or without. Send it alone, or "
                "with the arguments of the first page; for other arguments ask for a first page.",
            )
        return Page(arguments=bound, after=tuple(after))
