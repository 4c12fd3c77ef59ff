"""Builds what processes count and show to Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from api.http.request_metrics import RequestMetrics
    from consumers.worker.worker import Worker
    from deploy.wiring.wiring import Wiring
    from projections.control.status import Status
    from projections.runtime.projection import Projection


def request_metrics(wired: Wiring) -> RequestMetrics:
    """What the API shows at `/metrics`: itself, the read models and the relay."""
    from api.http.request_metrics import RequestMetrics
    from deploy.health.projection_health import projection_health
    from deploy.metrics.read_models import ReadModels
    from deploy.metrics.relay import RelayFigures

    wired.registry.register(ReadModels(lambda: projection_health(wired.settings).rows))
    wired.registry.register(RelayFigures(lambda: wired.settings.need("store_url")))
    return RequestMetrics(wired.registry)


def metrics(wired: Wiring, port: int | None, *figures: Collector) -> AbstractContextManager[None]:
    """Serves this process's `figures` inside the `with` block, on that port or the settings' port; without
    either it serves nothing."""
    from deploy.metrics.serving import serving

    registry = CollectorRegistry()
    for collector in (*figures, ProcessCollector(registry=None)):
        registry.register(collector)
    return serving(wired.settings.metrics_host, port or wired.settings.metrics_port, registry)


def relay_figures(wired: Wiring) -> Collector:
    """The status of the relay, as metrics."""
    from deploy.metrics.relay import RelayFigures

    return RelayFigures(lambda: wired.settings.need("relay_url"))


def worker_figures(wired: Wiring, projection: Projection, worker: Worker) -> Sequence[Collector]:
    """The work of that worker and the status of its read model, as metrics."""
    from deploy.health.projection_health import projection_health
    from deploy.metrics.read_models import ReadModels
    from deploy.metrics.worker import WorkerFigures

    def own() -> Sequence[Status]:
        mine = (projection.name, projection.version)
        return [
            row for row in projection_health(wired.settings).rows if (row.projection, row.version) == mine
        ]

    return WorkerFigures(projection, worker.meter), ReadModels(own)
