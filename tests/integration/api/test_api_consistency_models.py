"""Reading your own writes over several models: a read waits for the lowest of those it uses, and says where
each of them stands."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from deploy.local.postgres import LocalPostgres
from tests.support.http import ALL_PROJECTIONS, Api, database, problem, running

MODELS = {
    "/v1/opportunities": ("pipeline", "identity"),
    "/v1/opportunities/{opportunity}": ("pipeline",),
    "/v1/pipelines/sales/board": ("pipeline",),
    "/v1/cases": ("service_history", "identity"),
    "/v1/customers/{customer}/cases": ("service_history", "identity"),
    "/v1/customers/{customer}/overview": ("customer_360", "identity"),
    "/v1/customers/{customer}/timeline": ("customer_360", "identity"),
    "/v1/customers:search?text=Acme": ("customer_360", "identity"),
    "/v1/service/backlog": ("service_history",),
}
"""Address to the models that its answer is made from, the one that it is about first."""


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_consistency_models") as url, running(url) as served_api:
        yield served_api


def read(api: Api, token: str, path: str, on_timeout: str = "error") -> httpx.Response:
    mark = "&" if "?" in path else "?"
    return api.client.get(
        f"{path}{mark}wait_ms=0&on_timeout={on_timeout}", headers={"Consistency-Token": token}
    )


def test_a_read_waits_for_the_lowest_of_the_models_it_uses(api: Api) -> None:
    """Each of them on its own keeps the answer back; those that it does not use never do."""
    ids = {
        "customer": api.create("customers", kind="organisation", name="Acme"),
        "opportunity": api.open()["id"],
    }
    api.catch_up(projections=ALL_PROJECTIONS)
    token = api.open()["consistency_token"]
    caught_up: set[str] = set()
    for model in (None, "customer_360", "pipeline", "identity", "service_history"):
        if model is not None:
            api.catch_up(projections=[model])
            caught_up.add(model)
        for template, used in MODELS.items():
            path = template.format(**ids)
            if caught_up.issuperset(used):
                answer = read(api, token, path)
                assert answer.status_code == 200, (path, caught_up, answer.text)
            else:
                refused = read(api, token, path)
                assert token in problem(refused, 503, "not-yet-visible")["detail"]
                assert int(refused.headers["retry-after"]) >= 1
                answer = read(api, token, path, "stale")
                assert answer.status_code == 200, answer.text
            meta = answer.json()["meta"]
            stands = {each["projection"]: each["position"] for each in meta["models"]}
            assert tuple(stands) == used, path
            assert {name for name, position in stands.items() if position >= int(token)} == (
                caught_up & set(used)
            )
            assert meta["position"] == min(stands.values())
            assert meta["stale"] == (not caught_up.issuperset(used))


def test_every_model_used_says_how_far_it_is_behind(api: Api) -> None:
    api.catch_up(projections=ALL_PROJECTIONS)
    api.open()
    api.catch_up(projections=["pipeline"])
    meta = api.client.get("/v1/opportunities").json()["meta"]
    pipeline, identity = meta["models"]
    assert (pipeline["projection"], pipeline["version"], pipeline["lag"]) == (
        "pipeline", 1, {"events": 0, "seconds": 0.0},
    )  # fmt: skip
    assert (identity["projection"], identity["lag"]["events"]) == ("identity", 1)
    assert identity["lag"]["seconds"] > 0
    assert meta["lag"] == identity["lag"], "an answer is as late as the latest of its models"
