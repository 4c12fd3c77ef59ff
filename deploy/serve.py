"""The HTTP server process: its socket, and how it drains."""

from __future__ import annotations

import errno
import socket
import threading
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from deploy.local.ports import holder
from domain.kernel.user_errors import EnvironmentProblem

if TYPE_CHECKING:
    from fastapi import FastAPI


class PortProblem(EnvironmentProblem):
    """The API's address can't be listened on. The text names address, cause and setting."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for the API. Raises `PortProblem`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    # A restart must not wait for connections of the former process that linger in TIME_WAIT.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        cause = f"{holder(port)} listens there already" if error.errno == errno.EADDRINUSE else error.strerror
        raise PortProblem(
            f"The HTTP API can't listen on {host}:{port}: {cause}. "
            "Stop that, or choose another address with RAPPORT_API_PORT and RAPPORT_API_HOST."
        ) from None
    return sock


class DrainingServer(uvicorn.Server):
    """Says "not ready" for a while before it stops taking requests, so that a balancer sends no more."""

    def __init__(self, config: uvicorn.Config, draining: threading.Event, seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._seconds = seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins to drain; the next one, or the end of the time, stops."""
        first = not self._draining.is_set()
        self._draining.set()
        if first and self._seconds:
            timer = threading.Timer(self._seconds, super().handle_exit, (sig, frame))
            timer.daemon = True
            timer.start()
        else:
            super().handle_exit(sig, frame)


def configured(app: FastAPI) -> uvicorn.Config:
    """How the server treats connections, whatever address it listens on."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        # Else any client on this machine could choose its address in X-Forwarded-For, and with it whom the
        # bound on refused requests counts against.
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=30,
        lifespan="on",
    )


def serve(app: FastAPI, sock: socket.socket, draining: threading.Event, seconds: float) -> None:
    """Serves `app` on the socket until SIGTERM or SIGINT, then lets requests under way end (10 s)."""
    DrainingServer(configured(app), draining, seconds).run(sockets=[sock])
