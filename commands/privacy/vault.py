"""A key-encryption key that stays in a key management service: transit, of HashiCorp Vault or OpenBao.

Chosen because it runs without any cloud, its interface is plain HTTP, and it takes many keys in one request
(https://developer.hashicorp.com/vault/api-docs/secret/transit). The service sees keys, never personal data.
"""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from commands.privacy.kek import KEY_BYTES, KekAway, KeyChanged, OwnedKey

BATCH_KEYS: Final = 1000
"""Keys of one request at most; the service takes 32 MiB."""
TIMEOUT_SECONDS: Final = 10.0


class VaultKek:
    """The transit key `key`, of the type aes256-gcm96, at `url`.

    Args:
        url: address of the service, `https://vault:8200`.
        key: name of the transit key; it must be there, and is never made by its first use.
        token_file: file of the token, read again for each request, since agents renew it. The token needs
            `update` on `<mount>/encrypt/<key>` and `<mount>/decrypt/<key>`, nothing else.
        mount: where the transit engine is mounted.
        ca_file: PEM file of the authority that its certificate is checked by; the system's where unset.
    """

    def __init__(
        self, url: str, key: str, token_file: Path, *, mount: str = "transit", ca_file: Path | None = None
    ) -> None:
        self._key, self._mount = key, mount.strip("/")
        self._token_file = token_file
        # No proxy and no .netrc of the environment: keys go nowhere else.
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
            verify=ssl.create_default_context(cafile=str(ca_file)) if ca_file else True,
        )

    @property
    def id(self) -> str:
        """`vault:<mount>/<key>`; which version of that key it was stands in the wrapped bytes."""
        return f"vault:{self._mount}/{self._key}"

    def wrap(self, keys: Sequence[OwnedKey]) -> list[bytes]:
        """Each the service's text, `vault:v1:...`. Raises `KekAway`."""
        texts = self._asked(
            "encrypt", "plaintext", "ciphertext", [(_text(one.key), one.owner) for one in keys]
        )
        return [text.encode() for text in texts]

    def unwrap(self, wrapped: Sequence[OwnedKey]) -> list[bytes]:
        """The keys again. Raises `KekAway`, `KeyChanged`."""
        try:
            asked = [(one.key.decode("ascii"), one.owner) for one in wrapped]
        except UnicodeDecodeError:
            raise KeyChanged(self.id) from None
        keys = [b64decode(text) for text in self._asked("decrypt", "ciphertext", "plaintext", asked)]
        if any(len(key) != KEY_BYTES for key in keys):
            raise KeyChanged(self.id)
        return keys

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _asked(self, verb: str, given: str, wanted: str, items: Sequence[tuple[str, bytes]]) -> list[str]:
        found: list[str] = []
        for first in range(0, len(items), BATCH_KEYS):
            batch = [
                {given: value, "associated_data": _text(owner)}
                for value, owner in items[first : first + BATCH_KEYS]
            ]
            found += self._batch(verb, wanted, batch)
        return found

    def _batch(self, verb: str, wanted: str, batch: Sequence[Mapping[str, str]]) -> list[str]:
        status, body = self._sent(verb, batch)
        results = (body.get("data") or {}).get("batch_results")
        if not isinstance(results, list) or len(results) != len(batch):
            errors = "; ".join(map(str, body.get("errors") or ()))
            raise KekAway(
                f"The key management service refuses to {verb} with {self.id} (status {status}"
                f"{': ' + errors if errors else ''}). Check RAPPORT_VAULT_URL, the token and its policy."
            )
        texts = [
            each.get(wanted) if isinstance(each, dict) and not each.get("error") else None for each in results
        ]
        found = [text for text in texts if isinstance(text, str)]
        if len(found) == len(batch):
            return found
        if verb == "decrypt":
            raise KeyChanged(self.id)
        raise KekAway(f"The key management service does not {verb} with {self.id}. Look into its log.")

    def _sent(self, verb: str, batch: Sequence[Mapping[str, str]]) -> tuple[int, Mapping[str, Any]]:
        try:
            token = self._token_file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise KekAway(
                f"The token file {self._token_file} can't be read. Put it where RAPPORT_VAULT_TOKEN_FILE "
                "says, readable for the user who runs Rapport."
            ) from None
        try:
            answer = self._http.post(
                f"/v1/{self._mount}/{verb}/{self._key}",
                json={"batch_input": batch},
                headers={"X-Vault-Token": token},
            )
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            # The cause is named, not quoted: what was sent or answered may hold keys.
            raise KekAway(
                f"The key management service at {self._http.base_url} does not answer "
                f"({type(error).__name__}). Start it, or correct RAPPORT_VAULT_URL."
            ) from None
        return answer.status_code, body if isinstance(body, dict) else {}


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
