"""`rapport bench` runs as it is and cleans up behind itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


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
    assert all(0 < each["p50"] <= each["p95"] for each in pages)
    found = [each for each in found if each not in pages]
    assert [each["name"] for each in found] == [
        "append", "commands", "relay", "projection", "projection customer_360", "projection service_history",
    ]  # fmt: skip
    for each in found:
        assert each["unit"] == "events/s"
        assert each["ours_median"] > 0
        assert each["theirs_median"] > 0
        assert each["ratio"] == pytest.approx(each["ours_median"] / each["theirs_median"], rel=0.01)
        assert each["reference"]
    assert not list(home.glob("bench-*"))
