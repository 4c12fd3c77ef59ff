"""The key-encryption keys of this installation: in files, in the environment, in a key management service.

Rapport knows all that it finds; the key store says which one wraps new keys (`rapport privacy rotate`).
A key store without any key begins with the service's where one is set, else with the environment's, else with
the file `kek`.

In the secrets folder `kek` is the current one, once a rotation is over; `kek-<16 hex digits>` are former
ones, and one that was made for a rotation to come.
"""

from __future__ import annotations

import secrets as random
from base64 import b64decode
from binascii import Error as Malformed
from collections.abc import Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from commands.privacy.kek import KEY_BYTES, FileKek, KeyEncryptionKey
from commands.privacy.keyring import Keyring
from commands.store.pool import connect
from deploy.secrets import KEK, Secrets
from deploy.settings import Settings, SettingsProblem

_PREFIX: Final = "file:"


def ring(settings: Settings, secrets: Secrets) -> Keyring:
    """The ring of all known keys. Raises `SettingsProblem`, `SecretsProblem`."""
    return Keyring(partial(known, settings, secrets))


def known(settings: Settings, secrets: Secrets) -> list[KeyEncryptionKey]:
    """All keys found now, at least one; a key store without any key begins with the first."""
    found: list[KeyEncryptionKey] = [*of_service(settings), *of_environment(settings)]
    names = secrets.keks()
    if not names and not found:
        secrets.read(KEK)  # says that it is missing, and what to do
    return found + [FileKek(secrets.read(name)) for name in names]


def of_service(settings: Settings) -> list[KeyEncryptionKey]:
    """That of the key management service, where one is set. Raises `SettingsProblem`."""
    if settings.vault_url is None:
        return []
    if settings.vault_token_file is None:
        raise SettingsProblem(
            "RAPPORT_VAULT_URL is set and RAPPORT_VAULT_TOKEN_FILE is not. Name the file of the token."
        )
    from commands.privacy.vault import VaultKek

    return [
        VaultKek(
            settings.vault_url,
            settings.vault_key,
            settings.vault_token_file,
            mount=settings.vault_mount,
            ca_file=settings.vault_ca_file,
        )
    ]


def of_environment(settings: Settings) -> list[KeyEncryptionKey]:
    """Those of RAPPORT_KEK, in their order. Raises `SettingsProblem`."""
    found: list[KeyEncryptionKey] = []
    for text in (settings.kek or "").split(","):
        if not text.strip():
            continue
        try:
            raw = b64decode(text.strip(), validate=True)
        except (Malformed, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise SettingsProblem(
                f"RAPPORT_KEK doesn't hold {KEY_BYTES} bytes as base64 (more than one separated by commas). "
                "Make one with: openssl rand -base64 32"
            )
        found.append(FileKek(raw))
    return found


def current(settings: Settings, secrets: Secrets) -> str | None:
    """The id of the one that wraps new keys; None while the key store has no key. Raises `KekUnknown` where
    this program lacks it, and the driver's errors."""
    with closing(connect(settings.need("keys_url"), connect_timeout=4)) as opened, opened.cursor() as c:
        c.execute("SELECT id FROM keys.kek WHERE current")
        row = c.fetchone()
    return None if row is None else ring(settings, secrets).named(row[0]).id


class KekFiles:
    """The key-encryption keys among the key files, as a rotation makes and moves them."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def ids(self) -> dict[str, str]:
        """Id to name of the file."""
        return {FileKek(self._secrets.read(name)).id: name for name in reversed(self._secrets.keks())}

    def prepared(self, used: Collection[str]) -> FileKek | None:
        """The newest that is not in `used`; None if all are."""
        names = [name for id, name in self.ids().items() if id not in used]
        if not names:
            return None
        newest = max(names, key=lambda name: (self._secrets.folder / name).stat().st_mtime_ns)
        return FileKek(self._secrets.read(newest))

    def make(self) -> tuple[FileKek, Path]:
        """A new one, in a file of its own."""
        raw = random.token_bytes(KEY_BYTES)
        kek = FileKek(raw)
        self._secrets.keep(_name(kek.id), raw.hex)
        return kek, self._secrets.folder / _name(kek.id)

    def promote(self, id: str) -> None:
        """Makes the file `kek` hold that key, and keeps the former one under its own name. Does nothing where
        the key is in no file, or there already. If it is killed, both are there."""
        ids = self.ids()
        if id not in ids or ids[id] == KEK:
            return
        wanted = self._secrets.read(ids[id])
        if KEK in ids.values():
            former = self._secrets.read(KEK)
            self._secrets.keep(_name(FileKek(former).id), former.hex)
        self._secrets.replace(KEK, wanted.hex())


def _name(id: str) -> str:
    return f"{KEK}-{id.removeprefix(_PREFIX)}"
