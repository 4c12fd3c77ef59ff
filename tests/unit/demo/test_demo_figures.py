"""The demo's table tells when a figure is wrong, and the command's exit code says the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from typer import Exit

from commands.imports.kit.report import ImportReport, RowProblem
from deploy.cli import demo
from deploy.demo import show
from deploy.demo.figures import Figure, compare

EXPECTED: dict[str, int | Decimal] = {"won": 2, "won value": 100}


def test_each_source_that_gives_a_figure_has_a_line_of_its_own() -> None:
    """Views and board are read apart: one may be right while the other is not."""
    found = compare(EXPECTED, {"views": {"won": 2, "won value": Decimal("100.00")}, "board": {"won": 3}})
    assert [(f.name, f.source, f.right) for f in found] == [
        ("won", "views", True),
        ("won", "board", False),
        ("won value", "views", True),
    ]


def test_an_amount_that_differs_by_cents_differs() -> None:
    """Nothing is rounded before it is compared."""
    (figure,) = compare({"won value": 100}, {"views": {"won value": Decimal("100.40")}})
    assert not figure.right
    assert demo.lines([figure])[1].split() == ["won", "value", "views", "100", "100.40", "<-", "differs"]


def test_a_figure_that_nobody_gives_is_wrong() -> None:
    """Otherwise a renamed column would make a figure vanish from the table unseen."""
    figures = compare(EXPECTED, {"views": {"won": 2}})
    assert [(f.name, f.source, f.right) for f in figures] == [
        ("won", "views", True),
        ("won value", "nowhere", False),
    ]
    assert demo.lines(figures)[-1] == "1 of 2 figures differ from what is expected."


def no_stack(
    monkeypatch: pytest.MonkeyPatch, problems: list[RowProblem], figures: list[Figure]
) -> list[dict[str, Any]]:
    """The demo with nothing behind it; how it asks for what it would run on."""
    asked = []

    @contextmanager
    def stack(*_: Any, **options: Any) -> Iterator[None]:
        asked.append(options)
        yield None

    reports = [("maven-crm", ImportReport(failed=problems))]
    monkeypatch.setattr("deploy.up.Stack", stack)
    monkeypatch.setattr(show, "imported", lambda *_: show.ImportTimes(reports, 41.6, 51.2))
    monkeypatch.setattr(show, "compared", lambda *_: figures)
    return asked


def test_it_may_fall_back_to_a_stand_in_and_says_how_long_it_took(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes of the permission: `tests/integration/demo/test_demo_fallback.py`."""
    asked = no_stack(monkeypatch, [], [])
    demo.demo(leave=True)
    assert asked == [{"may_stand_in": True}]
    assert "Imported in 42 s, all visible after 51 s." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "problems", "code"),
    [
        (2, [], None),
        (3, [], 1),
        (2, [RowProblem("accounts.csv", 3, "It is bad.")], 1),
    ],
    ids=["all right", "a figure differs", "a row was not taken"],
)
def test_the_exit_code_says_whether_all_is_right(
    monkeypatch: pytest.MonkeyPatch, found: int, problems: list[RowProblem], code: int | None
) -> None:
    """With `--exit`; the stack itself is left out here."""

    figures = [Figure(name="won", expected=2, found=found, source="views")]
    no_stack(monkeypatch, problems, figures)
    if code is None:
        demo.demo(leave=True)
    else:
        with pytest.raises(Exit) as left:
            demo.demo(leave=True)
        assert left.value.exit_code == code
