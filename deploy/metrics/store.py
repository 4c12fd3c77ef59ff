"""Appends to the event store, measured in the process that makes them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eventsourcing.persistence import StoredEvent
from prometheus_client import CollectorRegistry, Counter, Histogram

from commands.store.pool import Pool
from commands.store.recorder import PostgresApplicationRecorder


class Appends:
    """Counts appends and the events in them; `registry` shows them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "rapport_store_append_seconds",
            "Time that an append to the event store took; failed: a conflict, or a store that is away.",
            ("how", "outcome"),
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
        )
        self._events = Counter(
            "rapport_store_appended_events", "Events that this process has appended.", registry=registry
        )

    @contextmanager
    def measured(self, how: str, events: int) -> Iterator[None]:
        """Around one append, `how`: single or bulk."""
        started, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "done"
            self._events.inc(events)
        finally:
            self._seconds.labels(how, outcome).observe(time.perf_counter() - started)


class MeasuredRecorder(PostgresApplicationRecorder):
    """The recorder, with its appends measured."""

    def __init__(self, pool: Pool, appends: Appends) -> None:
        super().__init__(pool)
        self._appends = appends

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """As the recorder does."""
        with self._appends.measured("single", len(stored_events)):
            return super().insert_events(stored_events, **kwargs)

    def insert_bulk(self, stored: Sequence[StoredEvent], *args: Any, **kwargs: Any) -> list[int]:
        """As the recorder does."""
        with self._appends.measured("bulk", len(stored)):
            return super().insert_bulk(stored, *args, **kwargs)
