"""The finished examples of CONTRIBUTING.md and projections/README.md: which text belongs where.

A line in front of a code block says it, such as

    `domain/sales/lead/events.py`, before `LeadEvent = (`:

or, for one line, with its text behind the colon:

    - `domain/sales/lead/state.py`, before `LeadEvent,`: `Flagged,`

A path alone is a new file. Else the block is put `before`, `after` or `in place of` the one line that reads
so, indentation aside, or `at the end`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.settings import CHECKOUT

PAGES: Final = (CHECKOUT / "CONTRIBUTING.md", CHECKOUT / "projections" / "README.md")

_BLOCK: Final = re.compile(
    r"^(?:- )?`(?P<path>[^`\n]+\.\w+)`(?:, (?:(?P<where>before|after|in place of) `(?P<line>[^`\n]+)`"
    r"|(?P<end>at the end)))?:(?: `(?P<inline>[^`\n]+)`|\n+```\w+\n(?P<text>.*?)^```)$",
    re.MULTILINE | re.DOTALL,
)
_TITLE: Final = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One code block: `where` is empty for a new file. `inline` is one line, indented as the one named."""

    path: str
    where: str
    line: str
    text: str
    inline: str


def chapters() -> dict[str, list[Block]]:
    """The blocks of each chapter that has some, by its title."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    parts = _TITLE.split(text)[1:]
    found = {title: list(_blocks(text)) for title, text in zip(parts[::2], parts[1::2], strict=True)}
    return {title: blocks for title, blocks in found.items() if blocks}


def _blocks(text: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(text):
        yield Block(
            path=match["path"],
            where=match["where"] or match["end"] or "",
            line=match["line"] or "",
            text=match["text"] or "",
            inline=match["inline"] or "",
        )


def apply(block: Block, checkout: Path) -> None:
    """Puts the block into a checkout. Raises `ValueError` where its place is not there, or is there twice."""
    file = checkout / block.path
    if not block.where:
        if file.exists():
            raise ValueError(
                f"{block.path} is there already. Say in CONTRIBUTING.md where the block belongs."
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    if block.where == "at the end":
        lines.append(block.text)
    else:
        places = [number for number, line in enumerate(lines) if line.strip() == block.line]
        if len(places) != 1:
            raise ValueError(f"{len(places)} lines of {block.path} read `{block.line}`. Name another line.")
        named = lines[places[0]]
        margin = named[: len(named) - len(named.lstrip())]
        text = f"{margin}{block.inline}\n" if block.inline else block.text
        first = places[0] + (block.where == "after")
        lines[first : first + (block.where == "in place of")] = [text]
    file.write_text("".join(lines), encoding="utf-8")
