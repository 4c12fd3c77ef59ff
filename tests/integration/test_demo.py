"""`rapport demo` as a newcomer runs it: every figure right, twice, and nothing left behind after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.demo.show import expected
from deploy.local.ports import free_port

PATIENCE = 280.0


@pytest.fixture
def environment(services_folder: Path) -> Iterator[dict[str, str]]:
    """A home of its own and a port that nobody has; nothing else is set."""
    home = services_folder / "demo"
    yield {
        "PATH": os.environ["PATH"],
        "RAPPORT_HOME": str(home),
        "RAPPORT_API_PORT": str(free_port()),
    }
    if (home / "lock").exists():  # a failed test must leave no service behind
        holder = (home / "lock").read_text().strip()
        if holder.isdigit() and psutil.pid_exists(int(holder)) and int(holder) != os.getpid():
            psutil.Process(int(holder)).send_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_shows_every_figure_right_and_again_when_it_is_run_a_second_time(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """First with `--exit`; then it stays up, answers, and Ctrl-C leaves no process."""
    command = [sys.executable, "-m", "deploy.cli", "demo"]
    first = subprocess.run(
        [*command, "--exit"], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert first.returncode == 0, first.stderr
    for records in ("8,933", "93,229", "1,651"):
        assert f"{records} records created, 0 unchanged; every row was taken." in first.stderr
    figures = table(first.stdout)
    for name, value in expected().items():
        asked = [found for figure, found in figures if figure.startswith(name)]
        assert asked, f"{name} is not in the table"
        assert value in asked

    log = tmp_path / "second.log"
    with log.open("w") as out:
        second = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        until_it_says(second, log, "Everything runs.")
        told = log.read_text()
        for records in ("8,933", "93,229", "1,651"):
            assert f"Everything is unchanged: all {records} records were there already." in told
        assert table(told) == figures
        key = told.split("API key")[1].split()[0]
        answer = httpx.get(
            f"http://127.0.0.1:{environment['RAPPORT_API_PORT']}/v1/opportunities?page_size=1",
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200
        children = psutil.Process(second.pid).children(recursive=True)
        assert len(children) >= 6
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=60) == 0, log.read_text()
        assert not [child for child in children if child.is_running()]
    finally:
        if second.poll() is None:
            second.terminate()
            second.wait(timeout=60)


def table(text: str) -> list[tuple[str, Decimal]]:
    """Figure (with who was asked) and what was found; every line must be right."""
    lines = text.split("figure ", 1)[1].splitlines()[1:]
    found: list[tuple[str, Decimal]] = []
    for line in lines:
        if line.startswith("All "):
            assert line == f"All {len(found)} figures are as expected."
            return found
        name, wanted, value = line.rsplit(None, 2)
        assert wanted == value, line
        found.append((name, Decimal(value.replace(",", ""))))
    raise AssertionError(f"the table has no end: {text}")


def until_it_says(process: subprocess.Popen[bytes], log: Path, text: str) -> None:
    """Waits for a line of its output."""
    deadline = time.monotonic() + PATIENCE
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
