"""Where Apache Kafka cannot be fetched the demo, and it alone, goes on with a stand-in, and says so."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from commands.imports import maven
from commands.store.event_reader import EventReader
from consumers.kafka.counts import count_committed
from consumers.kafka.topics import topic
from deploy.demo.figures import Number, from_views
from deploy.health.projection_health import projection_health
from deploy.local.kafka import LocalKafka
from deploy.local.ports import free_port
from deploy.settings import Settings, load
from deploy.up import Stack
from deploy.wiring.imports import run_import
from deploy.wiring.wiring import Wiring, kafka_address
from domain.events.catalogue import CATALOGUE
from tests.support.importing import folder_with, original
from tests.support.upping import rapport, wait

DEALS = 300
OTHERS = 41 + 7 + 85  # principals, products, customers
CLOSED_PORT = "http://127.0.0.1:9"


@pytest.fixture
def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """No way to Maven Central, for whatever is started."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, CLOSED_PORT)


@pytest.fixture
def settings(services_folder: Path, tmp_path: Path) -> Settings:
    """An installation of its own, whose folder of jars is empty."""
    home = services_folder / f"fallback-{uuid4().hex[:6]}"
    return load(use_env_file=False, home=home, api_port=free_port(), kafka_jars=tmp_path / "jars")


def seen(stack: Stack) -> tuple[dict[str, Number], dict[str, int]]:
    """The figures of the views and where each read model stands; the topics hold what the store holds."""
    url = stack.settings.need("store_url")
    with closing(EventReader(url)) as follower:
        head = follower.high_water_mark()
        stack.wait_visible(head, 120)  # who read too early looks again after a minute
        events = len(follower.read(0, head, limit=100_000))
    topics = [topic(name) for name in CATALOGUE.families]

    def published() -> int:
        return sum(count_committed(kafka_address(stack.settings), topics).values())

    # The read models have what the store holds, also while a relay publishes all of it anew.
    wait(lambda: published() == events, 120, lambda: f"{published()} of {events} events in the topics")
    rows = [row for row in projection_health(stack.settings).rows if row.active]
    return from_views(stack.settings.need("reader_url"), "maven"), {r.projection: r.position for r in rows}


def until_said(said: list[str], text: str) -> None:
    """Waits for a line that begins so."""
    wait(lambda: any(line.startswith(text) for line in said), 60, lambda: str(said))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("cut_off")
def test_the_demo_goes_on_without_kafka_and_later_with_it(
    settings: Settings, kafka: LocalKafka, tmp_path: Path
) -> None:
    """Given no jars, the figures are those of Kafka: after an import, after kill -9 of relay and stand-in,
    after a restart, and with Apache Kafka once its jars are there."""
    files = folder_with(tmp_path / "files", deals=original("sales_pipeline")[1 : DEALS + 1])
    said: list[str] = []
    with Stack(settings, said.append, may_stand_in=True) as stack:
        (line,) = [line for line in said if "Tansu" in line]
        assert line.startswith("Apache Kafka could not be fetched (")
        assert "its transactions do not hold" in line
        with Wiring(stack.settings) as wired:
            report = run_import(wired, maven.IMPORT, files, progress=lambda *_: None)
        assert report.created == DEALS + OTHERS
        figures, positions = seen(stack)
        assert figures["opportunities"] == DEALS

        for name in ("relay", "tansu"):
            os.kill(stack.supervisor.pids()[name], signal.SIGKILL)
            until_said(said, f"{name} died (signal 9), started again")
            if name == "tansu":
                until_said(said, "relay died (exit code")  # the topics are gone: it begins again
            assert seen(stack) == (figures, positions)

    said.clear()
    with Stack(settings, said.append, may_stand_in=True) as stack:
        assert any("Tansu" in line for line in said)
        assert seen(stack) == (figures, positions)

    said.clear()
    with Stack(settings.model_copy(update={"kafka_jars": kafka.jars}), said.append) as stack:
        assert not any("Tansu" in line for line in said)
        assert seen(stack) == (figures, positions)
        before = positions
        key = {"Authorization": f"Bearer {stack.key}"}
        opened = httpx.post(f"{stack.url}/v1/opportunities", json={"pipeline": "sales"}, headers=key)
        assert opened.status_code == httpx.codes.CREATED
        _, after = seen(stack)
        assert all(after[name] > before[name] for name in before)


@pytest.mark.usefixtures("cut_off")
def test_up_never_uses_the_stand_in(settings: Settings) -> None:
    """It is refused in a sentence that says what can be done."""
    done = rapport(
        settings.home,
        "up",
        RAPPORT_KAFKA_JARS=str(settings.kafka_jars),
        RAPPORT_API_PORT=str(settings.api_port),
    )
    assert done.returncode == 2, done.stderr
    assert "could not be fetched from Maven Central" in done.stderr
    assert "Tansu" not in done.stderr
    assert "Traceback" not in done.stderr
