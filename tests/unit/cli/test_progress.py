"""Long work shows a bar on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deploy.cli import progress


def test_a_terminal_gets_a_bar_with_what_is_counted() -> None:
    """How many of how many, and a rate."""
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with progress.showing("Import", "records", terminal) as report:
        report(50, 200)
        report(200, 200)
    assert "Import" in screen.getvalue()
    assert "200/200" in screen.getvalue()
    assert "records" in screen.getvalue()


def test_a_log_gets_a_line_every_two_seconds_and_one_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rate and time left count from the first report: what was there before is not this work's."""
    clock = iter([100.0, 100.1, 101.0, 103.1, 103.2, 104.1])
    monkeypatch.setattr("deploy.cli.progress.time.monotonic", lambda: next(clock))
    with progress.showing("Import", "records", Console(file=io.StringIO())) as report:
        for done in (1000, 1900, 4000, 4100, 5000):
            report(done, 5000)
    assert capsys.readouterr().err.splitlines() == [
        "Import: 4,000 of 5,000 records, 1,000/s, 1 s left",
        "Import: 5,000 of 5,000 records, 1,000/s",
    ]


def test_a_log_gets_no_line_before_the_whole_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Every look at it would be one: it was "0 of 0", and 0 is not less than 0."""
    with progress.showing("Import", "records", Console(file=io.StringIO())) as report:
        report(0, 0)
        report(0, 0)
    assert capsys.readouterr().err == ""
