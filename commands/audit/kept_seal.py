"""Seals kept outside the installation: written to a file or sent to a webhook, and read again.

A kept seal is one JSON object, in UTF-8, with keys in this order:

    {"format": "rapport.kept-seal.v1", "public_key": "<64 hex digits>", "hash": "<64 hex digits>",
     "record": "<the seal's record, as text>"}

`record` holds the seal's exact bytes (see `domain.events.seal`), `hash` their SHA-256, `public_key` the raw
Ed25519 key that their signature is checked with. Nothing in it is secret or personal.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.events.seal import Seal, key_id, parse, signed_by
from domain.kernel.errors import Undecodable
from domain.kernel.user_errors import EnvironmentProblem

FORMAT: Final = "rapport.kept-seal.v1"


class KeptSealProblem(EnvironmentProblem):
    """A kept seal can't be read, or not be written there. Its text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSeal:
    """A seal as it is kept elsewhere, with the public key that it is checked by."""

    seal: Seal
    public: Ed25519PublicKey

    @property
    def encoded(self) -> bytes:
        """The bytes of the file or of the webhook's request, with a newline at the end."""
        told = {
            "format": FORMAT,
            "public_key": self.public.public_bytes_raw().hex(),
            "hash": self.seal.hash.hex(),
            "record": self.seal.record.decode(),
        }
        return json.dumps(told, indent=1).encode() + b"\n"

    @property
    def name(self) -> str:
        """A file name that sorts by number."""
        return f"seal-{self.seal.sequence:010d}.json"


def decoded(encoded: bytes, where: str) -> KeptSeal:
    """The kept seal of these bytes; `where` names them in an error.

    Checks that it is in its form and signed by the key that it names, not whose key that is. Raises
    `KeptSealProblem`.
    """
    try:
        told = json.loads(encoded)
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise ValueError(f"it is not of the format {FORMAT}")
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["public_key"]))
        seal = parse(told["record"].encode())
        if told["hash"] != seal.hash.hex():
            raise ValueError("its hash is not that of its record")
        if seal.key != key_id(public) or not signed_by(seal.record, public):
            raise ValueError("its record is not signed by the key that it names")
    except Undecodable as error:
        raise _no_seal(where, str(error).rstrip(".")) from None
    except KeyError as error:
        raise _no_seal(where, f"it lacks {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_seal(where, str(error)) from None
    return KeptSeal(seal=seal, public=public)


def read(file: Path) -> KeptSeal:
    """The kept seal of a file. Raises `KeptSealProblem`."""
    try:
        return decoded(file.read_bytes(), str(file))
    except OSError as error:
        raise KeptSealProblem(
            f"{file} can't be read: {error.strerror}. Name the file that `rapport audit seal` wrote."
        ) from None


def write(kept: KeptSeal, place: Path) -> Path:
    """Writes it to the new file `place`, or into the folder `place` under its own name; where it is now.

    Raises `KeptSealProblem`, as `write_new`.
    """
    return write_new(kept.encoded, place / kept.name if place.is_dir() else place)


def write_new(content: bytes, file: Path) -> Path:
    """Writes evidence to a new file, whole or not at all; the file.

    One that is there with anything else in it is left as it is. Raises `KeptSealProblem`.
    """
    try:
        if file.exists():
            return _the_same(content, file)
        partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            with partial.open("xb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            os.link(partial, file)  # unlike a rename, never replaces the file of another that was faster
        except FileExistsError:
            return _the_same(content, file)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise KeptSealProblem(
            f"{file} can't be written: {error.strerror}. Name a file in a folder that is there and writable."
        ) from None
    return file


def _the_same(content: bytes, file: Path) -> Path:
    if file.read_bytes() == content:
        return file
    raise KeptSealProblem(
        f"{file} is there already and holds something else; it was not replaced. Name a new file, or for a "
        "seal a folder: every seal gets a file of its own there."
    )


def _no_seal(where: str, why: str) -> KeptSealProblem:
    return KeptSealProblem(
        f"{where} is no kept seal: {why}. Name the file that `rapport audit seal` wrote, unchanged."
    )
