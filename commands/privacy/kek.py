"""Key-encryption keys: they wrap the keys in the database and never touch one themselves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.kernel.user_errors import EnvironmentProblem

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class KekProblem(EnvironmentProblem):
    """A key does not wrap or unwrap. The text says what to do."""


class KekUnknown(KekProblem):
    """A key was wrapped with a key-encryption key that this program has not been given."""

    def __init__(self, found: str, known: Iterable[str]) -> None:
        super().__init__(
            f"A key was wrapped with the key-encryption key {found}, and this program has "
            f"{', '.join(known) or 'none'}. Put the key file `kek` back that belongs to this database, or "
            "set RAPPORT_KEK or RAPPORT_VAULT_URL as it was."
        )


class KeyChanged(KekProblem):
    """A wrapped key is not what was written, or stands in another's row."""

    def __init__(self, kek: str) -> None:
        super().__init__(
            f"A wrapped key was changed in the database: it does not open with {kek}. Restore it."
        )


class KekAway(KekProblem):
    """The service that has the key-encryption key does not answer, or refuses."""


class OwnedKey(NamedTuple):
    """A key, clear or wrapped, and whose it is: it opens for the same owner alone."""

    key: bytes
    owner: bytes


class KeyEncryptionKey(Protocol):
    """Wraps and unwraps keys of 32 bytes, many at a time: one request to a service for a whole batch."""

    @property
    def id(self) -> str:
        """A name that tells this key from others for ever and says nothing about it."""
        ...

    def wrap(self, keys: Sequence[OwnedKey]) -> list[bytes]:
        """The keys encrypted, in their order. Raises `KekProblem`."""
        ...

    def unwrap(self, wrapped: Sequence[OwnedKey]) -> list[bytes]:
        """The keys again, in their order. Raises `KekProblem`."""
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
        """`file:` and 16 hex digits of a hash of the key, wherever it comes from: moved from a file into the
        environment it is the same key."""
        return self._id

    def wrap(self, keys: Sequence[OwnedKey]) -> list[bytes]:
        """Each a random nonce of 12 bytes, then ciphertext and tag."""
        nonces = [os.urandom(_NONCE_BYTES) for _ in keys]
        return [
            nonce + self._aead.encrypt(nonce, one.key, one.owner)
            for nonce, one in zip(nonces, keys, strict=True)
        ]

    def unwrap(self, wrapped: Sequence[OwnedKey]) -> list[bytes]:
        """The keys again. Raises `KeyChanged`."""
        try:
            return [
                self._aead.decrypt(one.key[:_NONCE_BYTES], one.key[_NONCE_BYTES:], one.owner)
                for one in wrapped
            ]
        except (InvalidTag, ValueError):
            raise KeyChanged(self._id) from None


def tried(kek: KeyEncryptionKey) -> None:
    """Raises `KekProblem` unless `kek` gives back what it wrapped, to the same owner alone."""
    key, owner = os.urandom(KEY_BYTES), b"trial|1"
    (wrapped,) = kek.wrap([OwnedKey(key, owner)])
    if kek.unwrap([OwnedKey(wrapped, owner)]) != [key] or key in wrapped:
        raise KekProblem(f"The key-encryption key {kek.id} does not give back what it wrapped. Use another.")
    try:
        kek.unwrap([OwnedKey(wrapped, b"trial|2")])
    except KeyChanged:
        return
    raise KekProblem(
        f"The key-encryption key {kek.id} opens a key for another than its owner: the service leaves out the "
        "associated data. Use a newer one, and a key of the type aes256-gcm96."
    )
