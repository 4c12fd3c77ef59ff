"""`rapport bench` runs as it is and cleans up behind itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOALS = {"append": 4.5, "bulk": 0.6, "relay": 1.1, "projection": 0.4, "projection customer_360": 0.25}
"""What is promised (README): changing one is a decision, not a correction."""


@pytest.mark.slow
def test_the_bench_measures_everything_against_their_references(services_folder: Path) -> None:
    """Few events: the figures mean nothing here, that there are any does."""
    home = services_folder / "bench"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "bench", "--rounds", "1", "--events", "400", "--json"],
        env={"PATH": os.environ["PATH"], "RAPPORT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["data"]
    pages = [each for each in found if each["name"] == "timeline"]
    assert len(pages) == 4
    for each in pages:
        assert 0 < each["p50"] <= each["p95"] <= each["p99"] <= each["most"]
        assert (each["goal"], each["goal_of"], each["passed"]) == (10, "p95", each["p95"] < 10)
    found = [each for each in found if each not in pages]
    assert [each["name"] for each in found] == [
        "append", "commands", "bulk", "relay", "projection", "projection customer_360", "projection service_history",
    ]  # fmt: skip
    for each in found:
        assert each["unit"] == "events/s"
        assert each["ours_median"] > 0
        assert each["theirs_median"] > 0
        assert each["ratio"] == pytest.approx(each["ours_median"] / each["theirs_median"], rel=0.01)
        assert each["reference"]
        assert each["goal"] == GOALS.get(each["name"])
        assert each["passed"] == (None if each["goal"] is None else each["ratio"] >= each["goal"])
    assert not list(home.glob("bench-*"))
