"""The whole life of a version: candidate, rebuilt, verified, swapped, rolled back, dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.rebuild import begin, wait_ready
from consumers.rebuild_run import carry_on
from consumers.rebuild_verify import verify
from projections import swapping
from tests.support.database import migrated
from tests.support.histories import long_history
from tests.support.rebuilding import Rebuilding, collector_left_alone
from tests.support.relaying import Relays, query
from tests.support.toy.v1 import TOY_V1
from tests.support.toy.v2 import TOY_V2


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """A store with a relay."""
    urls = migrated(fresh_database)
    relays = Relays(urls, clean_topics, tmp_path)
    relays.start()
    with collector_left_alone():
        made = Rebuilding(urls, clean_topics, relays)
        yield made
        made.close()


def test_a_read_model_that_was_only_registered_has_a_whole_life(world: Rebuilding) -> None:
    history = long_history(400).rows
    world.append(history[:200])
    world.install(TOY_V1)
    world.work(TOY_V1)
    world.until_at(TOY_V1, world.until_sealed())
    world.check(TOY_V1)

    # A release with version 2: nothing of it is worked on, nothing of it is seen.
    world.install(TOY_V1, TOY_V2)
    world.work(TOY_V2)
    assert {share["state"] for share in world.shares(TOY_V2)} == {"candidate"}
    made = swapping.plan(world.urls.owner, TOY_V2, world.known)
    assert (made.active, made.verified, made.views[0].added) == (1, False, ("types",))
    assert columns(world) == ["id", "events"]

    begin(TOY_V2, world.places, by="tester")
    carry_on(TOY_V2, world.places, workers=1)
    world.append(history[200:])
    assert wait_ready(TOY_V2, world.places, seconds=60).state == "ready"
    found = verify(TOY_V2, world.places, by="tester")
    assert found.passed, found.differences
    world.check(TOY_V2)

    swapping.swap(world.urls.owner, TOY_V2, world.known, by="tester", why="types", plan=None)
    assert columns(world) == ["id", "events", "types"]
    assert query(world.urls.reader, "SELECT count(*) FROM read.toy WHERE types IS NULL") == [(0,)]
    swapping.rollback(world.urls.owner, "toy", world.known, by="tester", why=None)
    assert query(world.urls.reader, "SELECT count(*) FROM read.toy WHERE types IS NOT NULL") == [(0,)]
    world.check(TOY_V1)
    swapping.drop(world.urls.owner, "toy", 2, by="tester", why=None)
    assert query(world.urls.admin, "SELECT to_regnamespace('toy_v2')") == [(None,)]
    acts = query(world.urls.admin, "SELECT act, version FROM control.operation ORDER BY at")
    assert acts == [
        ("rebuild_started", 2), ("verified", 2), ("swapped", 2), ("rolled_back", 2), ("dropped", 2)
    ]  # fmt: skip


def columns(world: Rebuilding) -> list[str]:
    """The columns of the public view."""
    found = query(
        world.urls.admin,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'read.toy'::regclass AND attnum > 0 "
        "ORDER BY attnum",
    )
    return [name for (name,) in found]
