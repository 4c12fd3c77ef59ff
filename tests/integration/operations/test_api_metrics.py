"""`/metrics` of the API: for operators alone, and without a word of who asked for what."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.metrics.relay import RelayFigures
from tests.support.database import PASSWORDS, migrated
from tests.support.http import Api, database, problem, running
from tests.support.relaying import append_events, until
from tests.support.store import execute


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_metrics") as url, running(url) as served:
        yield served


def test_requests_are_shown_by_route_method_and_status(api: Api) -> None:
    id = api.open()["id"]
    api.client.get(f"/v1/opportunities/{id}?nobody=asked")
    api.client.get("/v1/nowhere/ada@example.com")
    wanted = (
        'rapport_api_request_seconds_count{method="POST",route="/v1/opportunities",status="201"} 1.0',
        'method="GET",route="/v1/opportunities/{id}",status="422"} 1.0',
        'rapport_api_request_seconds_count{method="GET",route="none",status="404"} 1.0',
    )
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")

    def text() -> str:
        return str(api.client.get("/metrics").text)

    def contains(line: str) -> bool:
        return line in text()

    # A request is counted after its answer was sent.
    for line in wanted:
        until(partial(contains, line), line)
    assert not any(word in text() for word in (id, "nobody", "ada", "rk_"))


@pytest.mark.parametrize("scope", ["crm:read", "audit:read"])
def test_only_operators_read_it(api: Api, scope: str) -> None:
    problem(api.send("GET", "/metrics", scope), 403, "scope-missing")
    assert api.send("GET", "/metrics", "ops:admin").status_code == 200


def figures(url: str, name: str, **labels: str) -> float | None:
    """One figure of the relay."""
    registry = CollectorRegistry()
    registry.register(RelayFigures(lambda: url))
    return registry.get_sample_value(name, labels)


def test_the_relay_is_shown_as_the_store_knows_it(fresh_database: str) -> None:
    urls = migrated(fresh_database)
    append_events(urls.store, 7)
    assert figures(urls.store, "rapport_store_up") == 1.0
    assert figures(urls.store, "rapport_relay_state", state="none") == 1.0
    assert figures(urls.store, "rapport_relay_head_position") == 7.0
    execute(
        urls.admin,
        "INSERT INTO store.relay (leader, state, position, rate, heartbeat) "
        "VALUES ('a relay', 'leading', 5, 12.5, now())",
    )
    assert figures(urls.store, "rapport_relay_leader") == 1.0
    assert figures(urls.store, "rapport_relay_state", state="none") == 0.0
    assert figures(urls.store, "rapport_relay_published_position") == 5.0
    assert figures(urls.store, "rapport_relay_lag_events") == 2.0
    assert figures(urls.store, "rapport_relay_events_per_second") == 12.5
    lag = figures(urls.store, "rapport_relay_lag_seconds")
    assert lag is not None
    assert lag > 0


def test_a_store_that_is_away_is_said_and_the_rest_is_left_out() -> None:
    url = f"postgresql://rapport_app:{PASSWORDS['rapport_app']}@127.0.0.1:{free_port()}/nothing"
    assert figures(url, "rapport_store_up") == 0.0
    assert figures(url, "rapport_relay_head_position") is None
