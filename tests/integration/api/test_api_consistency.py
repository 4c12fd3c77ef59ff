"""Reading your own writes: tokens, bounded waits, stale answers, and what an answer says of its freshness."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg2
import pytest

from api.reads.consistency import Visibility
from api.reads.snapshot import snapshot
from commands.store.pool import Pool
from deploy.local.postgres import LocalPostgres
from projections.pipeline.v1.queries import Opportunities
from tests.support.http import ALL_PROJECTIONS, Api, database, problem, running, served

LIST = "/v1/opportunities"


@pytest.fixture(scope="module")
def api(postgres: LocalPostgres) -> Iterator[Api]:
    with database(postgres, "api_consistency") as url, running(url) as served_api:
        yield served_api


@pytest.fixture
def current(api: Api) -> Api:
    """The API with read models that have everything."""
    api.catch_up()
    return api


def read(api: Api, token: str, path: str = LIST, **parameters: Any) -> httpx.Response:
    return api.client.get(path, params=parameters, headers={"Consistency-Token": token})


def test_a_change_that_has_arrived_is_read_at_once(current: Api) -> None:
    made = current.open()
    current.catch_up()
    answer = read(current, made["consistency_token"], f"{LIST}/{made['id']}")
    assert answer.status_code == 200
    assert answer.json()["meta"]["position"] >= int(made["consistency_token"])
    assert answer.elapsed.total_seconds() < 1


def test_a_read_waits_until_the_change_arrives(current: Api) -> None:
    made = current.open()
    timer = threading.Timer(0.4, current.catch_up)
    timer.start()
    answer = read(current, made["consistency_token"], f"{LIST}/{made['id']}", wait_ms=10_000)
    timer.join()
    assert answer.status_code == 200, answer.text
    assert answer.json()["opportunity"]["id"] == made["id"]
    assert not answer.json()["meta"]["stale"]
    assert 0.3 < answer.elapsed.total_seconds() < 5


def test_a_wait_that_is_too_short_is_503_and_says_when_to_come_back(current: Api) -> None:
    made = current.open()
    answer = read(current, made["consistency_token"], wait_ms=100)
    assert made["consistency_token"] in problem(answer, 503, "not-yet-visible")["detail"]
    assert int(answer.headers["retry-after"]) >= 1
    assert 0.1 <= answer.elapsed.total_seconds() < 1


def test_a_stale_answer_is_given_when_asked_for_and_says_so(current: Api) -> None:
    before = current.client.get(LIST).json()
    made = current.open()
    answer = read(current, made["consistency_token"], wait_ms=50, on_timeout="stale")
    meta = answer.json()["meta"]
    assert answer.json()["opportunities"] == before["opportunities"]
    assert (meta["stale"], meta["position"]) == (True, before["meta"]["position"])
    assert meta["lag"]["events"] == 1


def test_stale_is_said_of_the_position_that_was_read(current: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the wait and the read another version may have become the active one. Whoever takes nothing
    stale gets nothing; and what arrived after the wait ran out is not called stale."""
    token = current.open()["consistency_token"]

    async def believed(*_: object) -> bool:
        return True

    async def missed(*_: object) -> bool:
        current.catch_up()
        return False

    monkeypatch.setattr(Visibility, "reached", believed)
    meta = read(current, token, on_timeout="stale").json()["meta"]
    assert (meta["position"] < int(token), meta["stale"]) == (True, True)
    assert token in problem(read(current, token), 503, "not-yet-visible")["detail"]
    monkeypatch.setattr(Visibility, "reached", missed)
    meta = read(current, token, on_timeout="stale").json()["meta"]
    assert (meta["position"] >= int(token), meta["stale"]) == (True, False)


def test_without_a_token_nothing_waits_and_nothing_is_called_stale(current: Api) -> None:
    current.open()
    answer = current.client.get(LIST, params={"wait_ms": 10_000})
    assert answer.elapsed.total_seconds() < 1
    assert not answer.json()["meta"]["stale"]


def test_all_models_that_an_answer_uses_must_have_passed(current: Api) -> None:
    """The list follows merges, so it needs `identity` too; the board does not."""
    made = current.open()
    current.catch_up(projections=["pipeline"])
    problem(read(current, made["consistency_token"], wait_ms=50), 503, "not-yet-visible")
    answer = read(current, made["consistency_token"], "/v1/pipelines/sales/board", wait_ms=50)
    assert answer.status_code == 200


