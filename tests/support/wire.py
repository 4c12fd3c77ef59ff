"""A proxy that counts what a client sends: to see how many round trips something takes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


class Wire:
    """Forwards one connection; `sent` counts the bundles of messages that came from the client."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        self.url = urlunsplit(parts._replace(netloc=netloc, query="sslmode=disable&gssencmode=disable"))
        self.sent = 0

    def serve(self) -> None:
        """Forwards until the client goes."""
        client, _ = self._listener.accept()
        server = socket.create_connection(self._server)
        back = threading.Thread(target=self._forward, args=(server, client, False))
        back.start()
        self._forward(client, server, True)
        back.join()
        client.close()
        server.close()

    def close(self) -> None:
        """Stops listening."""
        self._listener.close()

    def _forward(self, source: socket.socket, target: socket.socket, count: bool) -> None:
        while data := source.recv(1 << 20):
            self.sent += count
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def counted(url: str) -> Iterator[Wire]:
    """A wire to the database at `url`, for one connection."""
    wire = Wire(url)
    serving = threading.Thread(target=wire.serve)
    serving.start()
    try:
        yield wire
    finally:
        serving.join(10)
        wire.close()
