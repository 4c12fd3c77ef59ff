"""Requests as metrics for Prometheus: by method, route template and status, never by path or caller."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Histogram

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMetrics:
    """The metrics that this process shows at `/metrics`; others may add collectors to `registry`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._requests = Histogram(
            "rapport_api_request_seconds",
            "Time from a request's arrival to the end of its response.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=BUCKETS,
        )

    def request(self, method: str, route: str | None, status: int | None, seconds: float) -> None:
        """Counts one request; `route` is its template, None if no route fits; `status` is None if the caller
        went away before the response began."""
        self._requests.labels(
            method if method in METHODS else "other",
            route or "none",
            str(status) if status is not None else "aborted",
        ).observe(seconds)
