"""The reader of the README's tour: it must neither miss a command nor let a wrong answer pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tour import fits, steps


def test_a_console_block_is_read_command_by_command(tmp_path: Path) -> None:
    """Else the tour below could be empty and pass."""
    readme = tmp_path / "README.md"
    readme.write_text("# T\n```console\n$ echo a\na\n$ true\n$ echo b\nb …\n```\n")
    assert [tuple(step) for step in steps(readme)] == [("echo a", "a\n"), ("true", ""), ("echo b", "b …\n")]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a … c", "a b c", True),
        ("a … c", "a b d", False),
        ("", "", True),
        ("", "unexpected", False),
        ("a\n…\nz", "a\nb\nc\nz", True),
        ("(4 rows)", "(5 rows)", False),
    ],
)
def test_only_a_gap_may_differ(expected: str, printed: str, same: bool) -> None:
    """A tour that fits anything would prove nothing."""
    assert fits(expected, printed) is same
