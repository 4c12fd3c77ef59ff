"""What commands say is counted as people count."""

from __future__ import annotations

import pytest

from deploy.cli.output import counted, number


@pytest.mark.parametrize(
    ("value", "words", "said"),
    [
        (0, ("event",), "0 events"),
        (1, ("event",), "1 event"),
        (1_002, ("event",), "1,002 events"),
        (1, ("aggregate waits", "aggregates wait"), "1 aggregate waits"),
        (2, ("aggregate waits", "aggregates wait"), "2 aggregates wait"),
    ],
)
def test_one_is_singular_and_all_else_is_not(value: int, words: tuple[str, ...], said: str) -> None:
    assert counted(value, *words) == said


def test_a_trace_below_zero_is_zero() -> None:
    assert (number(-0.04), number(-0.06), number(0.0), number(1_234.56)) == ("0.0", "-0.1", "0.0", "1,234.6")
