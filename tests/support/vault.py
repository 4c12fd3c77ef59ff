"""A stand-in for the transit engine of HashiCorp Vault, over real HTTP, as its documentation describes it.

It is no Vault: it shows that we speak that interface as documented, and nothing about Vault itself.
"""

from __future__ import annotations

import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "s.token"


class FakeVault(ThreadingHTTPServer):
    """Has the keys `rapport` and `other` under `transit`; `asked` lists verb and size of each batch.

    With `leaves_out`, it forgets the associated data, as old versions did.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys = {name: AESGCM(os.urandom(32)) for name in ("rapport", "other")}
        self.asked: list[tuple[str, int]] = []
        self.leaves_out = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeVault

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        version, mount, verb, name = self.path.strip("/").split("/")
        if self.headers.get("X-Vault-Token") != TOKEN:
            return self._answer(403, {"errors": ["permission denied"]})
        key = self.server.keys.get(name)
        if (version, mount) != ("v1", "transit") or key is None:
            return self._answer(400, {"errors": ["encryption key not found"]})
        batch = body["batch_input"]
        self.server.asked.append((verb, len(batch)))
        results = [self._one(verb, key, item) for item in batch]
        failed = any("error" in result for result in results)
        return self._answer(400 if failed else 200, {"data": {"batch_results": results}})

    def _one(self, verb: str, key: AESGCM, item: dict[str, str]) -> dict[str, Any]:
        data = b"" if self.server.leaves_out else b64decode(item["associated_data"])
        if verb == "encrypt":
            nonce = os.urandom(12)
            raw = nonce + key.encrypt(nonce, b64decode(item["plaintext"]), data)
            return {"ciphertext": "vault:v1:" + b64encode(raw).decode(), "key_version": 1}
        try:
            raw = b64decode(item["ciphertext"].removeprefix("vault:v1:"))
            return {"plaintext": b64encode(key.decrypt(raw[:12], raw[12:], data)).decode()}
        except (InvalidTag, ValueError):
            return {"error": "cipher: message authentication failed"}

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `asked`."""


@contextmanager
def fake_vault() -> Iterator[FakeVault]:
    """It runs for the length of the block."""
    server = FakeVault()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
