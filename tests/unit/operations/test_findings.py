"""What is judged to be wrong, as tables: read models, disk, packages; and key files made by many at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from deploy.health.doctor import _api, _checked
from deploy.health.machine_checks import disk, packages
from deploy.health.projection_health import judged
from deploy.secrets import Secrets
from deploy.settings import load
from projections.control.status import Status

LIVE = Status(
    projection="pipeline",
    version=1,
    active=True,
    state="live",
    reason=None,
    position=90,
    head=90,
    lag_events=0,
    lag_seconds=0.0,
    rate=0.0,
    rows=7,
    workers=1,
    heartbeat_age=0.5,
    lag_trend=None,
    time_left=0.0,
    parked=0,
    received=90,
)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, []),
        ({"state": "catching_up", "lag_events": 9, "lag_seconds": 500.0, "rate": 100.0}, []),
        ({"state": "catching_up", "lag_events": 9, "lag_seconds": 5.0}, []),
        (
            {"state": "catching_up", "lag_events": 9, "lag_seconds": 500.0},
            ["The read model pipeline version 1 stands still at 90. It is 9 events behind; its worker lives"],
        ),
        (
            {"state": "seal_mismatch", "reason": "crm.customer.v1 partition 3 differs."},
            [
                "The read model pipeline version 1 is not kept up to date (seal mismatch). "
                "crm.customer.v1 partition 3 differs."
            ],
        ),
        (
            {"state": "waiting_for_broker"},
            ["The read model pipeline version 1 is not kept up to date (waiting for broker). See the log"],
        ),
        ({"parked": 2}, ["The read model pipeline version 1 has 2 parked events, which it could not apply."]),
        (
            {"parked": 2, "state": "no_worker", "reason": "Start one."},
            [
                "The read model pipeline version 1 is not kept up to date (no worker). Start one.",
                "The read model pipeline version 1 has 2 parked events",
            ],
        ),
        ({"head": None, "lag_events": None, "lag_seconds": None}, []),
        ({"state": "candidate", "lag_events": 90, "lag_seconds": 500.0, "position": 0}, []),
        ({"state": "verifying", "lag_events": 90, "lag_seconds": 500.0}, []),
    ],
    ids=[
        "live",
        "fast",
        "just behind",
        "frozen",
        "mismatch",
        "broker",
        "parked",
        "two things",
        "store away",
        "not begun",
        "stands still to be compared",
    ],
)
def test_what_is_wrong_with_a_read_model(change: dict[str, Any], says: list[str]) -> None:
    found = [str(each) for each in judged(replace(LIVE, **change))]

    assert len(found) == len(says)
    assert all(text.startswith(start) for text, start in zip(found, says, strict=True)), found


@pytest.mark.parametrize(
    ("free", "severities"), [(3 * 1024**3, []), (1024**3, ["warning"]), (100 * 1024**2, ["error"])]
)
def test_a_disk_that_fills_up_is_a_warning_and_then_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, severities: list[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(total=free, used=0, free=free))

    seen = disk(load(home=tmp_path / "not" / "made" / "yet"))

    assert [each.severity for each in seen.findings] == severities
    assert seen.ok is (severities != ["error"])


def test_a_package_that_is_not_the_locked_one_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        f"orjson==0.0.1 \\\n    --hash=sha256:00\nrich=={version('rich')} \\\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\nsome-tool-of-developers==1.0 \\\n"
    )

    seen = packages(lock)

    assert seen.seen == "1 as locked"
    assert [each.cause for each in seen.findings] == [f"orjson is {version('orjson')}, locked is 0.0.1."]


def test_of_many_that_make_a_key_file_at_once_all_get_the_same(tmp_path: Path) -> None:
    def make(number: int) -> Callable[[], str]:
        return lambda: f"{number:064x}"

    def keep(number: int) -> tuple[str, bool]:
        return Secrets(tmp_path / "secrets").keep("kek", make(number))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(keep, range(32)))

    assert len({text for text, _ in made}) == 1
    assert sum(new for _, new in made) == 1
    assert [file.name for file in (tmp_path / "secrets").iterdir()] == ["kek"]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (httpx.Response(503, json={"status": 503, "detail": "The store is behind."}), "The store is behind."),
        (httpx.Response(502, text="Bad gateway"), "Bad gateway"),
        (httpx.Response(503, json=["no", "problem"]), '["no","problem"]'),
    ],
    ids=["a problem", "a proxy", "something else"],
)
def test_an_api_that_is_not_ready_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, cause: str
) -> None:
    """Not as JSON that is cut off in the middle."""
    monkeypatch.setattr("deploy.health.doctor.httpx.get", lambda *_, **__: answer)

    (found,) = _checked("api", _api, load(home=tmp_path)).findings

    assert found.cause == cause
