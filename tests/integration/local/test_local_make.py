"""The make targets: listed, handing on their arguments, and clear about a Python that is too old."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
TARGETS = {
    "demo", "up", "test", "test-long", "freeze", "check", "format", "lock", "audit-dependencies", "bench",
    "clean", ".venv", "help",
}  # fmt: skip


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, untouched by a make that runs these tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    env.pop("PYTHON", None)  # the Makefile's variable: who runs these tests may have set it
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The Makefile in a folder of its own, with nothing installed."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    return tmp_path


def test_make_alone_lists_every_target_with_what_it_does(copy: Path) -> None:
    """Then each target has a line, and nothing is installed for it."""
    shown = make(copy)
    assert shown.returncode == 0
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", shown.stdout, re.MULTILINE))
    assert set(listed) == TARGETS
    assert not (copy / ".venv").exists()


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["demo", "DEMO_ARGS=--exit"], ".venv/bin/rapport demo --exit"),
        (["up", "UP_ARGS=--workers 2"], ".venv/bin/rapport up --workers 2"),
        (["bench", "BENCH_ARGS=append"], ".venv/bin/rapport bench append"),
        (["test"], ".venv/bin/python -m pytest"),
        (["check"], ".venv/bin/mypy"),
        (["freeze"], ".venv/bin/python -m tests.support.freeze"),
    ],
)
def test_a_target_runs_its_command_after_the_installation(copy: Path, words: list[str], runs: str) -> None:
    """Given nothing installed, then hashes are required, our own package comes without any, then it runs."""
    planned = make(copy, "--dry-run", *words).stdout
    order = [
        planned.index("pip install --quiet --require-hashes -r requirements.lock"),
        planned.index("pip install --quiet --no-deps --no-build-isolation -e ."),
        planned.index(runs),
    ]
    assert order == sorted(order)


def test_an_installation_is_done_once_for_each_lock_file(copy: Path) -> None:
    """Given an installation newer than the lock file, then nothing is installed; without one, it is."""
    (copy / ".venv").mkdir()
    (copy / ".venv" / "stamp").touch()
    assert "pip install" not in make(copy, "--dry-run", "test").stdout
    (copy / ".venv" / "stamp").unlink()
    assert "pip install" in make(copy, "--dry-run", "test").stdout


@pytest.mark.parametrize(("words", "python"), [([], "python3"), (["PYTHON=python3.12"], "python3.12")])
def test_the_installation_is_made_with_python3_or_with_the_one_that_is_named(
    copy: Path, words: list[str], python: str
) -> None:
    """Given other Pythons on the machine, then none of them is tried or taken by itself."""
    planned = make(copy, "--dry-run", ".venv", *words).stdout
    assert f'python="{python}"' in planned
    assert "deploy/" not in planned


def test_a_python_that_is_too_old_is_named(copy: Path) -> None:
    """Given Python 3.9, then the sentence names it and what to do, and nothing is made."""
    old = copy / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    refused = make(copy, "check", f"PYTHON={old}")
    assert refused.returncode != 0
    assert f"Rapport needs Python 3.11 or later, and {old} is Python 3.9.2." in refused.stderr
    assert "make PYTHON=python3.11" in refused.stderr
    assert not (copy / ".venv").exists()
