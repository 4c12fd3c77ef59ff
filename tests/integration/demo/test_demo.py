"""`rapport demo` as a newcomer runs it: every figure right, the tour, Ctrl-C, and once more."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.demo.show import expected
from deploy.local.ports import free_port
from projections.registry import PROJECTIONS
from tests.support import curl, java
from tests.support.commanding import told
from tests.support.tour import TOUR, fits, steps

CHECKOUT = Path(__file__).parents[3]
TIMEOUT_SECONDS = 280.0
MARK = "--- end of step"
COMMAND = [sys.executable, "-m", "deploy.cli", "demo"]
RECORDS = ("8,933", "93,229", "1,651")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


FLOW = {
    "events in the store topics",
    "events in the store seals",
    *(f"end of the last seal {projection.name} stands at" for projection in PROJECTIONS),
}
"""The lines that say that nothing is lost on the way and nothing is left behind."""


@dataclass
class Demo:
    """A running demo in a home of its own, on a port that nobody else has. `user_home` is its user's, empty
    at first."""

    home: Path
    user_home: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def told(self) -> str:
        """What it has printed so far."""
        return self.log.read_text()

    def status(self, noun: str) -> Any:
        """What `rapport <noun> status` says; nothing is wrong."""
        code, data, diagnostics = told(self.home, noun, "status", RAPPORT_API_PORT=str(self.port))
        assert (code, diagnostics) == (0, [])
        return data


@pytest.fixture(scope="module")
def demo(services_folder: Path) -> Iterator[Demo]:
    """The demo from nothing, up and imported. The tests of this file come one after the other."""
    home, port, user_home = services_folder / "demo", free_port(), services_folder / "demo-user"
    user_home.mkdir()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(user_home), "RAPPORT_HOME": str(home),
        "RAPPORT_API_PORT": str(port), java.VARIABLE: os.environ[java.VARIABLE],
    }  # fmt: skip
    log = services_folder / "demo.log"
    with log.open("w") as out:
        process = subprocess.Popen(COMMAND, env=environment, stdout=out, stderr=subprocess.STDOUT)
    running = Demo(home, user_home, port, environment, process, log)
    try:
        until_it_says(running, "rapport doctor")  # the last line of the welcome
        yield running
    finally:
        if process.poll() is None:  # a failed test must leave no service behind
            process.terminate()
            process.wait(timeout=60)


def test_every_figure_of_the_demo_is_what_the_second_readers_expect(demo: Demo) -> None:
    for records in RECORDS:
        assert f"{records} records created, 0 unchanged; every row was taken." in demo.told
    figures = table(demo.told)
    for name, value in expected().items():
        asked = [found for figure, found in figures if figure.startswith(name)]
        assert asked, f"{name} is not in the table"
        assert value in asked
    assert {name for name, _ in figures} >= FLOW


def test_it_says_how_long_it_took_where_it_is_and_with_which_key(demo: Demo) -> None:
    assert re.search(r"^Imported in \d+ s, all visible after \d+ s\.$", demo.told, re.MULTILINE)
    url, key = f"http://127.0.0.1:{demo.port}", (demo.home / "secrets" / "api-key").read_text().strip()
    assert f"  HTTP API    {url}/docs\n" in demo.told
    assert f"  API key     {key}\n" in demo.told
    answer = httpx.get(f"{url}/v1/pipelines", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == httpx.codes.OK
    assert re.search(r"^  SQL views   postgresql://rapport_reader:\S+$", demo.told, re.MULTILINE)


def test_the_demo_ran_on_apache_kafka(demo: Demo) -> None:
    """Not on the stand-in, which the demo falls back to where the jars cannot be had."""
    assert "Kafka version: 4" in (demo.home / "kafka" / "kafka.log").read_text()


def test_every_command_of_the_tour_prints_what_the_tour_says(demo: Demo, tmp_path: Path) -> None:
    """In one shell, as a reader would: variables of one step are used in later ones."""
    tour = steps(TOUR)
    assert len(tour) >= 12
    script = "exec 2>&1\n" + "".join(f"{step.command}\necho; echo '{MARK}'\n" for step in tour)
    # The demo of this test has its own home and port; all else is as the tour has it.
    script = script.replace(".rapport/", f"{demo.home}/").replace(":8700", f":{demo.port}")
    path = [folder for folder in (curl.on_path(tmp_path), demo.environment["PATH"]) if folder]
    done = subprocess.run(
        ["bash"], input=script, capture_output=True, text=True, cwd=CHECKOUT,
        env={**demo.environment, "LC_ALL": "C.UTF-8", "PATH": os.pathsep.join(path)},
        timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    printed = done.stdout.split(MARK)
    assert len(printed) == len(tour) + 1, done.stdout
    for step, output in zip(tour, printed, strict=False):
        wanted = step.expected.replace(":8700", f":{demo.port}")
        assert fits(wanted, output), f"$ {step.command}\nexpected:\n{wanted}\nprinted:\n{output}"


def test_ctrl_c_leaves_no_process_and_a_second_run_finds_the_same(demo: Demo) -> None:
    """The tour changed things of its own in between; the figures of the files stay as they are, and where
    everything stands is where it stood."""
    positions = {row["projection"]: row["position"] for row in demo.status("projection")}
    published = demo.status("relay")["published"]
    assert set(positions.values()) == {published}
    children = psutil.Process(demo.process.pid).children(recursive=True)
    assert len(children) >= 8
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=60) == 0, demo.told
    assert not [child for child in children if child.is_running()]

    again = subprocess.run(
        [*COMMAND, "--exit"], env=demo.environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS,
        check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stdout + again.stderr
    for records in RECORDS:
        assert f"Everything is unchanged: all {records} records were there already." in again.stderr
    ours = ("events in the store", "end of the last seal")
    before = [each for each in table(demo.told) if not each[0].startswith(ours)]
    found = table(again.stdout)
    assert [each for each in found if not each[0].startswith(ours)] == before
    assert {name: int(value) for name, value in found if name.startswith(ours[1])} == {
        f"{ours[1]} {name} stands at": position for name, position in positions.items()
    }


def test_nothing_was_written_into_the_home_of_its_user(demo: Demo) -> None:
    """By neither run: all there is lies in the checkout's folder."""
    assert list(demo.user_home.rglob("*")) == []


def table(text: str) -> list[tuple[str, Decimal]]:
    """Figure (with its source) and what was found; every line must be right."""
    lines = text.split("figure ", 1)[1].splitlines()[1:]
    found: list[tuple[str, Decimal]] = []
    for line in lines:
        if line.startswith("All "):
            assert line == f"All {len(found)} figures are as expected."
            return found
        name, wanted, value = line.rsplit(None, 2)
        assert wanted == value, line
        found.append((" ".join(name.split()), Decimal(value.replace(",", ""))))
    raise AssertionError(f"the table has no end: {text}")


def until_it_says(demo: Demo, text: str) -> None:
    """Waits for a line of its output."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while text not in demo.told:
        assert demo.process.poll() is None, demo.told
        assert time.monotonic() < deadline, demo.told
        time.sleep(0.2)
