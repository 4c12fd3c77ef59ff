"""What operators do with `rapport projection failures|retry`, and the metrics of relay and worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg2
import pytest

from deploy import setup
from deploy.local.ports import free_port
from deploy.local.postgres import LocalPostgres
from deploy.settings import load
from deploy.wiring import measures, processes, wiring
from domain.events.catalogue import CATALOGUE
from domain.events.registry import Registry
from projections.pipeline.v1.projection import PIPELINE_V1
from projections.runtime.apply import Applier
from projections.runtime.decode import Decoder
from tests.support.commanding import run, shared_passwords, told
from tests.support.histories import long_history
from tests.support.http import database
from tests.support.read_side import apply_rows, clear


@pytest.fixture(scope="module")
def admin(postgres: LocalPostgres) -> Iterator[str]:
    """A database of the module's own; the superuser's URL."""
    with database(postgres, "cli_operating") as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, admin: str) -> Path:
    """An installation without topics: nothing here asks Kafka."""
    folder = tmp_path_factory.mktemp("home")
    shared_passwords(folder)
    services = {"RAPPORT_ADMIN_URL": admin, "RAPPORT_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(setup, "ensure_topics", lambda *_: ())
        code, said = run(folder, "migrate", **services)
    assert code == 0, said
    return folder


HISTORY = [row for row in long_history(200, spread=8).rows if row.type.startswith("crm.opportunity.")]


@pytest.fixture
def with_parked(home: Path, admin: str) -> int:
    """A program that did not know one event type has parked some of its events, and what waits behind them;
    how many."""
    older = Registry([t for t in CATALOGUE.types if t.name != "crm.opportunity.team_changed"])
    with closing(psycopg2.connect(admin)) as connection:
        clear(connection, PIPELINE_V1)
        apply_rows(connection, PIPELINE_V1, HISTORY, [50], Applier(PIPELINE_V1, Decoder(older)))
        with connection.cursor() as c:
            c.execute("SELECT count(*) FROM control.held")
            count: int = (c.fetchone() or (0,))[0]
    assert count
    return count


def test_what_is_parked_is_listed_with_the_act_that_heals_it_and_retried(
    home: Path, with_parked: int
) -> None:
    _, rows, findings = told(home, "projection", "status")
    assert next(row["parked"] for row in rows if row["projection"] == "pipeline") == with_parked
    assert any("`rapport projection failures pipeline --version 1`" in finding for finding in findings)

    code, listed, _ = told(home, "projection", "failures", "pipeline")
    assert code == 0
    assert sum(1 + row["waiting"] for row in listed) == with_parked
    assert {row["category"] for row in listed} == {"unknown_type"}
    assert all("crm.opportunity.team_changed" in row["error"] for row in listed)
    assert all("Upgrade this program" in row["act"] for row in listed)

    first = listed[0]["aggregate_id"]
    code, done, _ = told(home, "projection", "retry", "pipeline", "--aggregate", first)
    assert code == 0, [file.read_text() for file in (home / "log").glob("*")]
    assert (code, done["applied"], done["freed"]) == (0, 1 + listed[0]["waiting"], 1)
    code, said = run(home, "projection", "retry", "pipeline", "--all", "--why", "the upgrade is done")
    assert code == 0, said
    assert said.startswith(f"Applied {with_parked - done['applied']:,} parked events;")
    assert run(home, "projection", "failures", "pipeline") == (
        0,
        "pipeline version 1 has no parked events.\n",
    )


def test_what_an_operator_retried_is_an_event(home: Path, with_parked: int, admin: str) -> None:
    assert run(home, "projection", "retry", "pipeline", "--all", "--why", "because")[0] == 0
    with closing(psycopg2.connect(admin)) as connection, connection.cursor() as c:
        c.execute("SELECT convert_from(event, 'UTF8')::json -> 'data' FROM store.event "
                  "WHERE type = 'crm.readmodel.retried' ORDER BY position DESC LIMIT 1")  # fmt: skip
        (data,) = c.fetchone() or ({},)
        c.execute("SELECT count(*) FROM control.operation WHERE NOT recorded")
        assert c.fetchone() == (0,)
    assert data["applied"] == with_parked


def test_a_retry_says_which_and_a_read_model_that_is_not_there_is_told(home: Path) -> None:
    for words in (("retry", "pipeline"), ("retry", "pipeline", "--all", "--aggregate", str(uuid4()))):
        code, said = run(home, "projection", *words)
        assert code == 2
        assert "say either --all or which --aggregate" in said
    code, said = run(home, "projection", "failures", "nothing")
    assert code == 2
    assert "There is no projection nothing" in said


def test_a_relay_and_a_worker_show_their_metrics_on_their_port(home: Path) -> None:
    port = free_port()
    with wiring.Wiring(load(home=home, metrics_port=port)) as wired:
        worker = processes.worker(wired, PIPELINE_V1)
        figures = measures.worker_figures(wired, PIPELINE_V1, worker)
        with measures.metrics(wired, None, measures.relay_figures(wired), *figures):
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    for line in (
        "rapport_store_up 1.0",
        'rapport_relay_state{state="none"} 1.0',
        'rapport_worker_events_total{projection="pipeline",version="1"} 0.0',
        'rapport_projection_position{projection="pipeline",version="1"} 0.0',
    ):
        assert line in text
    assert 'projection="identity"' not in text, "a worker shows its own read model"