@pytest.mark.parametrize("token", ["", "-1", "abc", "1.0", "٣", "1" * 20, "0x10"])
def test_a_token_of_nobody_is_refused(current: Api, token: str) -> None:
    answer = current.client.get(LIST, headers=[(b"Consistency-Token", token.encode())])
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_token_of_a_change_that_changed_nothing_waits_for_nothing(current: Api) -> None:
    assert read(current, "0", wait_ms=0).status_code == 200


def test_many_who_wait_do_not_keep_others_from_working(current: Api) -> None:
    """The server has 40 threads; 60 waits must not take them."""
    token = str(int(current.open()["consistency_token"]) + 1000)
    with ThreadPoolExecutor(60) as threads:
        waits = [threads.submit(read, current, token, LIST, wait_ms=3000) for _ in range(60)]
        time.sleep(0.5)
        started = time.monotonic()
        assert current.client.post(LIST, json={"pipeline": "sales"}).status_code == 201
        assert time.monotonic() - started < 2
        assert not any(wait.done() for wait in waits)
        assert {wait.result().status_code for wait in waits} == {503}


def test_lag_is_the_age_of_the_oldest_change_not_applied(current: Api) -> None:
    before = current.client.get(LIST).json()["meta"]["position"]
    current.open()
    current.open()
    meta = current.client.get(LIST).json()["meta"]
    assert (meta["position"], meta["lag"]["events"]) == (before, 2)
    assert 0 < meta["lag"]["seconds"] < 30


def test_the_position_is_that_of_the_slowest_model_used(current: Api) -> None:
    behind = current.client.get(LIST).json()["meta"]["position"]
    current.open()
    current.catch_up(projections=["pipeline"])
    assert current.client.get(LIST).json()["meta"]["position"] == behind
    board = current.client.get("/v1/pipelines/sales/board").json()
    assert board["meta"]["position"] == behind + 1


def test_rows_and_position_are_of_one_moment(current: Api) -> None:
    """A worker may commit between any two statements; an answer must not mix before and after."""
    with snapshot(current.services, "pipeline") as look:
        current.open()
        current.catch_up()
        counts = [stage.count for stage in Opportunities(look.connection).board("sales")]
        assert sum(counts) == look.position, "each event here opened one"
    with snapshot(current.services, "pipeline") as later:
        assert later.position == look.position + 1


def test_parked_events_show_in_every_answer(current: Api) -> None:
    with closing(psycopg2.connect(current.urls.worker)) as connection, connection.cursor() as c:
        c.execute(
            "INSERT INTO control.held (projection, version, position, party, category, error, event) "
            "VALUES ('pipeline', 1, 1, %s, 'decode', 'broken', '')",
            (str(uuid4()),),
        )
        connection.commit()
        assert current.client.get(LIST).json()["meta"]["parked"] == 1
        c.execute("DELETE FROM control.held")
        connection.commit()
    assert current.client.get(LIST).json()["meta"]["parked"] == 0


def test_reads_go_on_while_the_event_store_is_away(current: Api) -> None:
    def away() -> int:
        raise psycopg2.OperationalError("the store is away")

    services = current.services
    members = {name: getattr(services, name) for name in services.__slots__} | {"head": away}
    with served(type(services)(**members)) as address:
        answer = httpx.get(address + LIST, headers=current.client.headers)
    assert answer.status_code == 200
    assert answer.json()["meta"]["lag"] == {"events": None, "seconds": None}


def test_a_read_side_that_is_away_is_503(current: Api) -> None:
    services = current.services
    members = {name: getattr(services, name) for name in services.__slots__}
    members["read_pool"] = Pool("host=127.0.0.1 port=1 user=nobody dbname=none", 2)
    with served(type(services)(**members)) as address:
        answer = httpx.get(address + LIST, headers=current.client.headers)
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        made = httpx.post(address + LIST, json={"pipeline": "sales"}, headers=current.client.headers)
    assert made.status_code == 201, "commands do not need the read side"
    assert UUID(made.json()["id"])


def test_the_status_of_the_read_models(current: Api) -> None:
    current.open()
    rows = {row["projection"]: row for row in current.client.get("/v1/projections").json()["projections"]}
    assert set(rows) == set(ALL_PROJECTIONS)
    found = rows["pipeline"]
    assert (found["state"], found["active"], found["version"]) == ("never_started", True, 1)
    assert (found["lag_events"], found["head"] - found["position"]) == (1, 1)
    assert "rapport projection run pipeline" in found["reason"]
