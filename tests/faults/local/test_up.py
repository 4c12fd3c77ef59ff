"""`rapport up` as its user meets it: a real process with PostgreSQL, Kafka, relay, workers and API."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import LocalKafka
from projections.registry import PROJECTIONS
from tests.support import commanding
from tests.support.commanding import shared_passwords
from tests.support.kafka import delete_topics
from tests.support.upping import Up, everything, none_left, rapport, told, visible_after_a_command, wait

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def up(services_folder: Path, kafka: LocalKafka) -> Iterator[Up]:
    """Runs for the whole module. `kafka` has the jars fetched before the clock of a test runs."""
    with everything(services_folder / "up") as process:
        yield process


def test_a_command_is_visible_in_the_read_model(up: Up) -> None:
    visible_after_a_command(up)


def test_the_key_is_kept_in_a_file_of_its_own(up: Up) -> None:
    file = up.home / "secrets" / "api-key"

    assert file.read_text().strip() == up.key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_doctor_and_status_find_everything_in_order(up: Up) -> None:
    visible_after_a_command(up)
    port = {"RAPPORT_API_PORT": str(up.port)}

    code, doctor = told(up.home, "doctor", **port)
    assert (code, doctor["status"], doctor["diagnostics"]) == (0, "ok", [])
    assert {row["check"] for row in doctor["data"] if row["ok"]} >= {"event store", "kafka", "relay", "seals"}

    code, relay = told(up.home, "relay", "status")
    assert (code, relay["data"]["state"], relay["data"]["lag_events"]) == (0, "leading", 0)

    code, projections = told(up.home, "projection", "status")
    assert code == 0
    assert {row["projection"]: row["state"] for row in projections["data"]} == {
        projection.name: "live" for projection in PROJECTIONS
    }
    assert {row["position"] for row in projections["data"]} == {relay["data"]["published"]}


def test_a_second_one_on_the_same_folder_is_refused(up: Up) -> None:
    second = rapport(up.home, "up")

    assert second.returncode == 2
    assert f"already runs on {up.home}, as process {up.process.pid}." in second.stderr
    assert "Traceback" not in second.stderr
    visible_after_a_command(up)


def test_a_busy_port_is_named_with_its_setting(up: Up, tmp_path: Path) -> None:
    second = rapport(tmp_path, "up", RAPPORT_API_PORT=str(up.port))

    assert second.returncode == 2
    assert f"can't listen on 127.0.0.1:{up.port}" in second.stderr
    assert "RAPPORT_API_PORT" in second.stderr
    assert not (tmp_path / "postgres" / "data").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("relay", ("relay", "run")),
        ("worker-pipeline-1", ("projection", "run", "pipeline")),
        ("api", ("deploy.cli", "api")),
        ("kafka", ("kafka.Kafka",)),
        ("postgres", ("-D",)),
    ],
)
def test_what_dies_is_started_again_and_the_flow_goes_on(up: Up, name: str, words: tuple[str, ...]) -> None:
    said = len(up.lines)

    os.kill(up.pid_of(*words), signal.SIGKILL)

    up.wait_line(f"{name} died (", 60, after=said)
    visible_after_a_command(up)


def test_ctrl_c_leaves_no_process_and_the_data_is_there_again(up: Up) -> None:
    known = visible_after_a_command(up)
    wait(lambda: len(set(positions(up).values())) == 1, 60, lambda: f"not all stand there: {positions(up)}")
    before = positions(up), figures(up)
    assert before[1]["count"] > 0
    running = up.processes()

    assert up.stop(signal.SIGINT) == 0
    none_left(running, 5)
    assert up.lines[-1] == "Everything is stopped."

    code, doctor = told(up.home, "doctor", RAPPORT_API_PORT=str(up.port))
    assert code == 1
    assert {row["check"] for row in doctor["data"] if not row["ok"]} >= {"event store", "kafka", "api"}

    again = Up(up.home, up.port)
    try:
        again.wait_ready()
        assert again.key == up.key
        assert (positions(again), figures(again)) == before
        with again.client() as client:
            assert client.get(f"/v1/opportunities/{known}").json()["opportunity"]["id"] == known
        running = again.processes()
    finally:
        again.process.kill()
    again.process.wait(10)
    again.close()
    none_left([p for p in running if p.pid != again.process.pid], 40)


def positions(up: Up) -> dict[str, int]:
    """Where the relay and each read model stand."""
    relay, models = (commanding.told(up.home, noun, "status")[1] for noun in ("relay", "projection"))
    return {row["projection"]: row["position"] for row in models} | {"relay": relay["published"]}


def figures(up: Up) -> dict[str, Any]:
    """The sums of the board."""
    with up.client() as client:
        totals: dict[str, Any] = client.get("/v1/pipelines/sales/board").json()["totals"]
    return totals


def test_services_that_are_set_are_used_and_none_is_started(
    fresh_database: str, clean_topics: str, services_folder: Path
) -> None:
    """Given addresses of one's own, then `up` is relay, workers and API alone, and tells why a child ends."""
    home = services_folder / "up-beside"
    shared_passwords(home)
    up = Up(home, RAPPORT_ADMIN_URL=fresh_database, RAPPORT_KAFKA_BOOTSTRAP=clean_topics)
    try:
        up.wait_ready()
        visible_after_a_command(up)
        assert not (home / "postgres" / "data").exists()
        assert not (home / "kafka" / "data").exists()

        # The topics are gone: going on would leave them with holes. It says so, and not only in a log.
        delete_topics(clean_topics)
        said = len(up.lines)
        os.kill(up.pid_of("relay", "run"), signal.SIGKILL)
        line = up.wait_line("relay died (exit code 1: The relay stopped", 60, after=said)
        assert "The topics are behind" in line
    finally:
        assert up.stop() == 0


def test_ctrl_c_while_it_starts_leaves_no_process(services_folder: Path) -> None:
    up = Up(services_folder / "up-interrupted")
    up.wait_line("PostgreSQL starts", 30)
    running = up.processes()

    assert up.stop() == 130
    none_left(running, 10)
    assert up.lines[-1] == "Interrupted during the start: everything is stopped."
