"""The key-encryption key: wraps the keys in the database and never touches one itself."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class KekProblem(Exception):
    """A key does not open with this key-encryption key. The text says what to do."""

    def __init__(self, *, used: str, found: str) -> None:
        if used == found:
            text = f"A wrapped key was changed in the database: it does not open with {used}. Restore it."
        else:
            text = (
                f"A key was wrapped with the key-encryption key {found}, and this program has {used}. "
                "Put the key file `kek` back that belongs to this database."
            )
        super().__init__(text)


class KeyEncryptionKey(Protocol):
    """Wraps and unwraps keys of 32 bytes; a file now, a key management service where there is one."""

    @property
    def id(self) -> str:
        """A name that tells this key from others and says nothing about it."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """`key` encrypted; opens only with the same `context` (whose key it is)."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes, *, kek: str) -> bytes:
        """The key again. `kek` is the `id` it was wrapped with. Raises `KekProblem`."""
        ...


class FileKek:
    """AES-256-GCM with a key of 32 bytes, given as it is or as a file of 64 hex digits."""

    def __init__(self, source: Path | bytes) -> None:
        raw = source if isinstance(source, bytes) else bytes.fromhex(source.read_text().strip())
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a key-encryption key has {KEY_BYTES} bytes, not {len(raw)}")
        self._aead = AESGCM(raw)
        self._id = "file:" + hashlib.sha256(b"rapport.kek\x1f" + raw).hexdigest()[:16]

    @property
    def id(self) -> str:
        """`file:` and 16 hex digits of a hash of the key."""
        return self._id

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """A random nonce of 12 bytes, then ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes, *, kek: str) -> bytes:
        """The key again. Raises `KekProblem`."""
        if kek != self._id:
            raise KekProblem(used=self._id, found=kek)
        try:
            return self._aead.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context)
        except InvalidTag:
            raise KekProblem(used=self._id, found=kek) from None
