"""The README's tour, typed in by nobody: each command is run, each answer is as it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.support.tour import fits, steps

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 240.0
MARK = "--- end of step"


@pytest.fixture(scope="module")
def demo(services_folder: Path) -> Iterator[tuple[Path, int]]:
    """A running `rapport demo` in a home of its own; its home and the port of its API."""
    home, port = services_folder / "tour", free_port()
    log = services_folder / "tour.log"
    environment = {**os.environ, "RAPPORT_HOME": str(home), "RAPPORT_API_PORT": str(port)}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "demo"], env=environment, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + PATIENCE
        while "Everything runs" not in log.read_text():
            assert process.poll() is None, f"the demo ended:\n{log.read_text()}"
            assert time.monotonic() < until, f"the demo took too long:\n{log.read_text()}"
            time.sleep(0.2)
        yield home, port
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_a_console_block_is_read_command_by_command(tmp_path: Path) -> None:
    """Else the tour below could be empty and pass."""
    readme = tmp_path / "README.md"
    readme.write_text("# T\n```console\n$ echo a\na\n$ true\n$ echo b\nb …\n```\n")
    assert [tuple(step) for step in steps(readme)] == [("echo a", "a\n"), ("true", ""), ("echo b", "b …\n")]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a … c", "a b c", True),
        ("a … c", "a b d", False),
        ("", "", True),
        ("", "unexpected", False),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("(4 rows)", "(5 rows)", False),
    ],
)
def test_only_a_gap_may_differ(expected: str, printed: str, same: bool) -> None:
    """A tour that fits anything would prove nothing."""
    assert fits(expected, printed) is same


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_command_of_the_tour_prints_what_the_readme_says(demo: tuple[Path, int]) -> None:
    """In one shell, as a reader would: variables of one step are used in later ones."""
    home, port = demo
    tour = steps(CHECKOUT / "README.md")
    assert len(tour) >= 12
    script = "exec 2>&1\n" + "".join(f"{step.command}\necho; echo '{MARK}'\n" for step in tour)
    # The demo of this test has its own home and port; all else is as the README has it.
    script = script.replace(".rapport/", f"{home}/").replace(":8700", f":{port}")
    done = subprocess.run(
        ["bash"],
        input=script,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "RAPPORT_HOME": str(home), "LC_ALL": "C.UTF-8"},
        timeout=PATIENCE,
        check=False,
    )
    printed = done.stdout.split(MARK)
    assert len(printed) == len(tour) + 1, done.stderr
    for step, output in zip(tour, printed, strict=False):
        expected = step.expected.replace(":8700", f":{port}")
        assert fits(expected, output), (
            f"$ {step.command}\nexpected:\n{expected}\nprinted:\n{output}\n{done.stderr}"
        )
