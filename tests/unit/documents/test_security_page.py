"""SECURITY.md is true as far as it can be checked: tests that exist, all scopes, roles and files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from commands.directory.api_keys import SCOPES
from commands.store.roles import ROLES
from deploy.secrets import PUBLIC, RANDOM

CHECKOUT = Path(__file__).parents[3]
PAGE = (CHECKOUT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ATTACKS = (
    "stolen API key", "stolen database dump", "malicious operator", "replayed request", "poisoned event",
    "oversized body", "injection through every field", "topic written by a stranger",
)  # fmt: skip


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables behind a heading, without their titles."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for table in tables
        for line in table.splitlines()[2:]
    ]


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[f"{Path(file).stem}::{test}" for file, test in NAMED])
def test_every_test_that_is_named_exists(file: str, test: str) -> None:
    tree = ast.parse((CHECKOUT / file).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert test in found, (
        f"SECURITY.md names {file}::{test}, which is not there. Name the test that shows it."
    )


def test_every_attack_is_met_and_shown() -> None:
    found = rows("Attacks")
    for attack in ATTACKS:
        assert any(row[0].startswith(attack) for row in found), attack
    for attack, met, shown in found:
        assert met, attack
        assert "::" in shown, f"nothing shows how {attack!r} is met"


def test_every_scope_role_and_file_is_told() -> None:
    told = {name for row in rows("Who may do what") for name in re.findall(r"`([\w:*-]+)`", row[0])}
    assert set(SCOPES) | set(ROLES) | {*RANDOM, PUBLIC} <= told
    known = set(SCOPES) | set(ROLES) | {*RANDOM, PUBLIC, "password-*"}
    assert told == known, "SECURITY.md tells of what is not there"
