"""A schema changes for real while commands and readers run: a column that needs the whole history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from consumers.rebuild.rebuild import begin, wait_ready
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import verify
from projections import registry
from projections.identity.v1.projection import IDENTITY_V1
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from projections.release import swap as swapping
from tests.support.histories import long_history
from tests.support.http import Api, problem, running
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.rebuilding import Rebuilding, rebuilding
from tests.support.relaying import until
from tests.support.store import execute

# Both views in one transaction, and both in one statement: neither may show two versions.
SHAPES = "SELECT count(*) FILTER (WHERE to_jsonb(o) ->> 'reopened' IS NOT NULL), count(*) FROM read.{} o"
TOGETHER = """
    SELECT count(*) FROM read.opportunity o FULL JOIN read.opportunity_version v
      ON v.id = o.id AND v.version = o.version
     WHERE o.id IS NOT NULL AND (v.id IS NULL OR v.position <> o.position
        OR (to_jsonb(o) ->> 'reopened') IS DISTINCT FROM (to_jsonb(v) ->> 'reopened'))
"""


@dataclass
class Crowd:
    """Threads that read and write until `stop`; `errors` is what they met that must not be."""

    stop: threading.Event = field(default_factory=threading.Event)
    errors: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, name: str, turn: Callable[[], None], pause: float) -> None:
        """Calls `turn` again and again."""

        def run() -> None:
            while not self.stop.is_set():
                try:
                    turn()
                except Exception as error:
                    self.errors.append(f"{name}: {type(error).__name__}: {error}")
                    return
                self.turns[name] = self.turns.get(name, 0) + 1
                self.stop.wait(pause)

        self.threads.append(threading.Thread(target=run, name=name))
        self.threads[-1].start()

    def end(self) -> None:
        """Waits for the turns under way."""
        self.stop.set()
        for thread in self.threads:
            thread.join(60)


@pytest.fixture
def api(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API of a release that has version 2 of `pipeline` too, before it was migrated."""
    with running(fresh_database) as served:
        monkeypatch.setattr(registry, "PROJECTIONS", (*PROJECTIONS, PIPELINE_V2))
        yield served


@pytest.fixture
def world(api: Api, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """The same store with a relay and workers of `pipeline` version 1."""
    with rebuilding(api.urls, clean_topics, tmp_path) as made:
        made.work(PIPELINE_V1)
        made.work(IDENTITY_V1)
        yield made


def test_a_schema_is_changed_while_commands_and_readers_run(world: Rebuilding, api: Api) -> None:
    world.append(long_history(500).rows)
    ann = api.create("principals", kind="agent", name="Ann")
    mark = api.open(owner_id=ann, amount={"amount": "100", "currency": "USD"})["id"]
    assert api.move(mark, "lose", 1, reason="price").status_code == 200
    assert api.move(mark, "reopen", 2).status_code == 200
    world.until_at(PIPELINE_V1, world.until_sealed())
    world.install(*PROJECTIONS, PIPELINE_V2)
    world.work(PIPELINE_V2)
    crowd = Crowd()
    made: list[str] = []
    asked: list[tuple[str, dict[str, str], Callable[[dict[str, Any]], list[Any]]]] = [
        (f"opportunities/{mark}", {}, lambda body: [body["opportunity"]["probability"]]),
        ("opportunities", {"owner_id": ann}, lambda body: [o["probability"] for o in body["opportunities"]]),
        (f"opportunities/{mark}/history", {}, lambda body: [body["versions"][-1]["probability"]]),
        ("pipelines/sales/board", {"owner_id": ann}, lambda body: [body["totals"]["weighted"]]),
        ("pipelines/sales/forecast", {"owner_id": ann}, lambda body: [r["weighted"] for r in body["rows"]]),
    ]

    def command() -> None:
        id = api.open()["id"]
        assert api.move(id, "lose", 1, reason="price").status_code == 200
        assert api.move(id, "reopen", 2).status_code == 200
        made.append(id)

    def get(path: str, **parameters: str) -> dict[str, Any]:
        answer = api.client.get(f"/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def by_http() -> None:
        """Each answer is of the version that it names, by its values: reopened once, what is 10 percent
        probable in version 1 is 9 in version 2."""
        for path, parameters, told in asked:
            body = get(path, **parameters)
            version = body["meta"]["version"]
            assert [float(each) for each in told(body)] == [11 - version], f"{path} of version {version}"
            crowd.seen.append(f"http {version}")
        assert len(get("opportunities", page_size="200")["opportunities"]) > 50

    def by_sql() -> None:
        with closing(psycopg2.connect(world.urls.reader)) as connection:
            with connection, connection.cursor() as c:
                shapes = set()
                for view in ("opportunity", "opportunity_version"):
                    c.execute(SHAPES.format(view))
                    filled, rows = c.fetchone() or (0, 0)
                    assert filled in (0, rows), f"{filled} of {rows} rows of read.{view} have the new column"
                    shapes.add(bool(filled))
                assert len(shapes) == 1, "one transaction saw two versions"
                crowd.seen.append(f"sql {2 if shapes.pop() else 1}")
            with connection, connection.cursor() as c:
                c.execute(TOGETHER)
                assert c.fetchone() == (0,), "one statement saw two versions"

    crowd.start("commands", command, 0.05)
    crowd.start("http", by_http, 0.02)
    crowd.start("sql", by_sql, 0.02)
    try:
        begin(PIPELINE_V2, world.places, by="tester", why="how often they come back")
        carry_on(PIPELINE_V2, world.places, workers=2)
        wait_ready(PIPELINE_V2, world.places, seconds=60)
        found = verify(PIPELINE_V2, world.places, by="tester")
        assert found.passed, found.differences
        assert not {"http 2", "sql 2"} & set(crowd.seen), "the candidate was seen before the swap"
        token = get("opportunities", page_size="5")["next_page_token"]

        swapping.swap(world.urls.owner, PIPELINE_V2, world.known, by="tester", why=None, plan=None)
        until(lambda: {"http 2", "sql 2"} <= set(crowd.seen) or bool(crowd.errors), "version 2 is read", 60)
        # A page goes on in the version that it was begun in, or not at all.
        answer = api.client.get("/v1/opportunities", params={"page_token": token})
        assert "was rebuilt since" in problem(answer, 400, "page-token")["detail"]
        crowd.seen.clear()
        swapping.rollback(world.urls.owner, "pipeline", world.known, by="tester", why=None)
        until(lambda: {"http 1", "sql 1"} <= set(crowd.seen) or bool(crowd.errors), "version 1 is read", 60)
        assert len(get("opportunities", page_token=token, page_size="5")["opportunities"]) == 5
    finally:
        crowd.end()
    assert crowd.errors == []
    assert all(crowd.turns.get(name) for name in ("commands", "http", "sql")), crowd.turns

    # Both versions have all that was written meanwhile; version 1 is shown again and is up to date.
    last = world.until_sealed()
    for version in (PIPELINE_V1, PIPELINE_V2):
        world.until_at(version, last)
        world.check(version)
    found_now = execute(world.urls.reader, "SELECT id::text, outcome, reopened FROM read.opportunity")
    assert {(id, "open", None) for id in made} <= set(found_now)
    assert execute(
        world.urls.admin, "SELECT DISTINCT reopened FROM pipeline_v2.opportunity WHERE id = ANY (%s::uuid[])",
        (made,),
    ) == [(1,)]  # fmt: skip
