"""A newcomer finds at the top of each folder what lives there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PACKAGES = [
    file.parent.relative_to(CHECKOUT)
    for top in ("domain", "commands", "projections", "consumers", "api", "deploy", "tests")
    for file in sorted((CHECKOUT / top).rglob("__init__.py"))
]


def told(folder: Path) -> str:
    """What the folder says of itself; nothing where it says nothing."""
    return ast.get_docstring(ast.parse((CHECKOUT / folder / "__init__.py").read_text())) or ""


@pytest.mark.parametrize("folder", PACKAGES, ids=str)
def test_a_folder_says_what_lives_there(folder: Path) -> None:
    assert told(folder), f"{folder}/__init__.py has no docstring"


@pytest.mark.parametrize("folder", ["relay", "worker", "rebuild", "recovery"])
def test_every_module_of_a_process_is_named(folder: str) -> None:
    named = set(re.findall(r"`(\w+)`", told(Path("consumers") / folder)))
    modules = {file.stem for file in (CHECKOUT / "consumers" / folder).glob("[!_]*.py")}
    assert modules == named, f"name each module in consumers/{folder}/__init__.py, and no other"


def test_every_process_is_named() -> None:
    named = set(re.findall(r"`(\w+)/`", told(Path("consumers"))))
    assert named == {file.parent.name for file in (CHECKOUT / "consumers").glob("*/__init__.py")}


def test_every_folder_of_the_tests_is_named() -> None:
    """Those that pytest collects from are no packages, and say it where the tests begin."""
    folders = {path.name for path in (CHECKOUT / "tests").iterdir() if any(path.glob("*.py"))}
    assert folders <= set(re.findall(r"`(\w+)/`", told(Path("tests"))))
