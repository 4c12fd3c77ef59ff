"""What the metrics show of read models and of a worker, and what they hide of requests."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from api.http.request_metrics import RequestMetrics
from consumers.worker.writer import Meter
from deploy.local.ports import free_port
from deploy.metrics.read_models import STATES, ReadModels
from deploy.metrics.serving import MetricsPortProblem, serving
from deploy.metrics.store import Appends
from deploy.metrics.worker import WorkerFigures
from projections.pipeline.v1.projection import PIPELINE_V1
from tests.unit.operations.test_findings import LIVE

PIPELINE = {"projection": "pipeline", "version": "1"}


def value(collector: Collector | CollectorRegistry, name: str, **labels: str) -> float | None:
    """The sample of that name and these labels; None if it is missing."""
    if isinstance(collector, CollectorRegistry):
        return collector.get_sample_value(name, labels)
    registry = CollectorRegistry()
    registry.register(collector)
    return registry.get_sample_value(name, labels)


def test_a_read_model_shows_lag_rate_heartbeat_parked_and_state() -> None:
    behind = replace(
        LIVE, state="catching_up", position=60, lag_events=30, lag_seconds=12.5, lag_trend=-3.0,
        time_left=10.0, rate=4.0, parked=2,
    )  # fmt: skip
    shown = ReadModels(lambda: [behind])
    for name, expected in {
        "position": 60.0, "lag_events": 30.0, "lag_seconds": 12.5, "lag_trend_events_per_second": -3.0,
        "time_left_seconds": 10.0, "events_per_second": 4.0, "parked_events": 2.0, "workers": 1.0,
        "heartbeat_age_seconds": 0.5, "rows": 7.0, "active": 1.0, "received_events_total": 90.0,
    }.items():  # fmt: skip
        assert value(shown, f"rapport_projection_{name}", **PIPELINE) == expected, name
    assert value(shown, "rapport_store_head_position") == 90.0
    states = {state: value(shown, "rapport_projection_state", **PIPELINE, state=state) for state in STATES}
    assert {state for state, on in states.items() if on} == {"catching_up"}
    assert None not in states.values(), "a state that ended must go back to 0"


def test_what_is_not_known_has_no_sample_and_is_not_0() -> None:
    away = replace(LIVE, head=None, lag_events=None, lag_seconds=None, heartbeat_age=None)
    shown = ReadModels(lambda: [away])
    assert value(shown, "rapport_projection_lag_events", **PIPELINE) is None
    assert value(shown, "rapport_projection_heartbeat_age_seconds", **PIPELINE) is None
    assert value(shown, "rapport_store_head_position") is None
    assert value(ReadModels(list), "rapport_projection_position", **PIPELINE) is None


def test_a_state_that_nobody_foresaw_is_bounded() -> None:
    shown = ReadModels(lambda: [replace(LIVE, state="something new")])
    assert value(shown, "rapport_projection_state", **PIPELINE, state="other") == 1.0


def test_a_worker_shows_what_it_applied() -> None:
    meter = Meter()
    figures = WorkerFigures(PIPELINE_V1, meter)
    assert value(figures, "rapport_worker_commit_age_seconds", **PIPELINE) is None
    meter.add(40)
    meter.add(2)
    assert value(figures, "rapport_worker_database_away", **PIPELINE) == 0.0
    meter.away = True
    assert value(figures, "rapport_worker_database_away", **PIPELINE) == 1.0
    assert value(figures, "rapport_worker_events_total", **PIPELINE) == 42.0
    assert value(figures, "rapport_worker_commits_total", **PIPELINE) == 2.0
    assert value(figures, "rapport_worker_commit_age_seconds", **PIPELINE) is not None


@pytest.mark.parametrize(
    ("sent", "labels"),
    [
        (("GET", "/v1/x/{id}", 200), {"method": "GET", "route": "/v1/x/{id}", "status": "200"}),
        (("GET", None, 404), {"method": "GET", "route": "none", "status": "404"}),
        (("BREW", None, None), {"method": "other", "route": "none", "status": "aborted"}),
    ],
    ids=["a route", "no route", "a made-up method, given up"],
)
def test_requests_are_counted_under_bounded_labels(sent: Any, labels: Mapping[str, str]) -> None:
    measuring = RequestMetrics()
    method, route, status = sent
    measuring.request(method, route, status, 0.2)
    assert value(measuring.registry, "rapport_api_request_seconds_count", **labels) == 1.0
    assert value(measuring.registry, "rapport_api_request_seconds_bucket", **labels, le="0.1") == 0.0
    assert value(measuring.registry, "rapport_api_request_seconds_bucket", **labels, le="0.25") == 1.0


def test_appends_that_fail_are_told_from_those_that_are_done() -> None:
    registry = CollectorRegistry()
    appends = Appends(registry)
    with appends.measured("single", 3):
        pass
    with pytest.raises(ValueError), appends.measured("bulk", 5):
        raise ValueError
    assert value(registry, "rapport_store_appended_events_total") == 3.0
    name = "rapport_store_append_seconds_count"
    assert value(registry, name, how="single", outcome="done") == 1.0
    assert value(registry, name, how="bulk", outcome="failed") == 1.0


def test_a_port_of_its_own_answers_while_the_process_works() -> None:
    registry, port = CollectorRegistry(), free_port()
    registry.register(ReadModels(lambda: [LIVE]))
    with serving("127.0.0.1", port, registry):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'rapport_projection_lag_events{projection="pipeline",version="1"} 0.0' in text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_without_a_port_nothing_listens_and_a_taken_one_is_named() -> None:
    with serving("127.0.0.1", None, CollectorRegistry()):
        pass
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(MetricsPortProblem, match=f"can't be served on 127.0.0.1:{port}.*--metrics-port"),
            serving("127.0.0.1", port, CollectorRegistry()),
        ):
            pass
