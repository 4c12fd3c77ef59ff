"""The tour of the demo as a list of commands with what they should print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TOUR = Path(__file__).parents[2] / "deploy" / "demo" / "TOUR.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GAP = "…"


class Step(NamedTuple):
    """One command of the tour and the lines that it should print, `…` standing for anything."""

    command: str
    expected: str


def steps(page: Path) -> list[Step]:
    """All commands of the page's console blocks, in order."""
    found: list[Step] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            found.append(Step(command, expected))
    return found


def fits(expected: str, printed: str) -> bool:
    """Whether what was printed is what was expected. Spaces at the ends of lines do not count."""
    pattern = ".*".join(re.escape(piece) for piece in _trimmed(expected).split(GAP))
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
