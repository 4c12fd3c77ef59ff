"""The handbook shows each state and category as it looks, in the shape that the program prints today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import pytest

from deploy.cli.projection.app import FAILURE_COLUMNS, STATUS_COLUMNS
from deploy.health.projection_health import judged
from deploy.metrics import read_models, relay
from projections.control.failures import ACTS
from projections.control.status import Status
from projections.runtime.decode import Category
from tests.support.tour import steps

FOLDER: Final = Path(__file__).parents[3] / "deploy"
PAGES: Final = (FOLDER / "HANDBOOK.md", FOLDER / "HANDBOOK_STATES.md")
GAPS: Final = re.compile(r" {2,}")
UUID: Final = re.compile(r"^[0-9a-f]{8}-")
ROW: Final = re.compile(r"^(\w+) v(\d+)(?: \(not active\))?$")
MODEL: Final = Status(
    projection="pipeline", version=1, active=True, state="live", reason=None, position=0, head=0,
    lag_events=0, lag_seconds=0.0, lag_trend=None, time_left=0.0, rate=0.0, rows=0, workers=1,
    heartbeat_age=0.0, parked=0, received=0,
)  # fmt: skip


def printed(command: str) -> Iterator[list[str]]:
    """What each sample of that command shows, as lines without those that are left out."""
    for step in (step for page in PAGES for step in steps(page)):
        if step.command.split(" --")[0].startswith(command):
            yield [line for line in step.expected.splitlines() if line not in ("", "…")]


def models() -> Iterator[tuple[str, str, int, str, list[str]]]:
    """Each row of a status sample: the name as printed, model, version, state, and what is said below."""
    for lines in printed("rapport projection status"):
        said = [line for line in lines if re.match(r"(error|warning|info): ", line)]
        for line in lines:
            cells = GAPS.split(line)
            if match := ROW.match(cells[0]):
                yield line, match[1], int(match[2]), cells[1], said


def test_every_state_of_a_read_model_is_shown() -> None:
    assert {state for _, _, _, state, _ in models()} == set(read_models.STATES)


def test_every_state_of_the_relay_is_shown() -> None:
    states = {line.split()[1] for lines in printed("rapport relay status") for line in lines[:1]}
    assert states == {*relay.STATES, "unknown"}


def test_the_tables_have_the_columns_that_are_printed() -> None:
    heads = [
        line
        for lines in printed("rapport projection status")
        for line in lines
        if line.startswith("projection ")
    ]
    assert len(heads) > len(read_models.STATES) / 2
    assert {tuple(GAPS.split(head)) for head in heads} == {STATUS_COLUMNS}
    assert [line for line, *_ in models() if len(GAPS.split(line)) != len(STATUS_COLUMNS)] == []
    failures = [lines[0] for lines in printed("rapport projection failures")]
    assert failures
    assert {tuple(GAPS.split(head)) for head in failures} == {FAILURE_COLUMNS}


@pytest.mark.parametrize("state", sorted(read_models.STATES))
def test_what_is_said_of_a_state_is_what_the_program_says(state: str) -> None:
    """Up to the reason, which is the moment's."""
    found = [row for row in models() if row[3] == state]
    for _, name, version, _, said in found:
        model = replace(MODEL, projection=name, version=version, state=state, reason="REASON")
        for finding in judged(model):
            begins = f"{finding.severity}: {finding}".split("REASON")[0].strip()
            assert any(line.startswith(begins) for line in said), f"{begins!r} is not in {said}"


def test_every_category_is_shown_with_its_act() -> None:
    shown = list(printed("rapport projection failures"))
    rows = [GAPS.split(line) for lines in shown for line in lines if UUID.match(line)]
    assert {row[1] for row in rows} == set(get_args(Category))
    for category, act in ACTS.items():
        for model in ("pipeline", "customer_360"):
            said = f"{category}: {act.format(name=model, version=1)}"
            if any(said in lines for lines in shown):
                break
        else:
            raise AssertionError(f"no sample shows {category} with the act of today")
