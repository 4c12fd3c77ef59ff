"""The operators' handbook leaves out no state, category or verb, and names no command that is not there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from typer.core import TyperArgument, TyperGroup
from typer.main import get_command

from deploy.cli.main import app
from deploy.metrics import read_models, relay
from deploy.secrets import PUBLIC, RANDOM
from projections.control import rebuilds, shares, versions
from projections.registry import PROJECTIONS
from projections.runtime.decode import Category
from tests.support.tour import steps

PAGE: Final = Path(__file__).parents[3] / "deploy" / "HANDBOOK.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
ROOT: Final = get_command(app)


def commands(group: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that does something, as the words that call it."""
    if isinstance(group, TyperGroup):
        for name, command in group.commands.items():
            yield from commands(command, (*names, name))
    else:
        yield names


def named() -> list[str]:
    """Every `rapport ...` in the page: in its text and in its console blocks."""
    prose = re.sub(r"^```console\n.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`(rapport [^`]+)`", prose.replace("\n", " "))
    return found + [step.command for step in steps(PAGE) if step.command.startswith("rapport ")]


def rows(chapter: str) -> set[str]:
    """The names that the tables of a chapter explain: the first column, in code."""
    body = TEXT.split(f"\n## {chapter}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE))


def test_every_state_of_a_read_model_is_explained() -> None:
    states = {*read_models.STATES, *shares.WORKED_ON, shares.PAUSED, versions.CANDIDATE} - {shares.RUNNING}
    states |= {value for name, value in vars(rebuilds).items() if name.isupper() and isinstance(value, str)}
    assert rows("States of a read model") == states


def test_every_state_of_the_relay_is_explained() -> None:
    assert rows("States of the relay") == {*relay.STATES, "unknown"}


def test_every_category_of_a_parked_event_is_explained() -> None:
    assert rows("Parked events") == set(get_args(Category))


def test_every_key_file_is_named() -> None:
    backups = TEXT.split("\n## Backups\n", 1)[1]
    assert [name for name in (*RANDOM, PUBLIC) if f"`{name}`" not in backups] == []


@pytest.mark.parametrize("noun", ["projection", "relay", "store", "keys"])
def test_every_verb_that_an_operator_has_is_in_it(noun: str) -> None:
    said = named()
    verbs = [words for words in commands(ROOT) if words[0] == noun]
    assert verbs
    missing = [
        words
        for words in verbs
        if not any(f"{line} ".startswith(f"rapport {' '.join(words)} ") for line in said)
    ]
    assert missing == []


@pytest.mark.parametrize("line", sorted(set(named())))
def test_every_command_in_it_is_there_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command: Any = ROOT
    while words and isinstance(command, TyperGroup):
        assert words[0] in command.commands, f"there is no {line}"
        command = command.commands[words.pop(0)]
    options = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert [word for word in words if word.startswith("--") and word not in options] == []
    taken = [p.name for p in command.params if isinstance(p, TyperArgument) and p.required]
    if "name" in taken and len(words) > 0 and command.name not in ("create",):
        assert words[0] in {"NAME", *(projection.name for projection in PROJECTIONS)}


def test_every_option_that_stands_alone_in_it_is_one_of_some_command() -> None:
    known: set[str] = set()
    for words in commands(ROOT):
        command: Any = ROOT
        for word in words:
            command = command.commands[word]
        for parameter in command.params:
            known.update((*parameter.opts, *parameter.secondary_opts))
    alone = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert "--set-aside" in alone
    assert alone <= known


def test_every_make_target_in_it_is_there() -> None:
    makefile = (PAGE.parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"`make ([a-z-]+)", TEXT))
    assert "test-long" in targets
    assert [target for target in targets if f"\n{target}:" not in makefile] == []


def test_it_is_short_enough_to_be_read() -> None:
    assert len(TEXT.splitlines()) <= 400
