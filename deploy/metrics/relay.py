"""The status of the relay, queried from the store at each scrape; Kafka is not involved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Final

import psycopg2
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from commands.store.pool import connect
from consumers.relay.status import reported

STATES: Final = (
    "leading",
    "waiting_for_broker",
    "recovery_needed",
    "republishing",
    "stopped",
    "silent",
    "none",
)
"""Every state has a series; any other state is `other`."""

GAUGES: Final = (
    ("head_position", "The store's newest position.", "head"),
    ("sealed_position", "The last position that is sealed.", "sealed"),
    ("published_position", "The last position that the leader has published.", "published"),
    ("lag_events", "Events that are not published yet.", "lag_events"),
    ("lag_seconds", "Age of the oldest event that is not published.", "lag_seconds"),
    ("events_per_second", "Events that the leader publishes.", "rate"),
    ("heartbeat_age_seconds", "Since the leader was heard of.", "heartbeat_age"),
)


class RelayFigures(Collector):
    """The relay's report, seals and head in the store at `url` (of a role that may read them)."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url

    def describe(self) -> Iterable[Metric]:
        """Empty: a description must not query the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Nothing but `rapport_store_up 0` while the store is away."""
        found: Any = None
        try:
            with closing(connect(self._url(), connect_timeout=4)) as connection, connection.cursor() as c:
                c.execute("SET statement_timeout = '4s'")
                found = reported(c)
        except psycopg2.Error:
            found = None
        yield GaugeMetricFamily(
            "rapport_store_up", "1 where the store answers.", value=float(found is not None)
        )
        if found is None:
            return
        for name, help, attribute in GAUGES:
            value = getattr(found, attribute)
            if value is not None:
                yield GaugeMetricFamily(f"rapport_relay_{name}", help, value=float(value))
        state = GaugeMetricFamily("rapport_relay_state", "1 for the state that it is in.", labels=("state",))
        now = found.state if found.state in STATES else "other"
        for each in (*STATES, "other"):
            state.add_metric((each,), float(each == now))
        yield state
        yield GaugeMetricFamily(
            "rapport_relay_leader", "1 where a relay leads.", value=float(found.state == "leading")
        )
