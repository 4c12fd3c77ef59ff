"""The status of the read models, queried at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from projections.control.status import Status

LABELS: Final = ("projection", "version")
STATES: Final = (
    "live", "catching_up", "never_started", "no_worker", "waiting_for_broker", "waiting_for_keys",
    "seal_mismatch", "retrying", "paused", "candidate", "filling", "ready", "verifying", "verified",
    "failed", "aborted",
)  # fmt: skip
"""Every state has a series, so that the one that ended does not linger; any other state is `other`."""

GAUGES: Final[Sequence[tuple[str, str, Callable[[Status], float | None]]]] = (
    ("active", "1 where answers and views come from this version.", lambda s: float(s.active)),
    ("position", "The position up to which every event is applied.", lambda s: s.position),
    ("lag_events", "Positions behind the store's newest.", lambda s: s.lag_events),
    ("lag_seconds", "Age of the oldest event that is not applied.", lambda s: s.lag_seconds),
    (
        "lag_trend_events_per_second",
        "By how much the lag grows, against about a minute ago; below 0 it shrinks.",
        lambda s: s.lag_trend,
    ),
    ("time_left_seconds", "Until it has caught up at this pace.", lambda s: s.time_left),
    ("events_per_second", "Events that its workers apply.", lambda s: s.rate),
    ("rows", "Rows of its tables, as the database estimates them.", lambda s: s.rows),
    ("workers", "Workers that were heard of in the last 15 seconds.", lambda s: s.workers),
    ("heartbeat_age_seconds", "Since a worker was heard of.", lambda s: s.heartbeat_age),
    ("parked_events", "Events that could not be applied and wait for an operator.", lambda s: s.parked),
)
"""Name behind `rapport_projection_`, help, and value; where a value is not known there is no sample."""


class ReadModels(Collector):
    """The status table as metrics; `look` returns its rows, none where the read side is away."""

    def __init__(self, look: Callable[[], Sequence[Status]]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Empty: a description must not query the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """One sample per version and metric."""
        rows = self._look()
        for name, help, value in GAUGES:
            gauge = GaugeMetricFamily(f"rapport_projection_{name}", help, labels=LABELS)
            for row in rows:
                found = value(row)
                if found is not None:
                    gauge.add_metric(_labels(row), float(found))
            yield gauge
        state = GaugeMetricFamily(
            "rapport_projection_state", "1 for the state that it is in.", labels=(*LABELS, "state")
        )
        received = CounterMetricFamily(
            "rapport_projection_received_events", "Events taken in, parked ones included.", labels=LABELS
        )
        for row in rows:
            now = row.state if row.state in STATES else "other"
            for each in (*STATES, "other"):
                state.add_metric((*_labels(row), each), float(each == now))
            received.add_metric(_labels(row), row.received)
        yield state
        yield received
        heads = {row.head for row in rows if row.head is not None}
        if heads:
            yield GaugeMetricFamily(
                "rapport_store_head_position", "The store's newest position.", value=max(heads)
            )


def _labels(row: Status) -> tuple[str, str]:
    return row.projection, str(row.version)
