"""The examples of CONTRIBUTING.md, put into a copy of the checkout, are complete and pass the checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.settings import CHECKOUT
from tests.support import examples

WALKING = (
    "tests/unit/events/test_record_types.py",
    "tests/unit/events/test_frozen_events.py",
    "tests/unit/events/test_registry.py",
    "tests/unit/events/test_no_private_repr.py",
    "tests/unit/operations/test_surface.py",
    "tests/unit/projections/test_fingerprints.py",
    "tests/unit/projections/test_record_families.py",
    "tests/unit/audit/test_audit_replay.py",
    "tests/laws/test_rows_of_one_party.py",
)
"""Tests of what is made from the record types and the registry."""
MOST_FILES = {
    "Add a command": 5,
    "Add a record type": 8,
    "Add a read model": 7,
    "Add a CLI noun": 3,
}


def run(checkout: Path, *words: str) -> str:
    """A Python module, in the copy alone; what it said. Fails with that."""
    variables = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", *words], cwd=checkout, env=variables, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-6_000:]}\n{done.stderr[-3_000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout with every example in it."""
    checkout = tmp_path_factory.mktemp("contributing") / "checkout"
    left_out = shutil.ignore_patterns(".venv", ".git", ".rapport", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(CHECKOUT, checkout, ignore=left_out)
    for blocks in examples.chapters().values():
        for block in blocks:
            examples.apply(block, checkout)
    return checkout


def test_no_addition_touches_more_files_than_it_has_to() -> None:
    touched = {title: len({each.path for each in blocks}) for title, blocks in examples.chapters().items()}
    assert touched.keys() == MOST_FILES.keys()
    assert {title: count for title, count in touched.items() if count > MOST_FILES[title]} == {}


def test_the_examples_pass_all_that_walks_over_records_and_read_models(copied: Path) -> None:
    """Given the examples alone, when what is generated is written, then all tests of them pass."""
    touched = sorted({each.path for blocks in examples.chapters().values() for each in blocks})
    python = [path for path in touched if path.endswith(".py")]
    run(copied, "ruff", "check", "--fix", "--no-cache", "-q", *python)
    run(copied, "ruff", "format", "--no-cache", "-q", *python)
    wrote = run(copied, "tests.support.freeze")
    assert "Wrote tests/unit/frozen/events/crm.memo.written.1.json." in wrote
    own = [path for path in python if path.startswith("tests/")]
    run(copied, "pytest", "-q", "-p", "no:cacheprovider", *own, *WALKING)
    assert run(copied, "tests.support.freeze") == "Everything is written already.\n"
