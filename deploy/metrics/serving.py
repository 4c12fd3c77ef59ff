"""A process's own metrics on a port of their own, for the processes that serve nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from deploy.local.ports import holder
from domain.kernel.user_errors import EnvironmentProblem


class MetricsPortProblem(EnvironmentProblem):
    """The port for metrics can't be listened on. The text names address, cause and setting."""


@contextmanager
def serving(host: str, port: int | None, registry: CollectorRegistry) -> Iterator[None]:
    """Serves `http://host:port/metrics` inside the `with` block; without a port nothing. Raises
    `MetricsPortProblem`."""
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise MetricsPortProblem(
            f"The metrics can't be served on {host}:{port}: {holder(port) or error.strerror} is there. "
            "Choose another port with --metrics-port, or leave it out."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
