"""The certificate of an erasure: canonical JSON, signed, that anybody can check without this installation.

A file holds one line: {"certificate": {...}, "public_key": hex, "signature": hex}. The signature is Ed25519,
by the key of the seals, over `rapport-certificate-v2`, a newline, and the certificate with its members sorted
and without spaces. The format is for ever; frozen examples stand in `tests/unit/frozen/certificate/`.

Version 1 took the topics for what the event store is and did not read them. In version 2 the place `topics`
says what was read there; if they were not read they are under `not_checked`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERSION: Final = 2
"""Of certificates that are issued; earlier ones are still checked."""
PREFIXES: Final = {version: b"rapport-certificate-v%d\n" % version for version in (1, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPlace:
    """A place that was checked: what for, and the result. `clean`: nothing personal."""

    place: str
    checked: str
    found: str
    clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a certificate says; every value is JSON, times are RFC 3339 in UTC."""

    store: str
    erasure: str
    erased_at: str
    issued_at: str
    position: int
    reason: str
    legal_basis: str
    reference: str | None
    parties: Sequence[str]
    keys_destroyed: Sequence[Mapping[str, str]]
    places: Sequence[CheckedPlace]
    closed_texts: Sequence[str]
    texts_kept_with_others: Sequence[str]
    kept: Mapping[str, int]
    not_checked: Sequence[Mapping[str, str | None]]


def encoded(content: Content) -> bytes:
    """The bytes that are signed, but for the prefix."""
    return canonical(asdict(content) | {"version": VERSION})


def canonical(certificate: Mapping[str, Any]) -> bytes:
    """Members sorted, no spaces, UTF-8."""
    return orjson.dumps(certificate, option=orjson.OPT_SORT_KEYS)


def digest(certificate: bytes) -> str:
    """The hex SHA-256 by which the store knows the certificate."""
    return hashlib.sha256(certificate).hexdigest()


def signed(certificate: bytes, key: Ed25519PrivateKey) -> bytes:
    """The file's content."""
    whole = {
        "certificate": orjson.Fragment(certificate),
        "public_key": key.public_key().public_bytes_raw().hex(),
        "signature": key.sign(PREFIXES[VERSION] + certificate).hex(),
    }
    return orjson.dumps(whole, option=orjson.OPT_APPEND_NEWLINE)


class NotACertificate(Exception):
    """The file is not a certificate, or was changed. The text says what is wrong."""


def opened(file: bytes) -> tuple[dict[str, Any], Ed25519PublicKey]:
    """The certificate, and the key that signed it. Whose key that is must be known from elsewhere.

    Raises `NotACertificate` for another file, or if the signature does not fit.
    """
    try:
        whole = orjson.loads(file)
        certificate = whole["certificate"]
        version = certificate["version"]
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(whole["public_key"]))
        signature = bytes.fromhex(whole["signature"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise NotACertificate("The file holds no certificate of an erasure. Name another.") from None
    if version not in PREFIXES:
        known = " and ".join(map(str, PREFIXES))
        raise NotACertificate(f"The certificate has version {version}; this program knows {known}.")
    try:
        public.verify(signature, PREFIXES[version] + canonical(certificate))
    except InvalidSignature:
        raise NotACertificate(
            "The certificate was changed after it was signed: the signature does not fit. Ask for the "
            "original."
        ) from None
    return certificate, public
