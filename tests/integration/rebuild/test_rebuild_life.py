"""The whole life of a version: candidate, rebuilt, verified, swapped, rolled back, dropped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.rebuild.rebuild import begin, wait_ready
from consumers.rebuild.run import carry_on
from consumers.rebuild.verify import verify
from deploy import logs
from deploy.cli.projection import app as command
from deploy.secrets import Secrets
from projections import registry
from projections.release import swap as swapping
from tests.support.commanding import run, shared_passwords, told
from tests.support.database import migrated, urls
from tests.support.histories import long_history
from tests.support.rebuilding import Rebuilding, rebuilding
from tests.support.relaying import until
from tests.support.store import execute
from tests.support.toy.v1 import TOY_V1
from tests.support.toy.v2 import TOY_V2


@pytest.fixture
def world(fresh_database: str, clean_topics: str, tmp_path: Path) -> Iterator[Rebuilding]:
    """A store with a relay."""
    with rebuilding(migrated(fresh_database), clean_topics, tmp_path) as made:
        yield made


def test_a_read_model_that_was_only_registered_has_a_whole_life(
    world: Rebuilding, caplog: pytest.LogCaptureFixture
) -> None:
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
    assert execute(world.urls.reader, "SELECT count(*) FROM read.toy WHERE types IS NULL") == [(0,)]
    swapping.rollback(world.urls.owner, "toy", world.known, by="tester", why=None)
    assert execute(world.urls.reader, "SELECT count(*) FROM read.toy WHERE types IS NOT NULL") == [(0,)]
    world.check(TOY_V1)
    swapping.drop(world.urls.owner, "toy", 2, by="tester", why=None)
    assert execute(world.urls.admin, "SELECT to_regnamespace('toy_v2')") == [(None,)]
    acts = execute(world.urls.admin, "SELECT act, version FROM control.operation ORDER BY at")
    assert acts == [
        ("rebuild_started", 2), ("verified", 2), ("swapped", 2), ("rolled_back", 2), ("dropped", 2)
    ]  # fmt: skip

    # The next release still has the folder: nothing is made, and a new worker of it waits.
    left = world.install(TOY_V1, TOY_V2)
    assert (left.dropped, left.changed) == ((TOY_V2,), False)
    assert execute(world.urls.admin, "SELECT to_regnamespace('toy_v2')") == [(None,)]
    with caplog.at_level(logging.WARNING):
        world.work(TOY_V2)
        until(lambda: "toy version 2 was dropped" in caplog.text, "a worker that says so", 60)
    begin(TOY_V2, world.places, by="tester")
    carry_on(TOY_V2, world.places, workers=1)
    assert wait_ready(TOY_V2, world.places, seconds=60).state == "ready"
    world.check(TOY_V2)
    world.check(TOY_V1)


def test_a_read_model_is_added_by_its_folder_and_a_line_in_the_registry(
    fresh_database: str, clean_topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given that line, then migrate, list, run and status know it, and nothing else had to be told."""
    monkeypatch.setattr(registry, "PROJECTIONS", (*registry.PROJECTIONS, TOY_V1))
    shared_passwords(tmp_path)
    services = {"RAPPORT_ADMIN_URL": fresh_database, "RAPPORT_KAFKA_BOOTSTRAP": clean_topics}
    code, said = run(tmp_path, "migrate", **services)
    assert code == 0, said
    assert "toy version 1" in said
    _, listed, _ = told(tmp_path, "projection", "list")
    assert [each["views"] for each in listed if each["projection"] == "toy"] == [["toy"]]

    # `run` stays up: here in a thread, without the process's own signals and logs.
    stop = threading.Event()
    monkeypatch.setenv("RAPPORT_HOME", str(tmp_path))
    monkeypatch.setattr(command, "stop_event", lambda: stop)
    monkeypatch.setattr(logs, "configure", lambda _: None)
    with rebuilding(urls(fresh_database), clean_topics, tmp_path) as world:
        seals = world.relays.key.public_key().public_bytes_raw()
        Secrets(tmp_path / "secrets").replace("seal-public", seals.hex())
        world.append(long_history(100).rows)
        worker = threading.Thread(target=command.run, args=("toy",))
        worker.start()
        try:
            world.until_at(TOY_V1, world.until_sealed())
            _, rows, _ = told(tmp_path, "projection", "status")
            (toy,) = [row for row in rows if row["projection"] == "toy"]
            assert (toy["state"], toy["position"], toy["lag_events"]) == ("live", world.sealed(), 0)
            world.check(TOY_V1)
        finally:
            stop.set()
            worker.join()


def columns(world: Rebuilding) -> list[str]:
    """The columns of the public view."""
    found = execute(
        world.urls.admin,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'read.toy'::regclass AND attnum > 0 "
        "ORDER BY attnum",
    )
    return [name for (name,) in found]
