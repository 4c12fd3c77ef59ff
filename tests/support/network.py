"""A network between a client and its server that a test can take away, in the ways networks fail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

HOST = "127.0.0.1"
AT_ONCE = 1 << 16


class Network:
    """Passes connections on to one port of this machine; clients connect to `port` instead.

    `cut`: connections break and new ones end at once. `hold`: nothing passes and nothing is lost.
    `lose_answers`: the server hears, and what it says is lost. `heal` ends all of these; connections that
    lost something break.
    """

    def __init__(self, server_port: int) -> None:
        self._server = (HOST, server_port)
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._passing = threading.Event()
        self._passing.set()
        self._reachable = self._answering = True
        self._run(self._accept)

    def cut(self) -> None:
        """Breaks every connection; a new one ends as soon as it begins."""
        self._reachable = False
        self._break_all()

    def hold(self) -> None:
        """Nothing passes any more, in either direction, without any error."""
        self._passing.clear()

    def lose_answers(self) -> None:
        """Whatever the server says from now on is lost; it goes on hearing its clients."""
        self._answering = False

    def heal(self) -> None:
        """Everything passes again."""
        lost = not self._answering
        self._reachable = self._answering = True
        self._passing.set()
        if lost:
            self._break_all()

    def close(self) -> None:
        """Ends all connections and returns when no thread of it is left."""
        self._reachable = False
        with suppress(OSError):  # wakes the thread that waits for the next client
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._passing.set()
        self._break_all()
        for thread in self._threads:
            thread.join(10)

    def _run(self, target: Callable[..., None], *values: Any) -> threading.Thread:
        thread = threading.Thread(target=target, args=values, daemon=True)
        with self._lock:
            self._threads = [known for known in self._threads if known.is_alive()] + [thread]
            thread.start()
        return thread

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._run(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self._passing.wait()
            with socket.create_connection(self._server, timeout=5) as server:
                server.settimeout(None)
                with self._lock:
                    if not self._reachable:
                        return
                    self._open |= {client, server}
                try:
                    back = self._run(self._forward, server, client, True)
                    self._forward(client, server, False)
                    back.join()
                finally:
                    with self._lock:
                        self._open -= {client, server}

    def _forward(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while data := source.recv(AT_ONCE):
                self._passing.wait()
                if self._answering or not answers:
                    target.sendall(data)
        _break(source, target)

    def _break_all(self) -> None:
        with self._lock:
            _break(*self._open)


def _break(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):  # it may have ended by itself
            each.shutdown(socket.SHUT_RDWR)
