"""A read model's versions on the command line, as an operator types it; what was done is in the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from commands.operations import read_models as recording
from deploy.settings import load
from deploy.wiring import http_api, wiring
from domain.events.catalogue import CATALOGUE
from domain.operations import read_model as readmodel
from projections import registry
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.registry import PROJECTIONS
from tests.support.commanding import run, shared_passwords, told
from tests.support.database import urls
from tests.support.histories import long_history
from tests.support.http import served
from tests.support.pipeline_v2 import PIPELINE_V2
from tests.support.rebuilding import Rebuilding, rebuilding
from tests.support.relaying import until
from tests.support.store import execute


@pytest.fixture
def home(tmp_path: Path, fresh_database: str, clean_topics: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose newest release has a second version of `pipeline`."""
    shared_passwords(tmp_path)
    services = {"RAPPORT_ADMIN_URL": fresh_database, "RAPPORT_KAFKA_BOOTSTRAP": clean_topics}
    code, said = run(tmp_path, "migrate", **services)
    assert code == 0, said
    assert "Read models made: pipeline version 1, " in said
    monkeypatch.setattr(registry, "PROJECTIONS", (*PROJECTIONS, PIPELINE_V2))
    return tmp_path


@pytest.fixture
def world(home: Path, fresh_database: str, clean_topics: str) -> Iterator[Rebuilding]:
    """The same with events in the store, a relay, and a worker of the first version."""
    with rebuilding(urls(fresh_database), clean_topics, home) as made:
        made.append(long_history(200, spread=10).rows)
        made.work(PIPELINE_V1)
        made.until_at(PIPELINE_V1, made.until_sealed())
        yield made


def done(home: Path, *words: str) -> str:
    """What an act says that must succeed."""
    code, said = run(home, "projection", *words)
    assert code == 0, said
    return said


def refused(home: Path, *words: str) -> str:
    """What an act says that must be refused."""
    code, said = run(home, "projection", *words)
    assert code in (1, 2), said
    return said


def state_of(home: Path, version: int = 2) -> tuple[str | None, list[str]]:
    """The state of `pipeline` in that version as the status shows it, None where it shows none, and what it
    says of the version."""
    _, rows, findings = told(home, "projection", "status")
    states = [row["state"] for row in rows if (row["projection"], row["version"]) == ("pipeline", version)]
    about = [each for each in findings if f"pipeline version {version}" in each]
    return (states[0] if states else None), about


