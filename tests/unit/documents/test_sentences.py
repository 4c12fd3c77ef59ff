"""Messages, docstrings, comments and pages are plain sentences: subject, verb, object, active, short."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
KINDS = ("*.py", "*.md", "*.sql", "*.toml")
NOT_READ = ("CHANGELOG.md", "tests")

TWISTED = {
    pattern: re.compile(pattern.replace(" ", " +"))
    for pattern in (
        r"\b(?i:is|are|was|were) (?:none|told|asked|given back)\b",
        r"\b(?i:is|are|was|were) no (?i:date|amount|CSV|JSON|text|email)\b",
        r"\b(?i:what there is)\b",
        r"\b(?i:there told)\b",
        r"\b(?:Of|To) \w+, (?:nothing|nobody|each)\b",
        r"\b(?i:the one that is named)\b",
        r"\b(?i:is told (?:of|what|when))\b",
        r"\bAnswers\b",
        # A server may answer a request.
        r"\b(?i:answers (?:with|a(?! request\b)|an|the|what|how|for|None|whether))\b",
    )
}
"""What makes a sentence be read twice. `None` is a value of Python, `none` a word."""

BREAK = re.compile(r"\"?\n[ \t]*(?:#|--|f?\"(?!\"))?[ \t]*")
"""The end of a line inside a sentence: of prose, of a comment, of a text in several literals."""


def tops() -> list[str]:
    """The tracked folders and files at the top of the checkout that have something to read."""
    return sorted({file.parts[0] for file in tracked(".") if file.parts[0] not in NOT_READ})


def tracked(top: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *(f"{top}/{kind}" for kind in KINDS), top],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = [Path(name) for name in listed.split("\0") if name]
    return [file for file in files if f"*{file.suffix}" in KINDS and (CHECKOUT / file).exists()]


def twisted(text: str) -> Iterator[tuple[int, str]]:
    """Yields line number and words of each twisted turn of phrase in the text."""
    flat = BREAK.sub(lambda found: " " * len(found[0]), text)
    for pattern in TWISTED.values():
        for found in pattern.finditer(flat):
            yield text.count("\n", 0, found.start()) + 1, " ".join(found[0].split())


@pytest.mark.parametrize("top", tops())
def test_sentences_are_plain(top: str) -> None:
    found = [
        f"{file}:{line}: {words}"
        for file in tracked(top)
        for line, words in sorted(twisted((CHECKOUT / file).read_text()))
    ]
    assert not found, "say who does what, in the present tense:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "sentence",
    [
        "The date is none.",
        "Whose they are\n    # is asked of the rows.",
        '"The answer is "\n        f"no JSON."',
        "Returns what there is.",
        "Of nothing, nothing is done.",
        "To whom it may concern. To it, nobody answers.",
        "Answers the row.",
        "It answers whether it is so.",
        "It is told when to stop.",
    ],
)
def test_a_twisted_sentence_is_found(sentence: str) -> None:
    assert list(twisted(sentence))


@pytest.mark.parametrize(
    "sentence",
    [
        "Returns the row after the event.",
        "The server answers a request.",
        "It answers requests.",
        "if row is None: return None",
        "The answers hold the rows.",
    ],
)
def test_a_plain_sentence_is_not_found(sentence: str) -> None:
    assert not list(twisted(sentence))
