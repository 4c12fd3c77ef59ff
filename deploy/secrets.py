"""The key files: made once, mode 0600, never in a database.

- `kek`: wraps the personal keys. Lost: every personal value is lost. `kek-<16 hex digits>`: others of its
  kind, see `key_encryption_keys.py`.
- `seal-key`: Ed25519 seed of the seals' signature; `seal-public`: its public half, all a worker needs.
- `id-key`: derives the ids of interactions. Never rotated.
- `token-key`: closes page tokens.
- `idempotency-key`: hashes idempotency keys and requests.

Each holds 32 bytes as 64 hex digits.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.kernel.user_errors import EnvironmentProblem

KEK: Final = "kek"
RANDOM: Final = (KEK, "seal-key", "id-key", "token-key", "idempotency-key")
PUBLIC: Final = "seal-public"


class SecretsProblem(EnvironmentProblem):
    """A key file is missing, unreadable or malformed. The text says which, and what to do."""


class Secrets:
    """The key files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure(self) -> list[str]:
        """Makes the files that are missing; the names of those made. Existing ones are never touched."""
        made = [name for name in RANDOM if self.keep(name, lambda: secrets.token_hex(32))[1]]
        public = Ed25519PrivateKey.from_private_bytes(self.read("seal-key")).public_key()
        if self.keep(PUBLIC, lambda: public.public_bytes_raw().hex())[1]:
            made.append(PUBLIC)
        return made

    def keep(self, name: str, make: Callable[[], str]) -> tuple[str, bool]:
        """The text of the file `name`, and whether this call made it. Of many calls at once, one makes it."""
        file = self.folder / name
        if not file.exists():
            partial = self._written(name, make())
            try:
                os.link(partial, file)  # unlike a rename, never replaces the file of another that was faster
                return file.read_text().strip(), True
            except FileExistsError:
                return self.text(name), False
            finally:
                partial.unlink()
        return self.text(name), False

    def replace(self, name: str, text: str) -> None:
        """Makes the file `name` hold `text`, from one moment to the next."""
        self._written(name, text).replace(self.folder / name)

    def _written(self, name: str, text: str) -> Path:
        """A file beside `name`, on the disk."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self.folder / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as written:
            written.write(text + "\n")
            written.flush()
            os.fsync(written.fileno())
        return partial

    def keks(self) -> list[str]:
        """The names of the files that hold key-encryption keys, `kek` first."""
        names = sorted(file.name for file in self.folder.glob(f"{KEK}-*"))
        return [KEK, *names] if (self.folder / KEK).exists() else names

    def text(self, name: str) -> str:
        """The text of a file, stripped. Raises `SecretsProblem`."""
        try:
            return (self.folder / name).read_text().strip()
        except FileNotFoundError:
            raise SecretsProblem(
                f"The key file {self.folder / name} is missing. `rapport migrate` makes the files of a new "
                "installation; for one with data, put the file back from its backup."
            ) from None
        except (PermissionError, UnicodeDecodeError) as error:
            raise SecretsProblem(
                f"The key file {self.folder / name} can't be read: {error}. It must be readable for the user "
                "who runs Rapport, mode 0600."
            ) from None

    def read(self, name: str) -> bytes:
        """The 32 bytes of a key file. Raises `SecretsProblem`."""
        text = self.text(name)
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise SecretsProblem(
                f"The key file {self.folder / name} doesn't hold 64 hex digits. Put it back from its backup."
            )
        return key

    def seal_key(self) -> Ed25519PrivateKey:
        """The key that signs seals (relay only)."""
        return Ed25519PrivateKey.from_private_bytes(self.read("seal-key"))

    def seal_public(self) -> Ed25519PublicKey:
        """The key that checks seals."""
        return Ed25519PublicKey.from_public_bytes(self.read(PUBLIC))

    def problems(self) -> list[str]:
        """A sentence for each file that is missing, malformed or open to others; empty when all is well."""
        found = []
        if self.folder.exists() and stat.S_IMODE(self.folder.stat().st_mode) & 0o077:
            found.append(
                f"The folder {self.folder} is open to other users. Close it: chmod 700 {self.folder}"
            )
        if not any((self.folder / name).exists() for name in RANDOM):
            found.append(
                f"There are no key files in {self.folder}. `rapport migrate` makes those of a new "
                "installation; for one with data, put them back from their backup."
            )
            return found
        for name in (*RANDOM, PUBLIC, *(name for name in self.keks() if name != KEK)):
            try:
                self.read(name)
            except SecretsProblem as problem:
                found.append(str(problem))
                continue
            mode = stat.S_IMODE((self.folder / name).stat().st_mode)
            if mode & 0o077:
                found.append(
                    f"The key file {self.folder / name} is open to other users (mode {mode:04o}). "
                    f"Close it: chmod 600 {self.folder / name}"
                )
        return found
