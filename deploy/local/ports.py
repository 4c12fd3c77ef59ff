"""Ports on 127.0.0.1: a free one, remembered in a file, and who holds a busy one."""

import random
import socket
import sys
from pathlib import Path

import psutil

from deploy.local.errors import LocalServiceError

HOST = "127.0.0.1"
LISTEN = psutil.CONN_LISTEN
CHOICE = range(15_000, 32_000)


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on, and that no other process gets here while this one lives.

    It lies below the ports the system gives to outgoing connections: on one of those, a client that tries
    again and again to reach a stopped server can end up connected to itself, and the port is taken.
    """
    for port in random.sample(CHOICE, k=min(200, len(CHOICE))):
        if _reserve(port) if sys.platform == "linux" else is_free(port):
            return port
    raise LocalServiceError(
        f"None of 200 ports between {CHOICE.start} and {CHOICE.stop} of 127.0.0.1 is free. "
        "Stop some of the servers on this machine, or name a port."
    )


def _reserve(port: int, *, known: bool = False) -> bool:
    """Keep the port from whoever looks for a free one, until this process ends; whether that was possible.

    A socket is bound to it that never listens, and that shares the port from now on. Linux lets servers,
    which share theirs too, listen there all the same; whoever does not share, as this function at first, gets
    an error. So of processes that choose at once no two get the same port. Without this they meet: seconds
    pass between the choice of a port and the moment in which its service listens.

    A port that is `known` may be reserved by others who know it.
    """
    reservation = socket.socket()
    try:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, known)
        reservation.bind((HOST, port))
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
    except OSError:
        reservation.close()
        return False
    reservation.detach()  # stays open
    return True


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: connections in TIME_WAIT of a server just killed don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Who listens on the port: "python (process 12)", or "another program" where the system won't tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.laddr and connection.laddr.port == port and connection.status == LISTEN
            if listens and connection.pid is not None:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return "another program"
    return "another program"


def remembered_port(file: Path, wanted: int | None = None) -> int:
    """The port to listen on: the wanted one, else the one remembered in `file`, else a free one.

    It is kept from whoever looks for a free port, while this process lives.
    It is remembered, so that whoever knows the address finds a restarted service.
    """
    known = file.read_text().strip() if file.exists() else ""
    port = wanted or (int(known) if known.isdigit() else 0)
    if port:
        keep(port)
    else:
        port = free_port()
    file.write_text(f"{port}\n")
    return port


def keep(port: int) -> None:
    """Keep a port that was chosen before from whoever looks for a free one, while this process lives.

    Nothing is done where somebody listens there, which keeps it from them as well.
    """
    if sys.platform == "linux":
        _reserve(port, known=True)


def require_free(port: int, service: str, file: Path) -> None:
    """Raise a sentence when the port is taken."""
    if not is_free(port):
        raise LocalServiceError(
            f"{service} cannot listen on 127.0.0.1:{port}: {holder(port)} listens there already. "
            f"Stop that, or name another port, or delete {file} to have a free one chosen."
        )
