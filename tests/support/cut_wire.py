"""A proxy to PostgreSQL that cuts the connection at a commit, as a network does at the worst moment."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

Cut = Literal["before", "after", "late"]
"""The commit is lost; it is done and its answer lost; it is done a second after the client was cut off."""

COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
LATE_SECONDS: Final = 1.0


class CutWire:
    """Forwards connections, each in threads of its own; `cuts` are used up one by one, commit by commit."""

    def __init__(self, url: str, *cuts: Cut, then: Callable[[], object] = lambda: None) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=netloc, query="sslmode=disable&gssencmode=disable"))
        self._cuts = list(cuts)
        self._then = then
        self._may_hear = threading.Event()
        self._may_hear.set()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def left(self) -> int:
        """Cuts that are still to come."""
        return len(self._cuts)

    def accept(self) -> None:
        """Takes connections until `close`."""
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += (client, server)
                for target, given in ((self._forward, (client, server)), (self._back, (server, client))):
                    thread = threading.Thread(target=target, args=given)
                    thread.start()
                    self._threads.append(thread)

    def close(self) -> None:
        """Stops listening; the connections end when their clients close them."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)
        for each in self._sockets:
            each.close()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 20):
                if data == COMMIT and self._cuts:
                    self._cut(self._cuts.pop(0), client, server)
                    return
                server.sendall(data)
        _end(server)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                client.sendall(data)
        self._may_hear.wait(30)
        _end(client)

    def _cut(self, cut: Cut, client: socket.socket, server: socket.socket) -> None:
        if cut == "before":
            # The server's end, which the other thread sees at once, is not the client's to hear of yet.
            self._may_hear.clear()
            _end(server)
            try:
                self._then()
            finally:
                self._may_hear.set()
            _end(client)
            return
        _end(client)
        if cut == "late":
            time.sleep(LATE_SECONDS)
        server.sendall(COMMIT)
        time.sleep(0.2)  # the server is done with it before it sees that nobody listens
        _end(server)


def _end(opened: socket.socket) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_wire(url: str, *cuts: Cut, then: Callable[[], object] = lambda: None) -> Iterator[CutWire]:
    """A wire to the database at `url` that cuts the first commits in these ways; `then` runs when a commit
    was lost, before the client hears. The clients' pools have to be closed before it ends."""
    wire = CutWire(url, *cuts, then=then)
    accepting = threading.Thread(target=wire.accept)
    accepting.start()
    try:
        yield wire
    finally:
        wire.close()
        accepting.join(10)
