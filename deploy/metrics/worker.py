"""One worker in its own process."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from consumers.worker.writer import Meter
from projections.runtime.projection import Projection


class WorkerFigures(Collector):
    """What this worker has applied since it started, by its own meter."""

    def __init__(self, projection: Projection, meter: Meter) -> None:
        self._labels = (projection.name, str(projection.version))
        self._meter = meter

    def collect(self) -> Iterable[Metric]:
        """Counts since the start, and the time since the last commit."""
        names = ("projection", "version")
        events = CounterMetricFamily(
            "rapport_worker_events", "Events that this worker applied.", labels=names
        )
        events.add_metric(self._labels, self._meter.events)
        yield events
        commits = CounterMetricFamily("rapport_worker_commits", "Its commits of whole seals.", labels=names)
        commits.add_metric(self._labels, self._meter.commits)
        yield commits
        away = GaugeMetricFamily(
            "rapport_worker_database_away",
            "1 while it waits for the read side's database, which takes no writes.",
            labels=names,
        )
        away.add_metric(self._labels, self._meter.away)
        yield away
        age = self._meter.age()
        if age is not None:
            since = GaugeMetricFamily(
                "rapport_worker_commit_age_seconds", "Since its last commit.", labels=names
            )
            since.add_metric(self._labels, age)
            yield since
