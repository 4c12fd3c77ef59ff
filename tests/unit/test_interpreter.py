"""With which Python the installation is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.local.interpreter import TRIALS, chosen

CANNOT = "exit 1"


def programs(folder: Path, says: Mapping[str, str]) -> str:
    """A folder with programs of these names, each a script."""
    folder.mkdir()
    for name, script in says.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("says", "taken"),
    [
        ({"python3": "echo 0.030", "python3.12": "echo 0.020"}, "python3.12"),
        ({"python3": "echo 0.024", "python3.12": "echo 0.020"}, "python3"),
        ({"python3": "echo 0.020", "python3.12": "echo 0.030"}, "python3"),
        ({"python3": CANNOT, "python3.11": "echo 0.020"}, "python3.11"),
        ({"python3": "echo 0.020", "python3.11": CANNOT, "python3.12": "echo hello"}, "python3"),
    ],
)
def test_python3_is_taken_unless_it_cannot_be_used_or_another_is_much_quicker(
    tmp_path: Path, says: dict[str, str], taken: str
) -> None:
    assert chosen(programs(tmp_path / "bin", says)) == str(tmp_path / "bin" / taken)


def test_where_none_can_be_used_python3_says_why_itself(tmp_path: Path) -> None:
    assert chosen(programs(tmp_path / "bin", {"python3": CANNOT})) == "python3"
    assert chosen(str(tmp_path / "nowhere")) == "python3"


def test_of_two_of_one_name_the_shell_s_comes_first_and_the_quick_one_is_found(tmp_path: Path) -> None:
    """As where a version manager's stands before the system's."""
    slow = programs(tmp_path / "shims", {"python3": "echo 0.030"})
    quick = programs(tmp_path / "bin", {"python3": "echo 0.020"})
    assert chosen(f"{slow}:{quick}") == f"{quick}/python3"


def test_a_moment_in_which_the_machine_had_other_work_does_not_decide(tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    once_slow = f"test -e {busy} && echo 0.020 || echo 0.040; touch {busy}"
    folder = programs(tmp_path / "bin", {"python3": "echo 0.030", "python3.12": once_slow})
    assert chosen(folder) == f"{folder}/python3.12"


def test_a_program_of_several_names_is_tried_as_one(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    folder = programs(tmp_path / "bin", {"python3.11": f"echo x >> {tried}; echo 0.020"})
    (tmp_path / "bin" / "python3").symlink_to("python3.11")
    assert chosen(folder) == f"{folder}/python3"
    assert tried.read_text() == "x\n" * TRIALS