def test_an_operator_takes_a_version_through_its_life(home: Path, world: Rebuilding) -> None:
    assert state_of(home)[0] is None
    assert "Run `rapport migrate`." in state_of(home)[1][0]
    for words in (["plan", "pipeline"], ["rebuild", "pipeline", "--dry-run"], ["rebuild", "pipeline"]):
        assert "has no tables yet. Run `rapport migrate`" in refused(home, *words)
    code, said = run(home, "migrate")
    assert code == 0, said
    assert "pipeline version 2 was made as a candidate" in said
    assert "Nothing had to be changed." not in said
    world.work(PIPELINE_V2)

    plan = done(home, "plan", "pipeline")
    assert "pipeline from version 1 to version 2, not verified (candidate)" in plan
    assert "read.opportunity: adds reopened" in plan
    assert done(home, "rebuild", "pipeline", "--dry-run") == plan
    assert "is not built" in refused(home, "swap", "pipeline")
    assert "was not rebuilt" in refused(home, "verify", "pipeline")
    assert "is the active version, and only" in refused(home, "verify", "pipeline", "--version", "1")
    assert "identity has no version beyond 1" in refused(home, "rebuild", "identity")

    said = done(home, "rebuild", "pipeline", "--workers", "1", "--why", "how often they come back")
    assert "pipeline version 2: ready" in said
    assert "pipeline version 2 is paused" in done(home, "pause", "pipeline", "--why", "lunch")
    assert state_of(home)[0] == "paused"
    _, said = run(home, "projection", "status")
    assert "paused it: lunch. Go on with `rapport projection resume pipeline --version 2`." in said
    assert "pipeline version 2 goes on" in done(home, "resume", "pipeline")

    owner = world.urls.owner
    execute(owner, "UPDATE pipeline_v2.opportunity SET stage = 'nowhere' WHERE reopened = 0 AND position IN "
                 "(SELECT min(position) FROM pipeline_v2.opportunity WHERE reopened = 0)")  # fmt: skip
    said = refused(home, "verify", "pipeline", "--workers", "1")
    assert "pipeline_v2.opportunity, id " in said
    assert "column stage: found 'nowhere', expected " in said
    state, (failed,) = state_of(home)
    assert state == "failed"
    assert "found 'nowhere', expected " in failed
    assert "`rapport projection rebuild pipeline --version 2`" in failed

    # From the topics alone it is built while the store is away; the act is noted, and recorded later.
    nowhere = {"RAPPORT_STORE_URL": "postgresql://rapport_app:x@127.0.0.1:1/rapport"}
    code, said = run(home, "projection", "rebuild", "pipeline", "--from", "kafka", **nowhere)
    assert code == 0, said
    assert "pipeline version 2: ready" in said
    assert "1 act noted" in said
    assert "version 2 is what its events say" in done(home, "verify", "pipeline", "--workers", "1")
    made = done(home, "plan", "pipeline").split()[1].rstrip(":")
    assert "version 2 is active" in done(home, "swap", "pipeline", "--plan", made)
    assert "version 1 is active again" in done(home, "rollback", "pipeline")
    assert "nothing to go back to" in refused(home, "rollback", "pipeline")
    assert "aborted" in done(home, "abort", "pipeline")
    assert "`rapport projection rebuild pipeline --version 2`" in refused(home, "swap", "pipeline")
    state, (aborted,) = state_of(home)
    assert state == "aborted"
    assert "`rapport projection drop pipeline --version 2`" in aborted

    # Dropping needs no store; while it is away the act is noted, and recorded by the API when it is back.
    code, said = run(home, "projection", "drop", "pipeline", "--version", "2", **nowhere)
    assert code == 0, said
    assert "version 2 is gone" in said
    assert "1 act noted" in said
    unrecorded = "SELECT act FROM control.operation WHERE NOT recorded"
    assert execute(owner, unrecorded) == [("dropped",)]
    with (
        wiring.Wiring(load(home=home)) as wired,
        recording.recording(wired.read_pool, lambda: wired.crm),
    ):
        until(lambda: execute(owner, unrecorded) == [], "the act is recorded", 60)

    # Each act is an event, under an id that is no name; why is for nobody without the key.
    with wiring.Wiring(load(home=home)) as wired:
        recorded = wired.crm.recorder.select_notifications(1, limit=1_000)
    acts = [each for each in recorded if each.topic.startswith("crm.readmodel.")]
    assert [each.topic.rsplit(".", 1)[1] for each in acts] == [
        "rebuild_started", "paused", "resumed", "verification_failed", "rebuild_started", "verified",
        "swapped", "rolled_back", "aborted", "dropped",
    ]  # fmt: skip
    assert not any(b"lunch" in each.state or b"come back" in each.state for each in acts)

    # What was dropped stays so, although the release has its folder, until somebody asks for it.
    again = "`rapport projection rebuild pipeline --version 2` makes them again and builds it."
    code, said = run(home, "migrate")
    assert code == 0, said
    assert f"pipeline version 2 was dropped: its tables are gone. {again}" in said
    assert "Nothing had to be changed." in said
    assert state_of(home) == (None, [f"pipeline version 2 was dropped: its tables are gone. {again}  "])
    for act in ("plan", "swap"):
        assert again in refused(home, act, "pipeline")
    assert "nothing to drop" in refused(home, "drop", "pipeline", "--version", "2")


def test_a_version_whose_folder_is_gone_is_named_and_can_be_dropped(
    home: Path, world: Rebuilding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a candidate that was built, when its folder is taken away first, then the status says what to do,
    and that does it."""
    assert run(home, "migrate")[0] == 0
    world.work(PIPELINE_V2)
    done(home, "rebuild", "pipeline", "--workers", "1")
    monkeypatch.setattr(registry, "PROJECTIONS", PROJECTIONS)
    _, (said,) = state_of(home)
    assert said.startswith("This program has no folder of pipeline version 2")
    assert "`rapport projection drop pipeline --version 2`" in said
    assert "version 2 is gone" in done(home, "drop", "pipeline", "--version", "2")
    assert state_of(home) == (None, [])


def test_who_serves_an_older_release_than_the_one_that_is_read_is_found(home: Path) -> None:
    """Given an API that was started before the release with version 2, when that is swapped to, then it is
    ready for all else, and says which version it lacks; and so does `doctor`."""
    with (
        wiring.Wiring(load(home=home)) as wired,
        served(http_api.services(wired, threading.Event())) as address,
    ):
        port = address.rpartition(":")[2]
        assert httpx.get(f"{address}/readyz").json() == {"status": "ready", "lacking": []}
        for table in ("active", "share"):
            statement = f"UPDATE control.{table} SET version = 9 WHERE projection = 'pipeline'"
            execute(wired.settings.need("admin_url"), statement)
        assert httpx.get(f"{address}/readyz").json() == {"status": "ready", "lacking": ["pipeline version 9"]}
        _, said = run(home, "doctor", RAPPORT_API_PORT=port)
    assert "does not have pipeline version 9, which is active" in said
    assert "Restart it from the release that was swapped to" in said
    assert "this is an older release than the one that runs" in said


def test_every_act_has_an_event_type() -> None:
    kinds = {kind.payload for kind in CATALOGUE.types if kind.family == "readmodel"}
    assert {kind.__name__ for kind in kinds} == {kind.__name__ for kind in readmodel.Act.__subclasses__()}
    assert {f"crm.readmodel.{act}" for act in recording.ACTS} == {
        kind.name for kind in CATALOGUE.types if kind.family == "readmodel"
    }
